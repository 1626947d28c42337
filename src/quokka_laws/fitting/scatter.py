"""The scatter of runs about a law, and what is taken from it: the delta of an objective and the weight of a prior."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quokka_laws._typing import Array
from quokka_laws.fitting.linearised import Linearised
from quokka_laws.fitting.multistart import optimise
from quokka_laws.fitting.priors import SCATTER, SCATTER_RUNS, Prior
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.fitting.solver import solve
from quokka_laws.laws import Law
from quokka_laws.objective import HUBER, LEAST_SCATTER, LogHuber, Objective

FIRST_DELTA = 0.01
MAD_TO_SD = 1.4826  # of a normal distribution
ROUNDS, STEPS = 8, 25  # of scatter and optimum in turn, and of each descent: the fit itself comes after
SAME_DELTA = 0.03  # relative


@dataclass(frozen=True)
class Settled:
    """An objective whose delta is a number, the space with its prior, and starts for the optimum, if any."""

    objective: Objective
    space: Space
    near: tuple[Array, Array] | None = None


def scatter(r: Array, weights: Array, free: float) -> float:
    """Standard deviation of normal noise with this median absolute residual, for ``free`` coefficients fitted to the rows."""
    order = np.argsort(np.abs(r))
    share = np.cumsum(weights[order]) / weights.sum()
    middle = float(np.abs(r)[order][np.searchsorted(share, 0.5)])
    return MAD_TO_SD * middle * float(np.sqrt(len(r) / max(len(r) - free, 1.0)))


def settle(
    law: Law,
    data: Data,
    space: Space,
    objective: Objective,
    prior: Prior | None,
    *,
    seed: int,
    near: tuple[Array, Array] | None = None,
) -> Settled:
    """What is to be minimised, in numbers.

    Scatter and optimum are found in turn, beginning with a delta of one per cent, which is wide for most sweeps: from a
    narrow one the law would pass through as many runs as it has coefficients, and few runs would have no scatter at all.
    """
    if not isinstance(objective, LogHuber) or objective.settled:
        return Settled(objective, space, near)
    delta = FIRST_DELTA
    expecting = space
    if prior is not None:
        mean, precision = prior.on(space)
        expecting = space.expecting(mean, precision * (delta / HUBER) ** 2)
    if near is None:
        found = optimise(law, data, expecting, LogHuber(delta), n_starts=None, seed=seed, briefly=True)
        u, off = found.u[None], found.off[None]
    else:
        solved = solve(
            expecting.problem(data, LogHuber(delta)),
            near[0],
            data.weights,
            off=near[1],
            begin="near",
            max_iterations=STEPS,
        )
        best = int(np.argmin(np.where(np.isfinite(solved.value), solved.value, np.inf)))
        u, off = solved.u[[best]], solved.off[[best]]
    for _ in range(ROUNDS):
        last = delta
        near_by = Linearised.at(expecting, data, LogHuber(last), u, off, np.log(data.loss))
        size = scatter(near_by.residuals[0], data.weights, float(near_by.used[0]))
        if prior is not None:
            spare = float(near_by.spare[0])
            size = float(np.sqrt((spare * size**2 + SCATTER_RUNS * SCATTER**2) / (spare + SCATTER_RUNS)))
            expecting = space.expecting(mean, precision * size**2)
        delta = HUBER * max(size, LEAST_SCATTER)
        problem = expecting.problem(data, LogHuber(delta))
        solved = solve(problem, u, data.weights, off=off, begin="warm", max_iterations=STEPS)
        u, off = solved.u, solved.off
        if abs(np.log(delta / last)) < SAME_DELTA:
            break
    return Settled(LogHuber(delta, auto=True), expecting, (u, off))
