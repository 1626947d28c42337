"""What a transformer is made of, as numbers: layers, widths, heads, experts."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from quokka_laws.exceptions import ArgumentError


@dataclass(frozen=True)
class Experts:
    """A mixture of experts in place of the feed-forward block.

    Parameters
    ----------
    count, per_token : int
        Routed experts of a layer, and how many a token goes through.
    feed_forward : int
        Hidden width of one expert.
    shared_feed_forward : int
        Hidden width of all shared experts of a layer together, which every token goes through.
    dense_layers : int
        Layers with an ordinary feed-forward block.
    bias : bool
        Whether experts and router have biases.
    """

    count: int
    per_token: int
    feed_forward: int
    shared_feed_forward: int = 0
    dense_layers: int = 0
    bias: bool = False


@dataclass(frozen=True)
class LatentAttention:
    """Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434): keys and values from a vector of low rank.

    Parameters
    ----------
    key_value_rank : int
    query_rank : int
        0 where queries have no latent vector.
    nope_size, rope_size, value_size : int
        Sizes of a head: of keys without and with rotary positions, and of values.
    """

    key_value_rank: int
    query_rank: int
    nope_size: int
    rope_size: int
    value_size: int


@dataclass(frozen=True)
class Architecture:
    """A decoder-only transformer.

    Parameters
    ----------
    layers, width, vocabulary : int
    heads, kv_heads, head_size : int
        ``kv_heads`` below ``heads`` is grouped-query attention, 1 multi-query attention.
    feed_forward : int
        Hidden width of the feed-forward block of dense layers.
    gated : bool
        Three matrices (SwiGLU, GeGLU) instead of two.
    tied : bool
        Whether the head is the embedding table.
    positions : int
        Learned position vectors; 0 with rotary or other positions.
    norm : {'rms', 'layer'}
        One or two vectors a norm.
    norms_per_layer : int
    query_key_norm : {'none', 'head', 'full'}
        Norms of queries and keys: none, one vector of a head's size each, or one over all heads.
    query_key_value_bias, output_bias, feed_forward_bias, head_bias : bool
    sinks : bool
        A learned attention sink per head.
    experts : Experts, optional
    latent : LatentAttention, optional

    Raises
    ------
    ArgumentError
        For sizes that are not positive, or heads that cannot share keys and values evenly.
    """

    layers: int
    width: int
    vocabulary: int
    heads: int
    kv_heads: int
    head_size: int
    feed_forward: int
    gated: bool = True
    tied: bool = False
    positions: int = 0
    norm: Literal["rms", "layer"] = "rms"
    norms_per_layer: int = 2
    query_key_norm: Literal["none", "head", "full"] = "none"
    query_key_value_bias: bool = False
    output_bias: bool = False
    feed_forward_bias: bool = False
    head_bias: bool = False
    sinks: bool = False
    experts: Experts | None = None
    latent: LatentAttention | None = None

    def __post_init__(self) -> None:
        positive = ("layers", "width", "vocabulary", "heads", "kv_heads", "head_size", "feed_forward")
        faults = [
            f"{name} = {getattr(self, name)!r} is not a positive whole number"
            for name in positive
            if not whole(getattr(self, name))
        ]
        if not faults and self.heads % self.kv_heads:
            faults.append(f"{self.heads} heads cannot share {self.kv_heads} key and value heads evenly")
        if (e := self.experts) is not None:
            faults += [
                f"experts: {f.name} = {getattr(e, f.name)!r} is not a positive whole number"
                for f in fields(e)[:3]
                if not whole(getattr(e, f.name))
            ]
            if not faults and e.per_token > e.count:
                faults.append(f"a token cannot go through {e.per_token} of {e.count} experts")
            if not faults and not 0 <= e.dense_layers <= self.layers:
                faults.append(f"{e.dense_layers} of {self.layers} layers cannot be dense")
        if faults:
            raise ArgumentError("; ".join(faults))


def whole(value: object) -> bool:
    """Whether a value is a positive whole number."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
