"""An architecture as configurations that trainers read: Hugging Face's, Megatron-LM's and nanoGPT's."""

from __future__ import annotations

import json
import shlex
from typing import Any

from quokka_laws.architectures.architecture import Architecture
from quokka_laws.exceptions import ArgumentError

FORMATS = ("huggingface", "megatron", "nanogpt")


def write(architecture: Architecture, form: str = "huggingface", *, context: int = 2048) -> str:
    """A dense architecture in another project's words.

    Parameters
    ----------
    architecture : Architecture
    form : {'huggingface', 'megatron', 'nanogpt'}
        A ``config.json`` of a Llama (of a Qwen3 with norms of queries and keys); options of Megatron-LM's ``pretrain_gpt.py``
        (``megatron/training/arguments.py``); arguments of nanoGPT's ``train.py``.
    context : int
        Longest sequence.

    Returns
    -------
    str

    Raises
    ------
    ArgumentError
        If the format has no words for something the architecture has.
    """
    if form not in FORMATS:
        raise ArgumentError(f"form = {form!r}: one of {', '.join(FORMATS)}")
    a = architecture
    if a.experts is not None or a.latent is not None:
        raise ArgumentError("mixtures of experts and latent attention are read and counted, but not written")
    return {"huggingface": _huggingface, "megatron": _megatron, "nanogpt": _nanogpt}[form](a, context)


def _need(a: Architecture, form: str, **expected: Any) -> None:
    other = [f"{k.replace('_', ' ')} = {getattr(a, k)!r}" for k, v in expected.items() if getattr(a, k) not in v]
    if other:
        raise ArgumentError(f"{form} has no words for {', '.join(other)}")


def _huggingface(a: Architecture, context: int) -> str:
    _need(
        a,
        "a Llama's configuration",
        gated=[True],
        norm=["rms"],
        norms_per_layer=[2],
        positions=[0],
        query_key_norm=["none", "head"],
        sinks=[False],
        head_bias=[False],
    )
    _need(a, "a Llama's configuration", output_bias=[a.query_key_value_bias])
    kind = "llama" if a.query_key_norm == "none" else "qwen3"
    config: dict[str, Any] = {
        "architectures": [{"llama": "LlamaForCausalLM", "qwen3": "Qwen3ForCausalLM"}[kind]],
        "model_type": kind,
        "hidden_size": a.width,
        "intermediate_size": a.feed_forward,
        "num_hidden_layers": a.layers,
        "num_attention_heads": a.heads,
        "num_key_value_heads": a.kv_heads,
        "head_dim": a.head_size,
        "vocab_size": a.vocabulary,
        "max_position_embeddings": context,
        "tie_word_embeddings": a.tied,
        "attention_bias": a.query_key_value_bias,
        "hidden_act": "silu",
    }
    if kind == "llama":
        config["mlp_bias"] = a.feed_forward_bias
    return json.dumps(config, indent=2) + "\n"


def _megatron(a: Architecture, context: int) -> str:
    _need(a, "Megatron-LM", norms_per_layer=[2], query_key_norm=["none", "head"], sinks=[False], head_bias=[False])
    biased = a.query_key_value_bias
    _need(a, "Megatron-LM", output_bias=[biased], feed_forward_bias=[biased])
    options: dict[str, Any] = {
        "num-layers": a.layers,
        "hidden-size": a.width,
        "ffn-hidden-size": a.feed_forward,
        "num-attention-heads": a.heads,
        "kv-channels": a.head_size,
        "seq-length": context,
        "max-position-embeddings": a.positions or context,
        "position-embedding-type": "learned_absolute" if a.positions else "rope",
        "normalization": {"rms": "RMSNorm", "layer": "LayerNorm"}[a.norm],
        "make-vocab-size-divisible-by": 1,
    }
    flags = {
        "swiglu": a.gated,
        "group-query-attention": a.kv_heads < a.heads,
        "qk-layernorm": a.query_key_norm == "head",
        "disable-bias-linear": not biased,
        "untie-embeddings-and-output-weights": not a.tied,
    }
    if a.kv_heads < a.heads:
        options["num-query-groups"] = a.kv_heads
    words = [f"--{k} {shlex.quote(str(v))}" for k, v in options.items()] + [f"--{k}" for k, v in flags.items() if v]
    return " \\\n".join(words) + "\n"


def _nanogpt(a: Architecture, context: int) -> str:
    _need(a, "nanoGPT", gated=[False], tied=[True], query_key_norm=["none"], sinks=[False], head_bias=[False])
    _need(a, "nanoGPT", kv_heads=[a.heads], head_size=[a.width // a.heads], feed_forward=[4 * a.width])
    bias = a.norm == "layer"
    words = {"n_layer": a.layers, "n_head": a.heads, "n_embd": a.width, "block_size": context, "bias": bias}
    return " ".join(f"--{k}={v}" for k, v in words.items()) + "\n"
