"""Configurations of others as an :class:`Architecture`: Hugging Face's config.json, nanoGPT's arguments, torchtitan's files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from quokka_laws.architectures.architecture import Architecture, Experts, LatentAttention
from quokka_laws.architectures.read_torchtitan import read_python, read_toml
from quokka_laws.exceptions import ArgumentError

Config = Mapping[str, Any]


def read(source: str | Path | Config, *, flavour: str | None = None) -> Architecture:
    """An architecture from a configuration.

    Parameters
    ----------
    source : path or mapping
        Hugging Face's ``config.json``, or its content; nanoGPT's arguments (``n_layer``, ``n_head``, ``n_embd``) without a
        ``model_type``; a Python file of torchtitan's models, or a job's TOML that names one.
    flavour : str, optional
        Which model of torchtitan's file: ``"8B"``.

    Returns
    -------
    Architecture

    Raises
    ------
    ArgumentError
        For a file that is no configuration, a model type that is not known, or sizes that are missing or wrong: all at once.
    """
    if not isinstance(source, Mapping) and (path := Path(source)).suffix.lower() in (".py", ".toml"):
        text = _text(path)
        return read_toml(text, path.name) if path.suffix.lower() == ".toml" else read_python(text, path.name, flavour)
    config = source if isinstance(source, Mapping) else _file(Path(source))
    if "text_config" in config and "hidden_size" not in config:  # of a model that also sees images
        config = config["text_config"]
    kind = config.get("model_type") or ("nanogpt" if "n_embd" in config else None)
    if kind is None:
        raise ArgumentError(
            "the configuration has no model_type; it is Hugging Face's config.json, or n_layer, n_head and n_embd"
        )
    if kind not in FAMILIES:
        raise ArgumentError(
            f"model_type {kind!r} is not one whose parameters can be counted; known are {', '.join(sorted(FAMILIES))}. Count it by "
            "--layers, --width, --heads and the like if it is a decoder-only transformer"
        )
    fields = _Fields(config)
    made = FAMILIES[kind](fields)
    if fields.missing:
        raise ArgumentError(f"the configuration of {kind!r} lacks {', '.join(fields.missing)}")
    return Architecture(**made)


class _Fields:
    """Entries of a configuration; those that are missing are collected."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.missing: list[str] = []

    def __call__(self, *names: str, default: Any = None) -> Any:
        for name in names:
            if self.config.get(name) is not None:
                return self.config[name]
        if default is None:
            self.missing.append(names[0])
            return 1
        return default


