"""Axes, colours, labels and ticks that every figure shares."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib import colormaps, rcParams
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from quokka_laws.exceptions import ArgumentError
from quokka_laws.reporting.plot.svg import theme_aware
from quokka_laws.results.format import human
from quokka_laws.writing import write_atomically

BLUE, ORANGE, GREEN, RED, BLACK = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#222222"
STYLES = ((BLUE, "-", "o"), (RED, "--", "s"), (GREEN, ":", "^"), ("#CC79A7", "-.", "D"), (ORANGE, (0, (5, 1)), "v"))
"""Colour, line and marker of the k-th law: lines and markers tell them apart where the colours print alike."""
DPI = 150
FAINTEST, DARKEST = 0.3, 0.98
"""The part of viridis, from its light end, that is told apart from white paper and from black ink."""

QUANTITIES = {
    "N": ("parameters N", human),
    "D": ("tokens D", human),
    "U_D": ("unique tokens U_D", human),
    "C": ("training compute C (FLOPs)", lambda value: f"{value:.0e}".replace("e+", "e")),
    "D/N": ("tokens per parameter D/N", human),
    "epochs": ("epochs", lambda value: f"{value:.4g}"),
}
"""Label of an axis and how its ticks are written: sizes as 7B, compute as 1e22."""


def new_axes(width: float = 6.4, height: float = 4.4) -> Axes:
    """A fresh axes on a figure that no window manager knows about."""
    return Figure(figsize=(width, height), layout="constrained").add_subplot()


def save(ax: Axes, path: str | Path) -> Path:
    """Write the figure of an axes (format by ending); an SVG has no ground of its own and follows a dark page.

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
    if form == "svg":
        return write_atomically(path, theme_aware(ax, Path(path).stem))
    drawn = io.BytesIO()
    ax.figure.savefig(drawn, dpi=DPI, format=form)  # type: ignore[union-attr]
    return write_atomically(path, drawn.getvalue())


def ink() -> Any:
    """Colour of text and outlines in the style that is on: black, or white where the ground is dark."""
    return BLACK if on_light() else rcParams["text.color"]


def on_light() -> bool:
    """Whether the ground of new axes is light, as it is unless the user has set a dark style."""
    r, g, b = to_rgb(rcParams["axes.facecolor"])
    return 0.299 * r + 0.587 * g + 0.114 * b > 0.5


def shades(count: int) -> list[Any]:
    """Colours from faint to strong, distinct in grey and for colour-blind readers."""
    return [sequential()(i / max(1, count - 1)) for i in range(count)]


def sequential() -> LinearSegmentedColormap:
    """Viridis without the end that the ground would swallow, strongest last."""
    ends = [FAINTEST + (DARKEST - FAINTEST) * i / 15 for i in range(16)]
    named = colormaps["viridis_r" if on_light() else "viridis"]
    return LinearSegmentedColormap.from_list("strong viridis", [named(v) for v in ends])


def log_axes(ax: Axes, *, x: str | None = None, y: str | None = None) -> None:
    """Logarithmic axes of quantities: labelled with their units, few ticks, in the words of the field."""
    for quantity, axis, rescale in ((x, ax.xaxis, ax.set_xscale), (y, ax.yaxis, ax.set_yscale)):
        if quantity is None:
            continue
        label, written = QUANTITIES.get(quantity, (quantity, plain_number))
        rescale("log")
        axis.set_label_text(label, parse_math=False)
        axis.set_major_locator(_Decades())
        axis.set_major_formatter(FuncFormatter(lambda value, _, written=written: written(value)))
        axis.set_minor_locator(NullLocator())


def plain_number(value: float) -> str:
    """``131k``, ``0.0003``, ``3e-5``: a number of no known kind, short."""
    return human(value) if value >= 1e4 else f"{value:.3g}".replace("e-0", "e-")


class _Decades(LogLocator):
    """Whole decades on a long axis, parts of them on a short one."""

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        ratio = max(vmax, 1e-300) / max(vmin, 1e-300)
        self.set_params(subs=(1.0,) if ratio > 3e3 else (1.0, 3.0) if ratio > 30 else (1.0, 2.0, 3.0, 5.0, 7.0))
        return super().tick_values(vmin, vmax)


def legend(ax: Axes, **options: Any) -> None:
    """A legend without a frame, small; names in it are shown as they are, whatever they hold."""
    drawn = ax.legend(**{"fontsize": 8, "title_fontsize": 8, "frameon": False, **options})
    for text in drawn.get_texts():
        text.set_parse_math(False)


def halo(text: Text) -> None:
    """A rim of the ground's colour, so that letters are read across lines."""
    from matplotlib.patheffects import withStroke

    text.set_path_effects([withStroke(linewidth=2.5, foreground=rcParams["axes.facecolor"])])


def loss_label(fit: Any) -> str:
    """Axis label of a loss: its split, where stated, and unit."""
    c = fit.conventions
    split = "" if c.loss_split == "unstated" else f"{c.loss_split} "
    return f"{split}loss ({c.loss_unit})"
