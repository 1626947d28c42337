"""Figures. Every function draws on ``ax`` (or a new one) and returns it; matplotlib is imported when first used.

Colours are taken along one light-to-dark scale that survives grey printing, and from the Okabe–Ito set, which
colour-blind readers can tell apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from pandas.api.types import is_numeric_dtype

from quokka_laws.evaluation.holdout import log_errors
from quokka_laws.exceptions import ArgumentError
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.reporting.plot.axes import (
    BLUE,
    ORANGE,
    QUANTITIES,
    RED,
    halo,
    ink,
    legend,
    log_axes,
    loss_label,
    new_axes,
    sequential,
    shades,
)
from quokka_laws.reporting.plot.outlying import both_optima, name_rows, outlying
from quokka_laws.reporting.plot.surface import surface, written
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.format import human
from quokka_laws.results.intervals import LEVEL
from quokka_laws.results.isoflop_fit import IsoflopFit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ERROR_LABEL = "ln(predicted / observed loss), %"
NAMED = 12  # budgets in a legend; of more, evenly chosen ones
MANY = 2000  # points from which a scatter is small dots, drawn as an image


def isoflop_profiles(iso: IsoflopFit, *, ax: Axes | None = None) -> Axes:
    """Loss against N at each budget, the fitted curves and their minima."""
    ax = new_axes() if ax is None else ax
    budgets = np.unique(iso.runs["budget"])
    named = set(budgets[np.unique(np.linspace(0, len(budgets) - 1, min(len(budgets), NAMED)).astype(int))])
    many = len(iso.runs) > MANY
    for budget, color in zip(budgets, shades(len(budgets)), strict=True):
        group = iso.runs[iso.runs["budget"] == budget].sort_values("N")
        label = f"{budget:.2g}".replace("e+", "e") if budget in named else None
        ax.plot(group["N"], group["loss"], "o", ms=1.5 if many else 4, color=color, label=label, rasterized=many)
        profile = iso.profiles.get(float(budget))
        if profile is None:
            continue
        N = np.geomspace(group["N"].min(), group["N"].max(), 200)
        center = 0.5 * (np.log(group["N"].min()) + np.log(group["N"].max()))
        ax.plot(N, profile.eval(x=np.log(N) - center), "-", lw=1.2, color=color)
    ax.plot(iso.optima["N"], iso.optima["loss"], "+", color=ink(), ms=9, mew=1.6, label="minimum")
    log_axes(ax, x="N")
    ax.set_ylabel(loss_label(iso))
    legend(ax, title="C (FLOPs)", loc="center left", bbox_to_anchor=(1, 0.5))  # profiles fill the axes
    return ax


def loss_contours(fit: FitResult, *, C: Any = None, level: float | None = LEVEL, ax: Axes | None = None) -> Axes:
    """Loss over N and D with the runs, the efficient frontier and its band.

    Parameters
    ----------
    C : float or array, optional
        Budgets to mark on the frontier; the axes reach that far.
    """
    ax = new_axes() if ax is None else ax
    runs = fit.runs
    marked = np.atleast_1d(np.asarray(C, dtype=float)) if C is not None else np.zeros(0)
    k = fit.conventions.flops_per_ND
    seen = surface(fit, marked, level)
    N, D, frontier = seen.N, seen.D, seen.frontier
    # Before the contours: the gaps for their labels are measured on the axes as they are.
    log_axes(ax, x="N", y="D")
    ax.set(xlim=(N[0], N[-1]), ylim=(D[0], D[-1]))
    lines = ax.contour(N, D, seen.loss, levels=seen.levels, colors=shades(len(seen.levels))[::-1], linewidths=0.9)
    label_contours(lines, fit, ax)
    if "N_lower" in frontier:
        ax.fill_betweenx(frontier["D"], frontier["N_lower"], frontier["N_upper"], color=RED, alpha=0.15, lw=0)
    ax.plot(frontier["N"], frontier["D"], color=RED, lw=2, label="compute-optimal")
    many = len(runs) > MANY
    ax.scatter(runs["N"], runs["D"], s=3 if many else 14, color=ink(), label="runs", zorder=3, rasterized=many)
    for budget in marked:
        at = compute_optimal(fit, budget, level=None).iloc[0]
        ax.plot(at["N"], at["D"], "*", ms=13, color=ORANGE, mec=ink(), mew=0.7, zorder=4)
        named = ax.annotate(
            f"C = {budget:.3g}\nN = {human(at['N'])}, D = {human(at['D'])}".replace("e+", "e"),
            (at["N"], at["D"]),
            xytext=(-10, 0),
            textcoords="offset points",
            fontsize=8,
            ha="right",
            va="center",
        )
        halo(named)
        ax.plot(N, budget / (k * N), ":", color="0.5", lw=0.9)
    if (found := outlying(fit)) is not None:
        name_rows(ax, fit, found, runs["N"].to_numpy(dtype=float), runs["D"].to_numpy(dtype=float))
        both_optima(ax, fit, found)
    # Below the axes: runs and contours are everywhere inside them.
    legend(ax, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3 if found is None else 2)
    return ax


def label_contours(drawn: Any, fit: FitResult, ax: Axes, *, first: int = 0) -> None:
    """Write the loss on its contours from the ``first`` on, above runs and lines, with digits that tell them apart.

    The legend says what the lines are. Axes have their scales and limits before, since gaps for labels are measured there.
    """
    levels = drawn.levels[first:]
    named = dict(zip(levels, written(levels), strict=True))
    for text in ax.clabel(drawn, levels, fmt=named, fontsize=8, inline_spacing=1, zorder=5):
        halo(text)
    ax.plot([np.nan], [np.nan], color=shades(3)[1], lw=0.9, label=loss_label(fit))


def residuals(fit: FitResult, *, against: str | None = None, ax: Axes | None = None) -> Axes:
    """Log-residuals against a variable: structure here is what the law misses.

    Parameters
    ----------
    fit : FitResult
    against : str, optional
        A numeric column of the fitted runs, ``"D/N"`` or ``"predicted"``; by default compute, each row shaded by its tokens per
        parameter, or the law's first variable where the runs have no compute.
    """
    ax = new_axes() if ax is None else ax
    table = fit.residuals
    if {"N", "D"} <= set(table):
        table["D/N"] = table["D"] / table["N"]
    shaded = against is None and {"C", "D/N"} <= set(table)
    against = against or ("C" if "C" in table else fit.law.takes[0])
    if against not in table or not is_numeric_dtype(table[against]):
        known = [str(k) for k in table.select_dtypes("number") if k != "residual"]
        raise ArgumentError(f"against = {against!r}: the fitted rows have {', '.join(known)}")
    many = len(table) > MANY
    points = ax.scatter(
        table[against],
        100 * table["residual"],
        c=table["D/N"] if shaded else BLUE,
        cmap=sequential() if shaded else None,
        norm=LogNorm() if shaded else None,
        s=4 if many else 22,
        edgecolor="none" if many else ink(),
        lw=0.3,
        rasterized=many,
    )
    if shaded:
        ax.figure.colorbar(points, ax=ax, label="tokens per parameter D/N", format="{x:g}")
    ax.axhline(0, color=ink(), lw=0.8)
    delta = getattr(fit.objective, "delta", None)
    if delta:
        ax.axhspan(
            -100 * delta, 100 * delta, color=ink(), alpha=0.12, lw=0, zorder=0, label=f"±δ = ±{100 * delta:.3g} %"
        )
    if against in QUANTITIES or spread(table[against]) > 30:
        log_axes(ax, x=against)
    else:
        ax.set_xlabel(against, parse_math=False)
    ax.set_ylabel(ERROR_LABEL)
    ax.margins(y=0.1)
    if (found := outlying(fit)) is not None:
        name_rows(ax, fit, found, table[against].to_numpy(dtype=float), 100 * table["residual"].to_numpy(dtype=float))
    if delta or found is not None:
        legend(ax)
    return ax


def spread(values: pd.Series) -> float:
    """Largest over smallest of positive numbers; 1 where some are not."""
    return float(values.max() / values.min()) if (values > 0).all() else 1.0


def prediction_errors(fit: FittedLaw, runs: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Errors of predicted losses against compute, for runs that were not fitted.

    Parameters
    ----------
    fit : FittedLaw
    runs : DataFrame
        With C, loss and the law's variables; a shaded part marks compute beyond the fitted runs.
    """
    ax = new_axes() if ax is None else ax
    ax.axhline(0, color=ink(), lw=0.8)
    ax.scatter(runs["C"], 100 * log_errors(fit, runs), s=26, color=BLUE, edgecolor=ink(), lw=0.4)
    log_axes(ax, x="C")
    ax.set_ylabel(ERROR_LABEL)
    largest = fit.fitted_range.get("C", (np.nan, np.inf))[1]
    if runs["C"].max() > largest:
        right = ax.get_xlim()[1]
        ax.axvspan(largest, right, color=ink(), alpha=0.08, lw=0, zorder=0, label="beyond the fitted runs")
        ax.set_xlim(right=right)
        legend(ax)
    return ax


