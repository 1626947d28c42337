"""Parameters, FLOPs and cache of an architecture, by part.

A matrix of P parameters costs 2·P FLOPs a token forward. Attention adds, a token and layer, the products of its queries with the
keys before it and of the weights with the values: 2·heads·(key size + value size) a key, over (context + 1)/2 keys on average, since
a token attends to itself and those before it; without the causal half that many implementations compute all ``context`` keys.
Training is three times forward. Looking up an embedding costs nothing, the head is a matrix. Norms, activations and softmax are
left out, as they are in 6·N·D (Kaplan et al. 2020, Table 1; Hoffmann et al. 2022, Appendix F).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from quokka_laws.architectures.architecture import Architecture, whole
from quokka_laws.exceptions import ArgumentError

PARTS = ("embedding", "positions", "attention", "feed_forward", "router", "norms", "head")


@dataclass(frozen=True)
class Count:
    """What :func:`count` finds.

    Parameters
    ----------
    parameters, active : dict of str to int
        By part; ``active`` are those that one token goes through.
    forward_flops : dict of str to float
        A token, by part, with ``attention scores`` apart from the matrices of attention.
    context : int
        Tokens of a sequence.
    cache_bytes_per_token : int
        Of keys and values (or of the latent vector) in 16 bits.
    """

    parameters: dict[str, int]
    active: dict[str, int]
    forward_flops: dict[str, float]
    context: int
    cache_bytes_per_token: int

    @property
    def total(self) -> int:
        """All parameters: N as most papers of mixtures and of open models count it."""
        return sum(self.parameters.values())

    @property
    def total_active(self) -> int:
        """Parameters that one token goes through."""
        return sum(self.active.values())

    @property
    def non_embedding(self) -> int:
        """Without the embedding table, positions and an untied head: N of Kaplan et al. 2020."""
        return self.total - self.parameters["embedding"] - self.parameters["positions"] - self.parameters["head"]

    @property
    def training_flops_per_token(self) -> float:
        """Three times forward."""
        return 3.0 * sum(self.forward_flops.values())

    @property
    def table(self) -> pd.DataFrame:
        """A row a part: parameters, active parameters and forward FLOPs a token."""
        names = [*PARTS, "attention scores"]
        columns: dict[str, Mapping[str, float]] = {
            "parameters": self.parameters,
            "active": self.active,
            "forward_flops": self.forward_flops,
        }
        table = pd.DataFrame({k: [v.get(n, 0) for n in names] for k, v in columns.items()}, index=names)
        return table.rename_axis("part")


def count(architecture: Architecture, context: int = 2048, *, causal: bool = True) -> Count:
    """Parameters, FLOPs a token and cache of an architecture.

    Parameters
    ----------
    architecture : Architecture
    context : int
        Tokens of a sequence.
    causal : bool
        Whether attention is counted over the keys it may see; without, over all of the sequence.

    Returns
    -------
    Count

    Examples
    --------
    >>> from quokka_laws import architectures
    >>> llama = architectures.read({"model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32,
    ...     "num_attention_heads": 32, "intermediate_size": 11008, "vocab_size": 32000})
    >>> architectures.count(llama).total
    6738415616
    """
    if not whole(context):
        raise ArgumentError(f"context = {context!r} is not a positive whole number of tokens")
    a = architecture
    vectors = 1 if a.norm == "rms" else 2
    e = a.experts
    sparse_layers = 0 if e is None else a.layers - e.dense_layers
    dense = (a.layers - sparse_layers) * _block(a, a.feed_forward, a.feed_forward_bias)
    expert = 0 if e is None else _block(a, e.feed_forward, e.bias)
    shared = 0 if e is None or not e.shared_feed_forward else sparse_layers * _block(a, e.shared_feed_forward, e.bias)
    router = 0 if e is None else sparse_layers * (a.width + e.bias) * e.count
    matrices = _attention(a)
    key, value, cached = _head_sizes(a)
    parameters = {
        "embedding": a.vocabulary * a.width,
        "positions": a.positions * a.width,
        "attention": a.layers * (matrices + _attention_vectors(a)),
        "feed_forward": dense + shared + (0 if e is None else sparse_layers * e.count * expert),
        "router": router,
        "norms": vectors * a.width * (a.layers * a.norms_per_layer + 1),
        "head": (0 if a.tied else a.vocabulary * a.width) + a.head_bias * a.vocabulary,
    }
    active = {**parameters, "feed_forward": dense + shared + (0 if e is None else sparse_layers * e.per_token * expert)}
    forward = {
        "attention": 2.0 * a.layers * matrices,
        "attention scores": 2.0 * a.layers * a.heads * (key + value) * (0.5 * (context + 1) if causal else context),
        "feed_forward": 2.0 * (active["feed_forward"] - _feed_forward_biases(a)),
        "router": 2.0 * sparse_layers * a.width * (0 if e is None else e.count),
        "head": 2.0 * a.vocabulary * a.width,
    }
    return Count(parameters, active, forward, context, 2 * a.layers * cached)


def _block(a: Architecture, hidden: int, bias: bool) -> int:
    matrices = (3 if a.gated else 2) * a.width * hidden
    return matrices + bias * ((2 if a.gated else 1) * hidden + a.width)


def _feed_forward_biases(a: Architecture) -> int:
    """Of the active part."""
    e = a.experts
    sparse = 0 if e is None else a.layers - e.dense_layers
    inner = 2 if a.gated else 1
    dense = (a.layers - sparse) * a.feed_forward_bias * (inner * a.feed_forward + a.width)
    return dense + (0 if e is None else sparse * e.bias * e.per_token * (inner * e.feed_forward + a.width))


def _head_sizes(a: Architecture) -> tuple[int, int, int]:
    """Size of a key and of a value as they are compared, and numbers that one token leaves in the cache of a layer."""
    if (m := a.latent) is not None:
        return m.nope_size + m.rope_size, m.value_size, m.key_value_rank + m.rope_size
    return a.head_size, a.head_size, 2 * a.kv_heads * a.head_size


def _attention(a: Architecture) -> int:
    """Matrices of one layer."""
    if (m := a.latent) is not None:
        queries = a.heads * (m.nope_size + m.rope_size)
        query = a.width * queries if not m.query_rank else m.query_rank * (a.width + queries)
        latent = a.width * (m.key_value_rank + m.rope_size)
        return (
            query
            + latent
            + m.key_value_rank * a.heads * (m.nope_size + m.value_size)
            + a.heads * m.value_size * a.width
        )
    return a.width * a.head_size * (2 * a.heads + 2 * a.kv_heads)


def _attention_vectors(a: Architecture) -> int:
    """Biases, norms of queries and keys, and sinks of one layer."""
    if (m := a.latent) is not None:
        return m.query_rank + m.key_value_rank
    queries, keys = a.heads * a.head_size, a.kv_heads * a.head_size
    norms = {"none": 0, "head": 2 * a.head_size, "full": queries + keys}[a.query_key_norm]
    return a.query_key_value_bias * (queries + 2 * keys) + a.output_bias * a.width + norms + a.sinks * a.heads
