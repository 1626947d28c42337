"""Figures of task accuracy: against the loss with its band and the line of chance, one panel a task."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from quokka_laws.reporting.plot.axes import BLUE, ORANGE, RED, ink, legend, new_axes, save
from quokka_laws.results.downstream import Downstream
from quokka_laws.results.intervals import percentile_interval

POINTS = 121
BEYOND = 0.2
"""How far below the lowest loss the curve is drawn, in ranges of the losses."""
COLUMNS = 3


def accuracy_over_loss(found: Downstream, metric: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Accuracy of a task against the loss of its runs: the curve with its band, the score of a guesser, the runs.

    Bars of runs are two standard errors of their questions. The loss falls to the right; dotted beyond the runs.

    Parameters
    ----------
    found : Downstream
    metric : str, optional
        The first task by default.
    ax : Axes, optional
    """
    ax = new_axes() if ax is None else ax
    task = found.tasks[0] if metric is None else found.task(metric)
    runs = task.runs
    loss, y = runs["loss"].to_numpy(), runs["accuracy"].to_numpy()
    q = runs["questions"].to_numpy()
    bars = np.where(
        np.isfinite(q), 2.0 * np.sqrt(np.clip(y * (1.0 - y), 0.0, None) / np.where(np.isfinite(q), q, 1.0)), 0.0
    )
    ax.errorbar(loss, y, yerr=bars, fmt="o", color=BLUE, ms=4, lw=0.8, label=f"{len(runs)} runs", zorder=3)
    lowest = loss.min() - (BEYOND if task.predictable else 0.03) * np.ptp(loss)
    grid = np.linspace(loss.max(), lowest, POINTS)
    stage = task.curve("two-stage")
    if task.predictable and stage is not None:
        x = {"loss": grid}
        lower, upper = percentile_interval(stage.drawn(x), found.level)
        inside = grid >= loss.min()
        ax.fill_between(
            grid, lower, upper, color=RED, alpha=0.18, lw=0, label=f"{100 * found.level:.3g} % of the curve"
        )
        ax.plot(grid[inside], stage.at(x)[inside], color=RED)
        ax.plot(grid[~inside], stage.at(x)[~inside], color=RED, ls=":")
        ax.axhline(stage.values["ceiling"], color=ORANGE, ls="--", lw=1, label="ceiling")
    ax.axhline(task.chance, color=ink(), lw=0.8, ls=(0, (2, 3)), label="chance")
    ax.set_xlim(loss.max() + 0.03 * np.ptp(loss), lowest)
    ax.set_ylim(max(0.0, min(task.chance, float(y.min())) - 0.05), 1.02)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set_xlabel(f"loss ({found.fit.conventions.loss_unit}), falling")
    ax.set_ylabel("accuracy")
    ax.set_title(task.name if task.predictable else f"{task.name}: not predictable from these runs", fontsize=10)
    legend(ax, loc="best")
    return ax


def downstream_figure(found: Downstream, path: str | Path) -> Path:
    """A panel for each task, as a file."""
    columns = min(COLUMNS, len(found.tasks))
    rows = -(-len(found.tasks) // columns)
    figure = Figure(figsize=(max(5.2, 3.9 * columns), 3.6 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, task in zip(grid, found.tasks, strict=False):
        accuracy_over_loss(found, task.name, ax=ax)
    for ax in grid[len(found.tasks) :]:
        ax.set_axis_off()
    return save(grid[0], path)
