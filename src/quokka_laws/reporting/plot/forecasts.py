"""Figure of forecasts and what became of them."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from quokka_laws.evaluation.forecasts import Scores
from quokka_laws.reporting.plot.axes import BLUE, RED, ink, legend, new_axes

WIDTHS = {"95": 2.0, "90": 4.0, "80": 7.0, "50": 11.0}


def forecast_scores(scores: Scores, *, ax: Axes | None = None) -> Axes:
    """Each forecast as its intervals about its median, with the loss that was observed."""
    count = len(scores.table)
    ax = new_axes(height=max(2.6, 1.2 + 0.32 * count)) if ax is None else ax
    for y, (forecast, (_, row)) in enumerate(zip(scores.forecasts, scores.table.iterrows(), strict=True)):
        for level, width in WIDTHS.items():
            ends = 100.0 * (np.array(forecast.intervals[level]) / forecast.median - 1.0)
            ax.plot(
                ends, [y, y], color=BLUE, lw=width, alpha=0.35, solid_capstyle="butt", label=None if y else f"{level} %"
            )
        held = not np.isnan(row["within"])
        ax.plot(100.0 * row["error"], y, "o" if held else "X", color=ink() if held else RED, ms=6, zorder=3)
    ax.axvline(0.0, color=BLUE, lw=0.8)
    ax.set_yticks(
        range(count), [f.question.rstrip(":").removeprefix("Loss of a run at ") for f in scores.forecasts], fontsize=8
    )
    ax.set_ylim(count - 0.5, -0.5)
    ax.set_xlabel("loss over the forecast median, less 1 (%)\ndot: observed; cross: outside every interval", fontsize=8)
    legend(ax, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return ax
