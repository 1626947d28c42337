"""Figures of recipes against one another: loss along compute with the gap drawn, and the multiplier with its band."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from quokka_laws._typing import Array
from quokka_laws.evaluation.compute_multiplier import Speedup
from quokka_laws.reporting.plot.axes import STYLES, ink, legend, log_axes, new_axes, save
from quokka_laws.results.intervals import percentile_interval

POINTS = 121
BEYOND = 10.0


def recipe_losses(found: Speedup, *, recipe: str | None = None, C: float | None = None, ax: Axes | None = None) -> Axes:
    """Loss of each recipe along compute, its runs, and the horizontal gap at one budget.

    Parameters
    ----------
    found : Speedup
    recipe : str, optional
        Whose gap is drawn; the first after the baseline by default.
    C : float, optional
        Where; the largest run by default.
    """
    ax = new_axes() if ax is None else ax
    grid = _grid(found)
    runs_on_frontier = found.step.kind == ("C",)
    for r, (name, (color, line, marker)) in enumerate(zip(found.recipes, STYLES * len(found.recipes), strict=False)):
        (loss,) = found.frontiers.loss(grid, r)
        lower, upper = percentile_interval(found.drawn.loss(grid, r), found.level)
        ax.plot(grid, loss, color=color, ls=line, label=f"{name}{' (baseline)' if r == 0 else ''}")
        ax.fill_between(grid, lower, upper, color=color, alpha=0.15, lw=0)
        runs = found.of(r)
        ax.plot(runs["C"], runs["loss"], marker, color=color, ms=5, mfc=color if runs_on_frontier else "none")
    number = 1 if recipe is None else found.recipes.index(recipe)
    at = float(found.runs["C"].max()) if C is None else C
    row = found.at(at).iloc[number - 1]
    if np.isfinite(row["multiplier"]):
        needed = at * row["multiplier"]
        ax.plot([at, needed], [row["loss"]] * 2, color=ink(), lw=1.5, marker="|", ms=9)
        ax.annotate(
            f"the same loss at {row['multiplier']:.3g} × the compute\n({100 * row['level']:.3g} %: {row['multiplier_lower']:.3g} … "
            f"{row['multiplier_upper']:.3g})",
            (min(at, needed), row["loss"]),
            xytext=(-8, -8),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=8,
        )
    log_axes(ax, x="C")
    ax.set_ylabel(
        f"loss ({found.step.fit.conventions.loss_unit})" + ("" if runs_on_frontier else ", at the best N of each C")
    )
    legend(ax)
    return ax


def recipe_multiplier(found: Speedup, *, ax: Axes | None = None) -> Axes:
    """The compute multiplier m(C) of each recipe with its interval; dotted where it rests on the law."""
    ax = new_axes() if ax is None else ax
    table = found.at(_grid(found))
    for (name, rows), (color, _, _) in zip(
        table.groupby("recipe", sort=False), STYLES[1:] * len(found.recipes), strict=False
    ):
        inside = rows["rests_on"] == "runs"
        ax.plot(rows["C"], rows["multiplier"].where(np.isfinite(rows["multiplier"])), color=color, ls=":")
        ax.plot(rows["C"], rows["multiplier"].where(inside), color=color, label=name)
        top = np.where(np.isfinite(rows["multiplier_upper"]), rows["multiplier_upper"], 1e30)
        ax.fill_between(rows["C"], rows["multiplier_lower"], top, color=color, alpha=0.18, lw=0)
    finite = table[np.isfinite(table["multiplier_upper"])]
    low, high = min(0.9, 0.95 * finite["multiplier_lower"].min()), max(1.1, 1.05 * finite["multiplier_upper"].max())
    if np.isfinite([low, high]).all():
        ax.set_ylim(max(low, 0.02), min(high, 50.0))
    ax.axhline(1.0, color=ink(), lw=0.8)
    if ax.get_ylim()[1] / ax.get_ylim()[0] > 5:
        ax.set_yscale("log")
    log_axes(ax, x="C")
    ax.set_xlabel("compute C of the recipe (FLOPs); dotted: rests on the law")
    ax.set_ylabel(f"compute {found.baseline} needs for the same loss, over C")
    legend(ax, title=f"{100 * found.level:.3g} % band")
    return ax


def _grid(found: Speedup) -> Array:
    C = found.runs["C"]
    return np.geomspace(C.min() / 1.5, max(BEYOND * C.max(), found.C.max()), POINTS)


def speedup_figure(found: Speedup, path: str | Path) -> Path:
    """Both figures side by side, as a file."""
    left, right = Figure(figsize=(11.0, 4.4), layout="constrained").subplots(1, 2)
    recipe_losses(found, ax=left)
    recipe_multiplier(found, ax=right)
    return save(left, path)
