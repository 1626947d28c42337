"""Counts are those of the models that transformers builds, to the parameter, and of torch's own FLOP counter."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from quokka_laws import architectures
from quokka_laws.architectures.read import FAMILIES

SMALL: dict[str, Any] = {
    "vocab_size": 512,
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 96,
}
HAND_MADE: dict[str, dict[str, Any]] = {
    "llama": {**SMALL, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True},
    "qwen3_moe": {**SMALL, "num_experts": 8, "moe_intermediate_size": 32, "mlp_only_layers": [0], "head_dim": 16},
    "deepseek_v3": {
        **SMALL,
        "q_lora_rank": None,
        "n_routed_experts": 4,
        "num_experts_per_tok": 2,
        "n_group": 1,
        "topk_group": 1,
    },
    "falcon": {
        "vocab_size": 512,
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "new_decoder_architecture": True,
        "num_kv_heads": 2,
        "bias": True,
    },
    "gpt2": {"vocab_size": 512, "n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 128},
}


def built(kind: str, **settings: Any) -> tuple[int, dict[str, Any]]:
    """Parameters of the model that transformers builds, on the meta device, and its configuration."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = transformers.AutoConfig.for_model(kind, **settings)
        with torch.device("meta"):
            model = transformers.AutoModelForCausalLM.from_config(config)
    return sum(p.numel() for p in model.parameters()), config.to_dict()


@pytest.mark.parametrize("kind", sorted(set(FAMILIES) - {"nanogpt"}))
def test_default_configurations_to_the_parameter(kind: str) -> None:
    total, config = built(kind)
    assert architectures.count(architectures.read(config)).total == total


@pytest.mark.parametrize("kind", sorted(HAND_MADE))
def test_configurations_of_other_shapes_to_the_parameter(kind: str) -> None:
    total, config = built(kind, **HAND_MADE[kind])
    assert architectures.count(architectures.read(config)).total == total


def test_flops_are_those_of_torchs_counter() -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from torch.utils.flop_counter import FlopCounterMode

    config = transformers.AutoConfig.for_model("llama", **SMALL)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    tokens = torch.zeros((1, 48), dtype=torch.long)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(tokens, use_cache=False)
    found = architectures.count(architectures.read(config.to_dict()), context=48, causal=False)
    rotary = counter.get_total_flops() / 48 - sum(found.forward_flops.values())
    assert 0 <= rotary <= 2 * SMALL["hidden_size"]  # the angles of the rotary positions, a matrix product of one row


def test_mixtures_count_what_a_token_goes_through() -> None:
    _, config = built("mixtral")
    found = architectures.count(architectures.read(config))
    assert found.total == pytest.approx(46.7e9, rel=1e-3)
    assert found.total_active == pytest.approx(12.9e9, rel=5e-3)  # as Mixtral's paper has it (arXiv 2401.04088)
    assert found.training_flops_per_token < 6.6 * found.total_active


def test_gpt3_costs_six_n_d_and_its_attention() -> None:
    gpt3 = architectures.Architecture(
        96, 12288, 50257, 96, 96, 128, 4 * 12288, gated=False, tied=True, positions=2048, norm="layer"
    )
    found = architectures.count(gpt3, context=2048)
    assert found.total == pytest.approx(175e9, rel=0.01)
    assert found.training_flops_per_token == pytest.approx(6 * found.total, rel=0.03)


def test_halving_attention_and_the_cache() -> None:
    llama = architectures.read({"model_type": "llama", **SMALL})
    full, half = (
        architectures.count(llama, context=1024, causal=c).forward_flops["attention scores"] for c in (False, True)
    )
    assert half / full == pytest.approx(0.5, abs=1e-3)
    assert architectures.count(llama).cache_bytes_per_token == 2 * 3 * 2 * 2 * 16
