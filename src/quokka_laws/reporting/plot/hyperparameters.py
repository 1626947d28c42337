"""Figures of hyper-parameters: the bowl of each N and D with its lowest point marked, and the best value against N with its band."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, FitError
from quokka_laws.reporting.plot.axes import BLUE, RED, ink, legend, log_axes, new_axes, save, shades
from quokka_laws.results.format import human
from quokka_laws.results.hyperparameter_fit import HyperparameterFit

POINTS = 121
LABELLED = 10  # sizes named in a legend
BEYOND = 3.0  # how far a law is drawn outside its cells


def hyperparameter_figure(fit: HyperparameterFit, kind: str = "bowls", **options: Any) -> Axes:
    """``fit.plot()``: ``"bowls"`` or ``"law"``.

    Raises
    ------
    ArgumentError
        For a kind that there is not.
    """
    kinds = {"bowls": hyperparameter_bowls, "law": hyperparameter_law}
    if kind not in kinds:
        raise ArgumentError(f"kind = {kind!r}: a fit of hyper-parameters is drawn as {', '.join(map(repr, kinds))}")
    return kinds[kind](fit, **options)


def hyperparameter_bowls(fit: HyperparameterFit, h: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Loss against a hyper-parameter, a curve for each N and D, its lowest point marked; one colour for each N.

    Where there are several hyper-parameters the curve is the bowl at the best of the others, and a run is drawn there too: at the curve,
    plus what it lies off its bowl. Runs that were not used are left out. A triangle marks a sweep whose best lies beyond it.

    Parameters
    ----------
    fit : HyperparameterFit
    h : str, optional
        The first by default.
    ax : matplotlib Axes, optional
    """
    h = _named(fit, h)
    ax = new_axes() if ax is None else ax
    cells = fit.fitted
    size, colors = _sizes(fit)
    for row in cells.to_dict("records"):
        color = colors[row[size]]
        z = np.linspace(np.log(row[f"{h}_least"]), np.log(row[f"{h}_most"]), POINTS)
        ax.plot(np.exp(z), _along(row, h, z), color=color, lw=1.2)
        points = fit.points[(fit.points["cell"] == row["cell"]) & (fit.points["weight"] > 0)]
        at = np.log(points[list(fit.over)].to_numpy(dtype=float))
        off = np.log(points["loss"].to_numpy()) - _height(fit, row, at)
        ax.plot(
            points[h], _along(row, h, np.log(points[h].to_numpy())) * np.exp(off), ".", color=color, ms=4, alpha=0.5
        )
        side = row[f"{h}_side"]
        edge = row[f"{h}_most"] if side > 0 else row[f"{h}_least"] if side < 0 else row[h]
        marker = ">" if side > 0 else "<" if side < 0 else "o"
        ax.plot(edge, _along(row, h, np.log(np.array([edge])))[0], marker, color=color, mec=ink(), ms=6, zorder=3)
    log_axes(ax, x=h)
    others = f", {' and '.join(g for g in fit.over if g != h)} at the best" if len(fit.over) > 1 else ""
    ax.set_xlabel(h + others, parse_math=False)
    ax.set_ylabel("loss")
    _legend(ax, size, colors)
    return ax


