"""Axes, colours and labels that every figure shares."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from quokka_laws.exceptions import ArgumentError
from quokka_laws.results.format import human
from quokka_laws.writing import write_atomically

BLUE, ORANGE, GREEN, RED, BLACK = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#222222"
STYLES = ((BLUE, "-", "o"), (RED, "--", "s"), (GREEN, ":", "^"), ("#CC79A7", "-.", "D"), (ORANGE, (0, (5, 1)), "v"))
"""Colour, line and marker of the k-th law: lines and markers tell them apart where the colours print alike."""
DPI = 150


def new_axes(width: float = 6.4, height: float = 4.4) -> Axes:
    """A fresh axes on a figure that no window manager knows about."""
    return Figure(figsize=(width, height), layout="constrained").add_subplot()


def save(ax: Axes, path: str | Path) -> Path:
    """Write the figure of an axes (format by ending).

    Raises
    ------
    ArgumentError
        For an ending that is no format of a figure.
    OutputError
        When the file cannot be written.
    """
    form = Path(path).suffix.lower().removeprefix(".") or "png"
    known = ax.figure.canvas.get_supported_filetypes()
    if form not in known:
        raise ArgumentError(f"{path}: {form!r} is no format of a figure; there are {', '.join(sorted(known))}")
    drawn = io.BytesIO()
    ax.figure.savefig(drawn, dpi=DPI, format=form)  # type: ignore[union-attr]
    return write_atomically(path, drawn.getvalue())


def shades(count: int) -> list[Any]:
    """Colours from light to dark, distinct in grey."""
    return [colormaps["viridis_r"](0.12 + 0.83 * i / max(1, count - 1)) for i in range(count)]


def plain_sizes(ax: Axes) -> None:
    """Sizes on a short logarithmic axis as 4B, 7B, 10B instead of powers of ten."""
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 4, 5, 7)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: human(value)))


def loss_label(fit: Any) -> str:
    """Axis label of a loss: its split, where stated, and unit."""
    c = fit.conventions
    split = "" if c.loss_split == "unstated" else f"{c.loss_split} "
    return f"{split}loss ({c.loss_unit})"
