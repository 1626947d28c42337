"""Figures of repeated data: curves over epochs, contours, held-out runs, profiles. Every function draws on ``ax`` and
returns it; matplotlib is imported when the first is called."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError
from quokka_laws.plan.repeated import data_optimal
from quokka_laws.reporting.plot.axes import (
    RED,
    STYLES,
    ink,
    legend,
    log_axes,
    loss_label,
    new_axes,
    shades,
)
from quokka_laws.reporting.plot.single_pass import ERROR_LABEL, MANY, label_contours
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.format import human
from quokka_laws.results.intervals import LEVEL, percentile_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEW = 200  # points that are drawn large
LONGEST = 120  # points of a fitted curve


def epoch_curves(
    fit: FitResult,
    *,
    U_D: float | None = None,
    runs: pd.DataFrame | None = None,
    level: float | None = LEVEL,
    beyond: float = 1.0,
    ax: Axes | None = None,
) -> Axes:
    """Loss against epochs, one colour per model: the runs as points, the fit as lines with its band, minima marked.

    A triangle is where the fitted curve is lowest, a ring the lowest run, each only where the loss rises again behind it.

    Parameters
    ----------
    fit : FitResult
        Of a law of repeated data.
    U_D : float, optional
        Which unique tokens to show; the smallest of the runs by default.
    runs : DataFrame, optional
        Rows to show, for example with the stages left out of the fit; those fitted by default.
    level : float, optional
        Level of the band, drawn where the fit has draws.
    beyond : float
        Factor by which the lines continue after the last epoch of the runs.
    """
    ax = new_axes() if ax is None else ax
    table = fit.runs if runs is None else runs
    chosen = float(table["U_D"].min()) if U_D is None else float(U_D)
    part = table[np.isclose(table["U_D"], chosen, rtol=1e-6)]
    if not len(part):
        raise ArgumentError(
            f"no run has U_D = {chosen:g}; the runs have {', '.join(f'{u:g}' for u in table['U_D'].unique())}"
        )
    size = 1.6 if len(part) > MANY else 7.0 if len(part) < FEW else 3.5  # checkpoints without gaps would hide the lines
    sizes = np.sort(part["N"].unique())
    for N, color in zip(sizes, shades(len(sizes)), strict=True):
        curve = part[part["N"] == N].sort_values("epochs")
        epochs = np.geomspace(max(curve["epochs"].min(), 1.0), curve["epochs"].max() * beyond, LONGEST)
        ax.plot(curve["epochs"], curve["loss"], ".", ms=size, alpha=0.6, color=color, rasterized=True)
        loss = fit(N=N, U_D=chosen, epochs=epochs)
        ax.plot(epochs, loss, "-", lw=1.2, color=color, label=f"{human(N)}")
        _mark_minima(ax, curve, epochs, loss, color)
        if level is not None and fit.draws is not None:
            spread = fit.law.loss(fit.draw_values(), N=N, U_D=chosen, epochs=epochs)
            lower, upper = percentile_interval(spread, level)
            ax.fill_between(epochs, lower, upper, color=color, alpha=0.18, lw=0)
    low, high = part["loss"].min(), part["loss"].max()
    log_axes(ax, x="epochs")
    ax.set(ylabel=loss_label(fit), title=f"U_D = {human(chosen)} unique tokens")
    ax.set_ylim(low - 0.12 * (high - low), high + 0.06 * (high - low))
    ax.plot([], [], "v", color=ink(), ms=6, label="lowest of the law")
    ax.plot([], [], "o", mfc="none", mec=ink(), ms=7, mew=1.3, label="lowest run")
    # Beside the axes: curves of many sizes fill them.
    legend(ax, title="parameters N", loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def _mark_minima(ax: Axes, curve: pd.DataFrame, epochs: Array, loss: Array, color: Any) -> None:
    """The lowest point of the curve and of its runs, where they are not the last."""
    if (at := int(np.argmin(loss))) < len(loss) - 1 and at > 0:
        ax.plot(epochs[at], loss[at], "v", color=color, mec=ink(), mew=0.5, ms=6, zorder=4)
    lowest = curve.loc[curve["loss"].idxmin()]
    if lowest["epochs"] < curve["epochs"].max():
        ax.plot(lowest["epochs"], lowest["loss"], "o", mfc="none", mec=color, mew=1.3, ms=7, zorder=4)


def repeat_contours(
    fit: FitResult, U_D: float, *, actual: tuple[float, float] | None = None, ax: Axes | None = None
) -> Axes:
    """Loss over (epochs, N) at fixed unique tokens, with the predicted optimum and the one in the runs.

    Parameters
    ----------
    fit : FitResult
    U_D : float
    actual : (float, float), optional
        Epochs and N of the lowest loss observed; taken from the fitted runs at this U_D by default.
    """
    ax = new_axes() if ax is None else ax
    best = data_optimal(fit, U_D, level=None).iloc[0]
    part = fit.runs[np.isclose(fit.runs["U_D"], U_D, rtol=1e-6)]
    if actual is None and len(part):
        lowest = part.loc[part["loss"].idxmin()]
        actual = (float(lowest["epochs"]), float(lowest["N"]))
    known = [v for v in (best["N"], actual[1] if actual else np.nan, *part["N"]) if np.isfinite(v)]
    N = np.geomspace(min(known) / 2, max(known) * 2, 140)
    seen = [v for v in (best["epochs"], *part["epochs"]) if np.isfinite(v)]
    epochs = np.geomspace(2.0, max(seen) * 1.5, 140)
    log_axes(ax, x="epochs", y="N")
    ax.set_title(f"U_D = {human(U_D)} unique tokens")
    loss = fit(N=N[:, None], U_D=U_D, epochs=epochs[None, :])
    levels = loss.min() + np.geomspace(0.005, max(np.quantile(loss, 0.9) - loss.min(), 0.05), 11)
    drawn = ax.contour(epochs, N, loss, levels=levels, colors=shades(len(levels))[::-1], linewidths=0.9)
    label_contours(drawn, fit, ax, first=3)  # those inside crowd around the optimum, whose loss the legend has
    if np.isfinite(best["N"]) and np.isfinite(best["epochs"]):
        label = f"predicted: {human(best['N'])}, {best['epochs']:.0f} epochs, {best['loss']:.2f}"
        ax.plot(best["epochs"], best["N"], "*", ms=13, color=RED, mec=ink(), mew=0.7, label=label, zorder=3)
    if actual is not None:
        label = f"lowest run: {human(actual[1])}, {actual[0]:.0f} epochs"
        if len(part):
            label += f", {part['loss'].min():.2f}"
        ax.plot(*actual, "o", ms=7, color="none", mec=ink(), mew=1.4, label=label, zorder=3)
    # Below the axes: contours are everywhere inside them.
    legend(ax, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    return ax


def held_out_runs(fits: Sequence[FitResult], runs: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Predicted over observed loss along runs that were not fitted, one colour per law.

    Parameters
    ----------
    fits : sequence of FitResult
    runs : DataFrame
        Held-out checkpoints with ``run_id``.
    """
    ax = new_axes() if ax is None else ax
    for fit, (color, line, _) in zip(fits, cycle(STYLES), strict=False):
        bins = np.geomspace(max(runs["epochs"].min(), 1.0), runs["epochs"].max() * 1.001, 19)
        predicted = fit(N=runs["N"], U_D=runs["U_D"], epochs=runs["epochs"])
        error = 100 * np.log(predicted / runs["loss"].to_numpy(dtype=float))
        where = np.digitize(runs["epochs"].to_numpy(dtype=float), bins)
        kept = [b for b in range(1, len(bins)) if (where == b).any()]
        low, middle, high = np.array([np.quantile(error[where == b], [0.25, 0.5, 0.75]) for b in kept]).T
        centre = np.sqrt(bins[np.array(kept) - 1] * bins[kept])
        ax.plot(centre, middle, ls=line, lw=1.6, color=color, label=fit.label)
        ax.fill_between(centre, low, high, color=color, alpha=0.12, lw=0)
    ax.axhline(0.0, color=ink(), lw=0.8)
    log_axes(ax, x="epochs")
    ax.set_ylabel(f"{ERROR_LABEL} (median, quartiles)")
    legend(ax)
    return ax


