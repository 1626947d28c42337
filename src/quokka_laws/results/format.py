"""Numbers and tables as text, in one style everywhere."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

WIDTH = 110
_SUFFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def human(value: float) -> str:
    """``7.35e9`` → ``7.35B``: three digits and the suffix practitioners use."""
    if not np.isfinite(value):
        return "–"
    for size, suffix in _SUFFIXES:
        if size <= abs(value) < 1e18:
            return f"{value / size:.3g}{suffix}" if value / size < 999.5 else f"{value / size:.0f}{suffix}"
    return f"{value:.3g}"


def times(factor: float) -> str:
    """A factor: ``×7.7``, ``×1,200``."""
    return f"×{factor:.3g}" if not 999.5 <= factor < 1e6 else f"×{factor:,.0f}"


def how_far(factor: float, below: bool = False) -> str:
    """A factor outside the fitted runs in words."""
    return "unknown" if factor != factor else "inside" if factor <= 1 else times(factor) + " below" * bool(below)


def left_aligned(table: pd.DataFrame) -> str:
    """Columns of text flush left, the index first, two spaces between them so that headings do not run together."""
    return _columns(table.reset_index(names=str(table.index.name or "")), [str.ljust] * (table.shape[1] + 1))


def right_aligned(table: pd.DataFrame, *, index: bool = False) -> str:
    """Columns of numbers flush right, two spaces between them; with ``index`` it comes first, flush left."""
    if not index:
        return _columns(table, [str.rjust] * table.shape[1])
    return _columns(table.reset_index(names=""), [str.ljust, *[str.rjust] * table.shape[1]])


def _columns(table: pd.DataFrame, justify: Sequence[Callable[[str, int], str]]) -> str:
    cells = [[str(name), *map(_cell, values)] for name, values in table.items()]
    widths = [max(map(len, column)) for column in cells]
    rows = zip(*cells, strict=True)
    lines = ("  ".join(j(v, w) for j, v, w in zip(justify, row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def indent(text: str) -> str:
    """Two spaces before every line."""
    return textwrap.indent(text, "  ")
