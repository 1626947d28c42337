"""Loss over N and D around the runs and the best models: a grid, and levels that are told apart on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.results.fit_result import FitResult

POINTS = 160  # along each side
LEVELS = 12
BUDGETS = 60
MARGIN = 1.5  # around runs and best models, as a factor


@dataclass(frozen=True)
class Surface:
    """A law over N and D.

    Parameters
    ----------
    N, D : array (points,)
        Sides of the grid, evenly spaced in their logarithms.
    loss : array (points, points)
        At ``D[i]``, ``N[j]``.
    levels : array (levels,)
        Losses of the contours, ascending.
    frontier : DataFrame
        Compute-optimal models over the budgets of the runs and those marked, with intervals where the fit has draws.
    """

    N: Array
    D: Array
    loss: Array
    levels: Array
    frontier: pd.DataFrame


def surface(fit: FitResult, marked: Any = (), level: float | None = None) -> Surface:
    """The law around the fitted runs and the best models at ``marked`` budgets (FLOPs), with intervals at ``level``.

    Raises
    ------
    FitError
        If the law has no optimum.
    """
    runs = fit.runs
    budgets = np.geomspace(runs["C"].min() / 2, max(runs["C"].max(), *marked, 0) * 2, BUDGETS)
    frontier = compute_optimal(fit, budgets, level=level)
    N, D = (
        np.geomspace(
            min(runs[k].min(), frontier[k].min()) / MARGIN, max(runs[k].max(), frontier[k].max()) * MARGIN, POINTS
        )
        for k in ("N", "D")
    )
    loss = fit.law.loss(fit.values, N=N[None, :], D=D[:, None])
    # Evenly spaced in the reducible part of the loss, so that contours do not bunch at the bottom.
    floor = 0.98 * fit.law.loss(fit.values, N=N[-1] * 1e3, D=D[-1] * 1e3)
    levels = floor + np.geomspace(max(loss.min() - floor, 1e-3) * 1.02, runs["loss"].max() - floor, LEVELS)
    return Surface(N, D, loss, levels, frontier)


def written(levels: Array) -> list[str]:
    """Losses with as many digits as tell them apart."""
    digits = next(d for d in range(2, 9) if len({f"{level:.{d}f}" for level in levels}) == len(levels))
    return [f"{level:.{digits}f}" for level in levels]
