"""The escape hatch: lmfit's Minimizer, for ties between coefficients that the solver cannot express."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import lmfit
import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.fitting.bootstrap import resample_weights, resampling_units
from quokka_laws.fitting.diagnostics import Diagnosis
from quokka_laws.fitting.evidence import result_of
from quokka_laws.fitting.multistart import optimise
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.fitting.resampled import Resamples
from quokka_laws.laws import Law
from quokka_laws.laws.base import AUTOMATIC
from quokka_laws.objective import Objective
from quokka_laws.progress import Progress
from quokka_laws.results.fit_result import FitResult, FitStatus

NO_BETTER = 1e-6
"""Share of the cost by which a restart has to improve to count."""


def minimize_with_lmfit(
    params: lmfit.Parameters,
    near: dict[str, float],
    cost: Callable[[dict[str, float]], float],
    *,
    rounds: int = 8,
) -> tuple[dict[str, float], bool]:
    """Minimise ``cost`` over lmfit parameters with bounds and expressions.

    Nelder–Mead restarted until a restart no longer helps, which is what convergence means here: slow but indifferent to the
    kinks of a Huber cost. It supplies no uncertainties; those come from refits.

    Returns
    -------
    values : dict
    converged : bool
    """
    current = params.copy()
    for name, par in current.items():
        if par.vary and not par.expr:
            par.value = near[name]
    best = cost(current.valuesdict())
    for _ in range(rounds):
        found = lmfit.Minimizer(lambda p: cost(p.valuesdict()), current, max_nfev=20_000).minimize(
            method="nelder", options={"xatol": 1e-8, "fatol": max(1e-15, 1e-9 * best), "adaptive": True}
        )
        value, before = cost(found.params.valuesdict()), best
        current, best = found.params, min(value, best)
        if before - value <= NO_BETTER * abs(value):
            return dict(current.valuesdict()), True
    return dict(current.valuesdict()), False


def fit_by_lmfit(
    law: Law,
    runs: pd.DataFrame,
    data: Data,
    objective: Objective,
    params: lmfit.Parameters,
    wanted: Resamples,
) -> FitResult:
    """A tie the solver cannot express: lmfit's Minimizer from the optimum without ties."""
    ties = [p.name for p in params.values() if p.expr]
    untied = params.copy()
    for name in ties:
        untied[name].set(expr="", vary=True)
        untied[name].user_data = AUTOMATIC
    space = Space.of(law, untied)
    assert space is not None  # nothing is tied any more
    near = space.values(
        *(lambda o: (o.u, o.off))(optimise(law, data, space, objective, n_starts=None, seed=wanted.seed))
    )

    def cost(values: dict[str, float], weights: Array) -> float:
        log_prediction = law.log_loss(values, data.x)[0]
        r = log_prediction - np.log(data.loss) if objective.log else np.exp(log_prediction) - data.loss
        return float((objective.value(r) * weights).sum())

    values, converged = minimize_with_lmfit(params, near, lambda v: cost(v, data.weights))
    draws, how = None, dict[str, Any]()
    if wanted.count:
        units, how = resampling_units(runs, wanted.cluster, wanted.strata)
        weights = resample_weights(len(runs), wanted.count, seed=wanted.seed, **units) * data.weights
        rows = []
        with Progress("bootstrap through lmfit", wanted.count, enabled=wanted.progress) as bar:
            for w in weights:
                refit, ok = minimize_with_lmfit(params, values, _with_weights(cost, w))
                rows.append(refit if ok else dict.fromkeys(law.names, np.nan))
                bar.update(1)
        draws = pd.DataFrame(rows)[list(law.names)]
        how = {**how, "refits": wanted.count, "converged": int(draws.notna().all(axis=1).sum())}
    result = result_of(
        law,
        runs,
        params,
        values,
        draws,
        objective=objective,
        objective_value=cost(values, data.weights),
        status=FitStatus.CONVERGED if converged else FitStatus.NOT_CONVERGED,
        starts={"solved": 1, "at_optimum": 1, "rows_used": len(runs)},
        bootstrap=how,
        route=f"lmfit Minimizer: the tie of {', '.join(ties)} is not linear in the solver's coordinates",
        seed=wanted.seed,
    )
    return replace(result, diagnose=Diagnosis(None))


def _with_weights(
    cost: Callable[[dict[str, float], Array], float], weights: Array
) -> Callable[[dict[str, float]], float]:
    return lambda values: cost(values, weights)