def sensitivity(table: pd.DataFrame, *, fit: FittedLaw, C: float, level: float = LEVEL, ax: Axes | None = None) -> Axes:
    """Optimal size under each choice, beside the fit's own and its interval.

    Parameters
    ----------
    table : DataFrame
        From :func:`quokka_laws.evaluation.sensitivity_analysis`; choices that could not be fitted are left out.
    fit : FittedLaw
    C : float
        The budget the table is for, in FLOPs.
    level : float
        Of the band, drawn where the fit has draws.
    """
    table = table[table["N"].notna()]
    ax = new_axes(height=0.24 * len(table) + 1.0) if ax is None else ax
    y = np.arange(len(table))[::-1]
    if fit.has_intervals:
        own = compute_optimal(fit, C, level=level).iloc[0]
        ax.axvspan(
            own["N_lower"], own["N_upper"], color=BLUE, alpha=0.12, lw=0, label=f"{level:.0%} interval as fitted"
        )
        # Above the axes: points lie anywhere inside them.
        legend(ax, loc="lower left", bbox_to_anchor=(0, 1))
    ax.axvline(table["N"].iloc[0], color=ink(), alpha=0.7, lw=1, ls=":")
    ax.plot(table["N"], y, "o", ms=5, color=BLUE, mec=ink(), mew=0.4)
    labels = [" ".join(filter(None, pair)) for pair in zip(table["choice"], table["variant"], strict=True)]
    ax.set_yticks(y, labels, fontsize=8)
    ax.grid(axis="y", color=ink(), alpha=0.12, lw=0.6)
    log_axes(ax, x="N")
    ax.set(
        xlabel=f"compute-optimal parameters N at C = {C:.3g} FLOPs".replace("e+", "e"), ylabel="what is done otherwise"
    )
    return ax
