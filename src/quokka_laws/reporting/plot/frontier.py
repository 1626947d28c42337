"""Loss against compute: the runs, the law at constant sizes, the frontier they envelop, and the optimum asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.ticker import FuncFormatter, NullLocator

from quokka_laws._typing import Array
from quokka_laws.exceptions import FitError
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.reporting.plot.axes import ORANGE, RED, halo, ink, legend, log_axes, loss_label, new_axes, sequential
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.format import human
from quokka_laws.results.intervals import LEVEL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MANY = 2000  # points from which a scatter is small dots, drawn as an image
NAMED = 3  # optima in words
SIZES = 6  # curves of constant N
POINTS = 90
USUAL = 10.0  # times the largest run, where no budget is asked for


def loss_against_compute(fit: FitResult, *, C: Any = None, level: float | None = LEVEL, ax: Axes | None = None) -> Axes:
    """Loss against training compute: runs coloured by N, curves of constant N, the frontier and the optimum at C.

    Parameters
    ----------
    fit : FitResult
        Of a law of N and D.
    C : float or array, optional
        Budgets whose optimum is marked and named, with its interval where the fit has draws; ten times the largest run
        by default.
    level : float, optional
        Of the intervals; None for none.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    FitError
        If the law is not one of N and D. A law without an optimum is drawn without its frontier.
    """
    if not fit.law.of_N_and_D:
        raise FitError(f"{fit.label} is a law of {', '.join(fit.law.variables)}; a frontier needs one of N and D")
    ax = new_axes() if ax is None else ax
    runs = fit.runs
    largest = float(runs["C"].max())
    asked = np.atleast_1d(np.asarray([USUAL * largest] if C is None or not np.size(C) else C, dtype=float))
    budgets = np.geomspace(runs["C"].min() / 1.5, max(largest, *asked) * 2.5, POINTS)
    colors, scale = sequential(), LogNorm(*_wide(runs["N"]))
    for N in _sizes(runs["N"]):
        loss = fit.law.loss(fit.values, N=N, D=budgets / (fit.conventions.flops_per_ND * N))
        ax.plot(budgets, loss, color=colors(scale(N)), lw=1.0)
    many = len(runs) > MANY
    points = ax.scatter(
        runs["C"], runs["loss"], c=runs["N"], cmap=colors, norm=scale, s=3 if many else 20, lw=0 if many else 0.4,
        edgecolor=ink(), rasterized=many, zorder=3, label="runs",
    )  # fmt: skip
    _name_sizes(ax, points)
    lowest = [float(runs["loss"].min())]
    try:
        lowest.append(_frontier(ax, fit, budgets, asked, level))
    except FitError:
        halo(ax.text(0.03, 0.04, "the law has no compute-optimal size", transform=ax.transAxes, fontsize=8))
    height = float(runs["loss"].max()) - min(lowest)
    ax.set(xlim=(budgets[0], budgets[-1]), ylim=(min(lowest) - 0.08 * height, runs["loss"].max() + 0.06 * height))
    log_axes(ax, x="C")
    ax.set_ylabel(loss_label(fit))
    legend(ax, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)  # curves are everywhere inside
    return ax


def _frontier(ax: Axes, fit: FitResult, budgets: Array, asked: Array, level: float | None) -> float:
    """Draw the lowest loss at each budget and the optima asked for; the lowest end of what was drawn."""
    plan = compute_optimal(fit, budgets, level=level)
    inside = budgets <= fit.fitted_range["C"][1]
    ax.plot(budgets[inside], plan["loss"][inside], color=RED, lw=2.2, zorder=4, label="compute-optimal")
    ax.plot(
        budgets[~inside], plan["loss"][~inside], color=RED, lw=2.2, ls=(0, (4, 2)), zorder=4, label="beyond the runs"
    )
    lowest = float(plan["loss"].min())
    if "loss_lower" in plan:
        ax.fill_between(budgets, plan["loss_lower"], plan["loss_upper"], color=RED, alpha=0.16, lw=0)
        lowest = min(lowest, float(plan["loss_lower"].iloc[-1]))
    best = compute_optimal(fit, asked, level=level)
    for _, row in best.iterrows():
        if "loss_lower" in row:
            ax.plot(
                [row["C"]] * 2, [row["loss_lower"], row["loss_upper"]], color=ink(), lw=1.6, marker="_", ms=8, zorder=5
            )
        ax.plot(row["C"], row["loss"], "*", ms=13, color=ORANGE, mec=ink(), mew=0.7, zorder=6)
    last = best.iloc[-1]
    words = [_optimum(row) for _, row in best.head(NAMED if len(best) <= NAMED else 1).iterrows()]
    if len(best) > NAMED:
        words.append(f"    and {len(best) - 1} more")
    named = ax.annotate(
        "\n".join(words), (last["C"], last["loss"]), xytext=(0.03, 0.04),
        textcoords="axes fraction", fontsize=8, va="bottom", zorder=7, linespacing=1.4,
    )  # fmt: skip
    halo(named)
    return lowest


def _optimum(row: pd.Series) -> str:
    """``C = 1e23: N = 34.5B (26B … 45B), D = 483B, loss 2.05 (2.03 … 2.07)``."""

    def between(name: str, show: Any) -> str:
        known = np.isfinite(row.get(f"{name}_lower", np.nan))
        return f" ({show(row[f'{name}_lower'])} … {show(row[f'{name}_upper'])})" if known else ""

    size = f"N = {human(row['N'])}{between('N', human)}"
    loss = f"loss {row['loss']:.3f}{between('loss', '{:.3f}'.format)}"
    return f"★ C = {row['C']:.3g}: {size}, D = {human(row['D'])}\n    {loss}".replace("e+", "e")


def _sizes(N: pd.Series) -> Array:
    """The sizes of the runs, or a few spread evenly among them where there are many."""
    own = np.unique(N.to_numpy(dtype=float))
    return own if len(own) <= SIZES else np.geomspace(own[0], own[-1], SIZES)


def _wide(N: pd.Series) -> tuple[float, float]:
    low, high = float(N.min()), float(N.max())
    return (low, high) if high > 1.05 * low else (low / 1.5, high * 1.5)


def _name_sizes(ax: Axes, points: Any) -> None:
    bar = ax.figure.colorbar(points, ax=ax, pad=0.02, aspect=30)
    low, high = points.norm.vmin, points.norm.vmax
    bar.set_ticks(np.geomspace(low, high, SIZES).tolist())
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: human(float(f"{value:.2g}"))))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.set_label("parameters N of a run and of a curve", fontsize=9)
