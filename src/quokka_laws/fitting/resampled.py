"""Refits of a bootstrap: resamples of rows, of whole runs, or of residuals, all solved in one batch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from quokka_laws._spelling import option
from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError
from quokka_laws.fitting import starts
from quokka_laws.fitting.bootstrap import Multiplicities, draws_whole_runs, multiplicities, resampling_units
from quokka_laws.fitting.linearised import Linearised
from quokka_laws.fitting.local import Problem
from quokka_laws.fitting.multistart import THIN_ROWS, Optimum
from quokka_laws.fitting.priors import Prior
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.fitting.residual_bootstrap import simulated_log_losses
from quokka_laws.fitting.solver import DECREMENT, Solution, solve
from quokka_laws.laws import Law
from quokka_laws.objective import LogHuber, LogL2, Objective
from quokka_laws.progress import Progress

Resampling = Literal["auto", "rows", "residuals"]

ROWS_OF_RUN = 20  # of many: enough to start a refit a fraction of its standard error from where it ends
START_TOLERANCE = 1e-9
RETRY_STEPS = 60
"""Of each descent of a refit that got stuck: from a better start few are needed."""
REFIT_TOLERANCE = 3e-6
"""Over the number of resampled units: a refit of many rows ends within a hundredth of its standard error, most far closer."""


@dataclass(frozen=True)
class Resamples:
    """How many refits, of what: the arguments of :func:`quokka_laws.fit` that say so."""

    count: int
    cluster: str | None
    strata: str | None
    kind: Resampling
    seed: int
    progress: bool
    workers: int = 1

    def __post_init__(self) -> None:
        if self.kind not in get_args(Resampling):
            raise ArgumentError(f"resample = {self.kind!r}: {', '.join(map(repr, get_args(Resampling)))}")


def bootstrap(
    law: Law,
    runs: pd.DataFrame,
    data: Data,
    space: Space,
    objective: Objective,
    best: Optimum,
    prior: Prior | None,
    wanted: Resamples,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Coefficients of every refit, and what was resampled.

    Returns
    -------
    draws : DataFrame (count, coefficients)
        NaN where a refit did not converge.
    how : dict
    """
    count, seed, progress, workers = wanted.count, wanted.seed, wanted.progress, wanted.workers
    cluster, strata, resample = wanted.cluster, wanted.strata, wanted.kind
    units, how = resampling_units(runs, cluster, strata)
    if prior is not None:
        rng = np.random.default_rng([seed, 1])
        space = replace(space, expected=prior.draws(space, count, rng))
    problem = space.problem(data, objective)
    start, off = np.repeat(best.u[None], count, axis=0), np.repeat(best.off[None], count, axis=0)
    smooth = isinstance(objective, LogL2) or (isinstance(objective, LogHuber) and objective.auto)
    if resample == "residuals" or (resample == "auto" and smooth and how["units"] == len(runs) and strata is None):
        if how["units"] < len(runs):
            raise ArgumentError(
                f"resample = 'residuals': {len(runs)} rows are {how['units']} independent runs, whose rows share their noise; "
                f"resample rows ({option('resample', 'rows')}), which draws whole runs"
            )
        around = Linearised.at(space, data, objective, best.u[None], best.off[None], np.log(data.loss))
        losses = simulated_log_losses(around, np.log(data.loss), count=count, seed=seed)
        problem = replace(problem, loss=np.exp(losses))
        with Progress("bootstrap", count, enabled=progress) as bar:
            solved = solve(problem, start, data.weights, off=off, begin="warm", workers=workers, progress=bar.update)
        return _draws(law, space, solved), {
            **how,
            "resample": "residuals",
            "refits": count,
            "converged": int(solved.converged.sum()),
        }
    weights = multiplicities(data.weights, count, seed=seed, **units)
    tolerance = DECREMENT
    if len(runs) > 2 * THIN_ROWS and data.groups is not None and draws_whole_runs(units["cluster"], data.groups):
        # The few rows that stand for a run take its multiplicity: their optimum is a start close to the one wanted.
        limit = max(THIN_ROWS // 3, min(ROWS_OF_RUN * how["units"], len(runs) // 10))
        rows, each = starts.thin(len(runs), data.groups, data.order, limit=limit, seed=seed)
        sample = data.take(rows, each)
        few, drawn = space.problem(sample, objective), weights.on(rows, sample.weights)
        near = solve(few, start, drawn, off=off, begin="warm", tolerance=START_TOLERANCE, workers=workers)
        start, off = near.u, near.off
        tolerance = REFIT_TOLERANCE / how["units"]
    with Progress("bootstrap", count, enabled=progress) as bar:
        solved = solve(
            problem, start, weights, off=off, begin="warm", tolerance=tolerance, workers=workers, progress=bar.update
        )
        if (stuck := np.flatnonzero(~solved.converged)).size:
            _retry(problem, solved, stuck, weights, best, space.fixed_off)
    return _draws(law, space, solved), {
        **how,
        "resample": "rows",
        "refits": count,
        "converged": int(solved.converged.sum()),
    }


def _draws(law: Law, space: Space, solved: Solution) -> pd.DataFrame:
    """Coefficients of every refit; NaN where it did not converge."""
    draws = pd.DataFrame(space.batch_values(solved.u, solved.off))[list(law.names)]
    draws[~solved.converged] = np.nan
    return draws


def _retry(
    problem: Problem, solved: Solution, stuck: Array, weights: Multiplicities, best: Optimum, none: Array
) -> None:
    """Solve refits that got stuck through smoother objectives, and those that remain from the starts that led to the optimum of all rows."""
    beginnings: tuple[tuple[Literal["far", "near"], Array, Array], ...] = (
        ("far", best.u[None], none[None]),
        ("near", *best.began),
    )
    for begin, u, off in beginnings:
        stuck = stuck[~solved.converged[stuck]]
        if not stuck.size:
            return
        count = (stuck.size, 1)
        again = solve(
            problem,
            np.tile(u, count),
            weights[np.repeat(stuck, len(u))],
            off=np.tile(off, count),
            begin=begin,
            max_iterations=RETRY_STEPS,
        )
        value = np.where(again.converged, again.value, np.inf).reshape(stuck.size, len(u))
        chosen = value.argmin(axis=1)
        better = value.min(axis=1) < np.where(solved.converged[stuck], solved.value[stuck], np.inf)
        for name in Solution.__dataclass_fields__:
            column = getattr(again, name)
            picked = column.reshape(stuck.size, len(u), *column.shape[1:])[np.arange(stuck.size), chosen]
            getattr(solved, name)[stuck[better]] = picked[better]
