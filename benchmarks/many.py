"""Many simulated tables of one design, fitted in one batch: what makes the benchmarks of truth a matter of seconds.

One thing is simpler than in the library: delta is 1.345 times the noise that was simulated, not that of each table's own residuals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

import quokka_laws as ql
from quokka_laws._typing import Array
from quokka_laws.fitting.linearised import Estimates, Linearised, estimates
from quokka_laws.fitting.multistart import optimise
from quokka_laws.fitting.priors import Prior
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.fitting.solver import Solution, solve
from quokka_laws.laws import Law
from quokka_laws.objective import HUBER, Objective


@dataclass(frozen=True)
class Many:
    """One law fitted to many tables."""

    space: Space
    data: Data
    solved: Solution
    near: Linearised

    def ask(self, of: Callable[[Law, Mapping[str, Array]], Array]) -> Estimates:
        """Quantities (tables, quantities)."""
        return estimates(self.near, self.space, self.solved.u, self.solved.off, lambda v: of(self.space.law, v))


def fit_many(
    law: Law,
    design: pd.DataFrame,
    log_losses: Array,
    scatter: float,
    *,
    clean: Array,
    objective: Objective | None = None,
    prior: Prior | None = None,
) -> Many:
    """Fit a law to tables of losses (tables, rows), each from the optimum for losses without noise (rows,)."""
    runs = ql.check_runs(design[["N", "D"]].assign(loss=np.exp(clean)))
    objective = objective or ql.LogHuber(HUBER * scatter)
    data, space = Data.of(law, runs), Space.of(law, law.make_params())
    assert space is not None
    if prior is not None:
        mean, precision = prior.on(space)
        space = space.expecting(mean, precision * scatter**2)
    best = optimise(law, data, space, ql.LogHuber(0.003), n_starts=12, seed=0)
    count = len(log_losses)
    problem = replace(space.problem(data, objective), loss=np.exp(log_losses))
    u, off = np.repeat(best.u[None], count, axis=0), np.repeat(best.off[None], count, axis=0)
    solved = solve(problem, u, data.weights, off=off, begin="near", max_iterations=100)
    return Many(space, data, solved, Linearised.at(space, data, objective, solved.u, solved.off, log_losses))
