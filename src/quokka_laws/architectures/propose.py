"""A configuration for a number of parameters.

Width over depth follows what open models do: 64 at 100M parameters, 128 at 10B, a power of N between (GPT-3's shapes, Brown et
al. 2020, Table 2.1, go from 64 to 128; Llama's are at 128). The loss hardly depends on it: Kaplan et al. 2020 (Figure 5) find
under 1 % between aspect ratios of 10 and 200. Widths are multiples of 64, of 128 from 1,024 and of 512 from 2,048 on, so that
matrix units are filled and heads divide among devices; the width of the feed-forward block, in multiples of 64, takes up what layers and width leave over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from quokka_laws.architectures.architecture import Architecture, whole
from quokka_laws.architectures.count import count
from quokka_laws.exceptions import ArgumentError

ASPECT, AT, GROWTH = 64.0, 1e8, 0.15
GATED_SHARE = 8 / 3  # hidden width of a gated block over the model's: as many parameters as two matrices of four times
CLOSE = 0.01  # of N: shapes as close are equal, and the one nearest to the aspect ratio is taken
NARROWEST = 64
GPT2: dict[str, Any] = {
    "gated": False, "norm": "layer", "query_key_value_bias": True, "output_bias": True, "feed_forward_bias": True
}  # fmt: skip


def propose(
    N: float,
    *,
    vocabulary: int = 50304,
    counts: str = "total",
    aspect: float | None = None,
    head_size: int | None = None,
    kv_heads: int | None = None,
    tied: bool | None = None,
    block: str = "llama",
    positions: int = 1024,
) -> Architecture:
    """A dense transformer with close to N parameters.

    Parameters
    ----------
    N : float
        Parameters.
    vocabulary : int
    counts : {'total', 'non-embedding'}
        Whether N holds the embedding table and the head.
    aspect : float, optional
        Width over layers; by default 64·(N/1e8)^0.15, at most 160.
    head_size : int, optional
        64 up to a width of 1,024, else 128.
    kv_heads : int, optional
        Of grouped-query attention; as many as heads by default.
    tied : bool, optional
        Whether the head is the embedding table; by default where the table would be more than a tenth of N.
    block : {'llama', 'gpt2'}
        Llama's: RMSNorm, rotary positions, a gated feed-forward block. GPT-2's, as nanoGPT trains it: LayerNorm, learned positions, a
        feed-forward block of two matrices four times as wide, biases, a tied head.
    positions : int
        Learned positions of GPT-2's block.

    Returns
    -------
    Architecture

    Raises
    ------
    ArgumentError
        If N is too small for the vocabulary, or an argument is not what was expected.

    Examples
    --------
    >>> from quokka_laws import architectures
    >>> shape = architectures.propose(7e9, vocabulary=32000)
    >>> shape.layers, shape.width, shape.heads
    (34, 4096, 32)
    """
    if not (np.isfinite(N) and N > 0):
        raise ArgumentError(f"N = {N!r} is not a positive number of parameters")
    if counts not in ("total", "non-embedding"):
        raise ArgumentError(f"counts = {counts!r}: 'total' or 'non-embedding'")
    if block not in ("llama", "gpt2"):
        raise ArgumentError(f"block = {block!r}: 'llama' or 'gpt2'")
    wholes = {"positions": positions, "vocabulary": vocabulary, "head_size": head_size, "kv_heads": kv_heads}
    for name, value in wholes.items():
        if value is not None and not whole(value):
            raise ArgumentError(f"{name} = {value!r} is not a positive whole number")
    wanted = aspect if aspect is not None else float(np.clip(ASPECT * (N / AT) ** GROWTH, 16.0, 160.0))
    if not wanted > 0:
        raise ArgumentError(f"aspect = {aspect!r} is not a positive number")
    total = counts == "total"
    plain = GPT2 | {"positions": positions} if block == "gpt2" else None
    shapes = _shapes(
        float(N), wanted, vocabulary, total=total, head_size=head_size, kv_heads=kv_heads, tied=tied, plain=plain
    )

    def oddity(shape: Architecture) -> float:
        """Distance from N first, then from the shape that is wanted."""
        found = count(shape)
        miss = abs(np.log((found.total if total else found.non_embedding) / N))
        odd = abs(np.log(shape.width / shape.layers / wanted))
        odd += 0.0 if plain else abs(np.log(shape.feed_forward / shape.width / GATED_SHARE))
        return float(max(miss, CLOSE) * 100 + odd)

    best = min(shapes, key=oddity, default=None)
    if best is None:
        raise ArgumentError(
            f"no shape with {N:.3g} parameters: the embedding of {vocabulary:,} tokens alone needs {vocabulary * NARROWEST:,}; "
            "take a smaller vocabulary, more parameters, or counts='non-embedding'"
        )
    return best


def _shapes(
    N: float,
    aspect: float,
    vocabulary: int,
    *,
    total: bool,
    head_size: int | None,
    kv_heads: int | None,
    tied: bool | None,
    plain: dict[str, Any] | None,
) -> Iterator[Architecture]:
    """Shapes of about N parameters; ``plain`` holds what a block without gates has besides."""
    guess = (N / 12 * aspect) ** (1 / 3)  # layers·12·width² parameters
    for width in _widths(guess):
        table = vocabulary * width
        one = tied if tied is not None else plain is not None or table > 0.1 * N
        outside = table * (1 if one else 2) if total else 0
        size = head_size or (64 if width <= 1024 else 128)
        heads = width // size
        if width % size or (kv_heads is not None and heads % kv_heads):
            continue
        for layers in range(1, 4 * round(guess / aspect) + 8):
            rest = N - outside - layers * (width * size * 2 * (heads + (kv_heads or heads)))
            hidden = 64 * round(rest / (3 * layers * width) / 64) if plain is None else 4 * width
            if 2.0 * width <= hidden <= 4.0 * width:
                yield Architecture(
                    layers, width, vocabulary, heads, kv_heads or heads, size, hidden, tied=one, **(plain or {})
                )


def _widths(guess: float) -> list[int]:
    """Within a factor two of the guess: multiples of 64, of 128 from 1,024 on, of 512 from 2,048 on."""
    low, high = max(NARROWEST, 64 * int(guess / 2 / 64)), 64 * int(2 * guess / 64 + 1)
    return [w for w in range(low, high + 1, 64) if w % (64 if w < 1024 else 128 if w < 2048 else 512) == 0]
