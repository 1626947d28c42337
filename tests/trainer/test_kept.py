"""Kept models come back as they were, and are what their configuration says to other libraries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from reference_trainer.errors import TrainerError
from reference_trainer.kept import load_model, save_model
from reference_trainer.model import Transformer
from reference_trainer.spec import RunSpec

SPEC = RunSpec(objective="autoregressive", width=32, depth=2, context=16, head_size=8, rope_base=100.0, init="mup")


@pytest.fixture
def pack() -> Transformer:
    pack = Transformer(SPEC.shape(11), [0, 1], init="mup")
    with torch.no_grad():
        pack.flat.add_(0.1 * torch.randn(pack.flat.shape, generator=torch.Generator().manual_seed(0)))
    return pack


def test_a_model_of_a_pack_comes_back_bit_for_bit(pack: Transformer, tmp_path: Path) -> None:
    save_model(pack, 1, SPEC, {"loss": 1.5}, (3, 5), tmp_path / "m")
    for path in (tmp_path / "m", tmp_path / "m" / "model.safetensors", tmp_path / "m" / "config.json"):
        model, spec, about = load_model(path)
        assert torch.equal(model.flat, pack.flat[1:])
        assert spec == SPEC
        assert (about["row"], about["alphabet"]) == ({"loss": 1.5}, [3, 5])


def test_damaged_models_are_named(pack: Transformer, tmp_path: Path) -> None:
    save_model(pack, 0, SPEC, {}, None, tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(TrainerError, match="is not a kept model of this trainer"):
        load_model(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(TrainerError, match=r"model\.safetensors missing"):
        load_model(tmp_path)


@pytest.mark.filterwarnings("ignore")
def test_transformers_loads_it_as_qwen3(pack: Transformer, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="needs transformers")
    if not hasattr(transformers, "Qwen3ForCausalLM"):
        pytest.skip("this transformers has no Qwen3")
    save_model(pack, 0, SPEC, {}, None, tmp_path)
    there = transformers.Qwen3ForCausalLM.from_pretrained(tmp_path, attn_implementation="eager").eval()
    assert json.loads((tmp_path / "config.json").read_text())["vocab_size"] == there.config.vocab_size
    tokens = torch.randint(11, (3, 16), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        logits = there(tokens).logits[..., :11]
        torch.testing.assert_close(logits, pack.single(0)(tokens[None])[0], rtol=1e-4, atol=1e-5)