def hyperparameter_law(
    fit: HyperparameterFit,
    h: str | None = None,
    *,
    along: str | None = None,
    level: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Best value of a hyper-parameter against N (or D), with its law and the band of its interval.

    Where the law is one of both, every cell is moved along it to the median of the other. A triangle marks a sweep whose best lies beyond it.

    Parameters
    ----------
    fit : HyperparameterFit
    h : str, optional
        The first by default.
    along : {"N", "D"}, optional
        What is on the horizontal axis: N where it is in the law.
    level : float, optional
        Of bands and bars.
    ax : matplotlib Axes, optional

    Raises
    ------
    FitError
        If there is no law.
    """
    h = _named(fit, h)
    if not fit.has_law:
        raise FitError("there is no law to draw: " + " ".join(fit.known))
    along = fit.variables[0] if along is None else along
    if along not in fit.variables:
        raise ArgumentError(f"along = {along!r}: the law is one of {' and '.join(fit.variables)}")
    ax = new_axes() if ax is None else ax
    cells = fit.fitted
    other = next((k for k in fit.variables if k != along), None)
    at = {} if other is None else {other: float(cells[other].median())}
    grid = np.geomspace(cells[along].min() / BEYOND, cells[along].max() * BEYOND, POINTS)
    table = fit.predict(**{along: grid}, **at, level=level)
    ax.plot(grid, table[h], color=BLUE)
    band = f"{100 * table['level'].iloc[0]:.3g} % band"
    ax.fill_between(grid, table[f"{h}_lower"], table[f"{h}_upper"], color=BLUE, alpha=0.2, lw=0, label=band)
    exponent = 0.0 if other is None else fit.values[h][1 + fit.variables.index(other)]
    moved = np.ones(len(cells)) if other is None else np.asarray((at[other] / cells[other]) ** exponent)
    _cells_of(ax, cells, moved, along, h)
    log_axes(ax, x=along, y=h)
    ax.set_ylabel(f"best {h}" + "".join(f" at {k} = {human(v)}" for k, v in at.items()), parse_math=False)
    legend(ax)
    return ax


def hyperparameters_file(fit: HyperparameterFit, path: str | Path) -> Path:
    """Bowls and, where there is one, the law of every hyper-parameter, as one file."""
    columns = 2 if fit.has_law else 1
    figure = Figure(figsize=(6.8 * columns, 4.4 * len(fit.over)), layout="constrained")
    axes = figure.subplots(len(fit.over), columns, squeeze=False)
    for row, h in zip(axes, fit.over, strict=True):
        hyperparameter_bowls(fit, h, ax=row[0])
        if fit.has_law:
            hyperparameter_law(fit, h, ax=row[1])
    return save(axes[0, 0], path)


def _named(fit: HyperparameterFit, h: str | None) -> str:
    if h is None:
        return fit.over[0]
    if h not in fit.over:
        raise ArgumentError(f"{h!r} is none of the hyper-parameters of this fit: {', '.join(fit.over)}")
    return h


def _sizes(fit: HyperparameterFit) -> tuple[str, dict[float, Any]]:
    """What tells cells apart by colour, N where it varies, and the colour of each of its values."""
    size = next((k for k in ("N", "D") if k in fit.fitted and fit.fitted[k].nunique() > 1), "cell")
    values = sorted(set(fit.fitted[size]))
    return size, dict(zip(values, shades(len(values)), strict=True))


def _legend(ax: Axes, size: str, colors: dict[float, Any]) -> None:
    if size == "cell":
        return
    shown = np.unique(np.linspace(0, len(colors) - 1, min(len(colors), LABELLED)).round().astype(int))
    names = [(value, color) for i, (value, color) in enumerate(colors.items()) if i in shown]
    lines = [Line2D([], [], color=color, label=f"{size} = {human(value)}") for value, color in names]
    legend(ax, handles=lines, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _along(row: Mapping[str, Any], h: str, z: Array) -> Array:
    """The bowl of a cell along one hyper-parameter, the others at their best beside it."""
    return np.asarray(row["bottom"] * np.exp(0.5 * row[f"{h}_curvature"] * (z - np.log(row[h])) ** 2))


def _height(fit: HyperparameterFit, row: Mapping[str, Any], z: Array) -> Array:
    """ln(loss) of the bowl of a cell at logarithms (rows, over)."""
    away = z - np.log([row[g] for g in fit.over])
    total = np.full(len(z), np.log(row["bottom"]))
    for i, g in enumerate(fit.over):
        total += 0.5 * row[f"{g}_curvature"] * away[:, i] ** 2
        for j in range(i + 1, len(fit.over)):
            total += row[f"{g}*{fit.over[j]}_curvature"] * away[:, i] * away[:, j]
    return total


def _cells_of(ax: Axes, cells: pd.DataFrame, moved: Array, along: str, h: str) -> None:
    """The best of each cell, times a factor, with its bar; a triangle at the end of a sweep that it lies beyond."""
    inside = (cells[f"{h}_side"] == 0).to_numpy()
    best = cells[h][inside] * moved[inside]
    ends = np.stack([cells[f"{h}_{end}"][inside] * moved[inside] for end in ("lower", "upper")])
    bars = np.where(np.isfinite(ends) & (ends > 0), np.abs(ends - best.to_numpy()), 0.0)
    ax.errorbar(cells[along][inside], best, bars, fmt="o", color=BLUE, mec=ink(), ms=5, lw=1, capsize=2)
    for side, marker, end in ((1, "^", "most"), (-1, "v", "least")):
        rows = (cells[f"{h}_side"] == side).to_numpy()
        if rows.any():
            ax.plot(
                cells[along][rows],
                cells[f"{h}_{end}"][rows] * moved[rows],
                marker,
                color=RED,
                mec=ink(),
                ms=7,
                ls="",
                label="beyond the sweep",
            )
