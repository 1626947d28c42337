"""Rows that carry the answer of a fit, marked and named on a figure, and the best model with and without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from quokka_laws._typing import Array
from quokka_laws.reporting.plot.axes import ORANGE, halo, ink
from quokka_laws.results.diagnostic import Diagnostic
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.format import human
from quokka_laws.runs.read import row_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NEAR = 40  # pixels
NAMED = 8  # rows by name; more would cover one another


def outlying(fit: FitResult) -> Diagnostic | None:
    """What the diagnostics of a fit say of its outliers, if anything."""
    return next((d for d in fit.diagnostics if d.code == "OUTLYING_ROWS"), None)


def name_rows(ax: Axes, fit: FitResult, found: Diagnostic, x: Array, y: Array) -> None:
    """Ring the outlying rows at their places (rows,) and write their names beside them; the axes have their scales before."""
    names = np.array(row_names(fit.runs, np.ones(len(fit.runs), dtype=bool)))
    rows = np.flatnonzero(np.isin(names, found.rows))
    label = "outliers that carry the answer"
    ax.scatter(x[rows], y[rows], s=70, facecolor="none", edgecolor=ORANGE, lw=1.5, zorder=5, label=label)
    at = ax.transData.transform(np.column_stack([x, y]))
    for row in rows[:NAMED]:
        right, up = (at[rows] - at[row]).T
        crowded = ((right > 0) & (right < NEAR) & (np.abs(up) < NEAR)).any()  # by another ring on the right
        side = "right" if crowded else "left"
        place, beside = (x[row], y[row]), (-7 if crowded else 7, 3)
        halo(ax.annotate(names[row], place, xytext=beside, textcoords="offset points", fontsize=8, ha=side, zorder=6))


def both_optima(ax: Axes, fit: FitResult, found: Diagnostic) -> None:
    """The best model with all rows and without the outlying ones, at the budget of the diagnostic."""
    if found.numbers["answer"] != "N":
        return
    k, C = fit.conventions.flops_per_ND, found.numbers["C"]
    for key, face, words in (("with_them", ORANGE, "with outliers"), ("without", "none", "without")):
        N = found.numbers[key]
        label = f"{words}, C = {C:.2g}: {human(N)}"
        ax.plot(N, C / (k * N), "*", ms=13, mfc=face, mec=ink(), mew=0.9, ls="none", zorder=5, label=label)