def _file(path: Path) -> Config:
    try:
        found = json.loads(_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ArgumentError(f"{path}: not JSON ({error})") from None
    if not isinstance(found, dict):
        raise ArgumentError(f"{path}: holds a {type(found).__name__}; a configuration is an object with a model_type")
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ArgumentError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise ArgumentError(f"{path}: not text ({error})") from None


def _sizes(c: _Fields) -> dict[str, Any]:
    """What most of Hugging Face's configurations call alike."""
    heads, width = c("num_attention_heads"), c("hidden_size")
    return {
        "layers": c("num_hidden_layers"),
        "width": width,
        "vocabulary": c("vocab_size"),
        "heads": heads,
        "kv_heads": c("num_key_value_heads", default=heads),
        "head_size": c("head_dim", default=_share(width, heads)),
        "feed_forward": c("intermediate_size"),
        "tied": bool(c("tie_word_embeddings", default=False)),
    }


def _share(width: Any, heads: Any) -> Any:
    both = isinstance(width, int) and isinstance(heads, int) and heads > 0
    return width // heads if both else 1


def _llama(c: _Fields, **different: Any) -> dict[str, Any]:
    bias = bool(c("attention_bias", default=False))
    ffn_bias = bool(c("mlp_bias", default=False))
    made = {**_sizes(c), "query_key_value_bias": bias, "output_bias": bias, "feed_forward_bias": ffn_bias}
    return {**made, **different}


def _tied_llama(c: _Fields, **different: Any) -> dict[str, Any]:
    return _llama(c, tied=bool(c("tie_word_embeddings", default=True)), **different)


def _mixture(c: _Fields, experts: Experts, **different: Any) -> dict[str, Any]:
    return _llama(c, experts=experts, **different)


def _qwen3_moe(c: _Fields) -> dict[str, Any]:
    dense = c("mlp_only_layers", default=[])
    experts = Experts(
        c("num_experts", "num_local_experts"),
        c("num_experts_per_tok"),
        c("moe_intermediate_size"),
        dense_layers=len(dense) if isinstance(dense, list) else 0,
    )
    return _mixture(c, experts, query_key_norm="head")


def _deepseek(c: _Fields) -> dict[str, Any]:
    width = c("moe_intermediate_size")
    experts = Experts(
        c("n_routed_experts"),
        c("num_experts_per_tok"),
        width,
        shared_feed_forward=c("n_shared_experts", default=0) * width,
        dense_layers=c("first_k_dense_replace", default=0),
    )
    rank = c.config.get("q_lora_rank")
    latent = LatentAttention(
        c("kv_lora_rank"), rank or 0, c("qk_nope_head_dim"), c("qk_rope_head_dim"), c("v_head_dim")
    )
    return _mixture(c, experts, latent=latent)


def _gpt_oss(c: _Fields) -> dict[str, Any]:
    experts = Experts(c("num_local_experts"), c("num_experts_per_tok"), c("intermediate_size"), bias=True)
    biased = bool(c("attention_bias", default=True))
    return _mixture(c, experts, sinks=True, query_key_value_bias=biased, output_bias=biased)


def _gpt2(c: _Fields, *, biases: bool = True) -> dict[str, Any]:
    width, heads = c("n_embd"), c("n_head")
    return {
        "layers": c("n_layer"),
        "width": width,
        "vocabulary": c("vocab_size", default=50257),
        "heads": heads,
        "kv_heads": heads,
        "head_size": _share(width, heads),
        "feed_forward": c("n_inner", default=4 * width),
        "gated": False,
        "tied": bool(c("tie_word_embeddings", default=True)),
        "positions": c("n_positions", "block_size", default=1024),
        "norm": "layer" if biases else "rms",
        "query_key_value_bias": biases,
        "output_bias": biases,
        "feed_forward_bias": biases,
    }


def _nanogpt(c: _Fields) -> dict[str, Any]:
    """nanoGPT: the table of its default vocabulary is padded to 50,304; ``bias=False`` drops those of norms too."""
    return _gpt2(c, biases=bool(c("bias", default=True))) | {"vocabulary": c("vocab_size", default=50304)}


def _plain(c: _Fields, *, biases: bool, **different: Any) -> dict[str, Any]:
    """Two matrices and LayerNorm."""
    made = {
        **_sizes(c),
        "gated": False,
        "norm": "layer",
        "query_key_value_bias": biases,
        "output_bias": biases,
        "feed_forward_bias": biases,
    }
    return {**made, **different}


def _gpt_neox(c: _Fields) -> dict[str, Any]:
    biased = bool(c("attention_bias", default=True))
    return _plain(c, biases=True, query_key_value_bias=biased, output_bias=biased)


def _falcon(c: _Fields) -> dict[str, Any]:
    width, heads = c("hidden_size"), c("num_attention_heads")
    new = bool(c("new_decoder_architecture", default=False))
    multi = bool(c("multi_query", default=True))
    biases = bool(c("bias", default=False))
    alone = bool(c("parallel_attn", default=True)) and not new
    two = new and c("num_ln_in_parallel_attn", default=2) == 2
    return {
        "layers": c("num_hidden_layers"),
        "width": width,
        "vocabulary": c("vocab_size"),
        "heads": heads,
        "kv_heads": c("num_kv_heads", default=heads) if new or not multi else 1,
        "head_size": _share(width, heads),
        "feed_forward": c("ffn_hidden_size", default=4 * width),
        "gated": False,
        "tied": bool(c("tie_word_embeddings", default=True)),
        "norm": "layer",
        "norms_per_layer": 1 if alone or (new and not two) else 2,
        "query_key_value_bias": biases,
        "output_bias": biases,
        "feed_forward_bias": biases,
    }


FAMILIES: dict[str, Callable[[_Fields], dict[str, Any]]] = {
    "deepseek_v3": _deepseek,
    "falcon": _falcon,
    "gemma": _tied_llama,
    "gemma2": lambda c: _tied_llama(c, norms_per_layer=4),
    "gemma3_text": lambda c: _tied_llama(c, norms_per_layer=4, query_key_norm="head"),
    "gpt2": _gpt2,
    "gpt_neox": _gpt_neox,
    "gpt_oss": _gpt_oss,
    "llama": _llama,
    "mistral": _llama,
    "mixtral": lambda c: _mixture(c, Experts(c("num_local_experts"), c("num_experts_per_tok"), c("intermediate_size"))),
    "nanogpt": _nanogpt,
    "olmo2": lambda c: _llama(c, query_key_norm="full"),
    "olmoe": lambda c: _mixture(
        c, Experts(c("num_experts"), c("num_experts_per_tok"), c("intermediate_size")), query_key_norm="full"
    ),
    "phi": lambda c: _plain(c, biases=True, norms_per_layer=1, head_bias=True),
    "phi3": _llama,
    "qwen2": lambda c: _llama(c, query_key_value_bias=True, output_bias=False),
    "qwen3": lambda c: _llama(c, query_key_norm="head"),
    "qwen3_moe": _qwen3_moe,
    "starcoder2": lambda c: _plain(
        c, biases=bool(c("use_bias", default=True)), tied=bool(c("tie_word_embeddings", default=True))
    ),
}
"""``model_type`` → the arguments of an :class:`Architecture`; checked against ``transformers`` to the parameter."""