def profile_plot(profile: pd.DataFrame, name: str, *, relative: bool = True, ax: Axes | None = None) -> Axes:
    """The objective along one coefficient, everything else refitted.

    Parameters
    ----------
    profile : DataFrame
        From ``ql.profile(fit, name)``.
    name : str
    relative : bool
        Show the rise above the lowest value in per cent.
    """
    ax = new_axes() if ax is None else ax
    height = profile["objective_value"].to_numpy(dtype=float)
    shown: Array = 100 * (height / np.nanmin(height) - 1) if relative else height
    ax.plot(profile[name], shown, "-o", ms=3.5, lw=1.4, color=ink())
    lowest = int(np.nanargmin(height))
    ax.axvline(float(profile[name].iloc[lowest]), color=RED, lw=1, ls="--")
    if profile.attrs.get("interval"):
        lower, upper = np.clip(profile.attrs["interval"], profile[name].min(), profile[name].max())
        ax.axvspan(lower, upper, color=RED, alpha=0.1, lw=0, label=f"{profile.attrs['level']:.0%} interval")
        legend(ax)
    values = profile[name].to_numpy(dtype=float)
    if (values > 0).all() and values.max() / values.min() > 30:
        ax.set_xscale("log")
    ax.set(xlabel=name, ylabel="objective above its minimum, %" if relative else "objective")
    return ax
