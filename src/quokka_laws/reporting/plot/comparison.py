"""Figures that set laws side by side."""

from __future__ import annotations

from itertools import cycle

from matplotlib.axes import Axes

from quokka_laws.evaluation.comparison import Comparison
from quokka_laws.reporting.plot.axes import STYLES, legend, new_axes


def held_out_errors(comparison: Comparison, *, ax: Axes | None = None) -> Axes:
    """Held-out error of each law against the distance."""
    ax = new_axes() if ax is None else ax
    for (law, rows), (color, line, marker) in zip(
        comparison.table.groupby("law", sort=False), cycle(STYLES), strict=False
    ):
        ax.plot(rows["holdout"], 100 * rows["error"], color=color, ls=line, marker=marker, label=law)
    ax.set_ylim(0, 1.15 * 100 * comparison.table["error"].max())
    ax.set_xlabel("held-out budgets: compute up to this many times the largest fitted")
    ax.set_ylabel("rms error of the loss, %")
    legend(ax)
    return ax
