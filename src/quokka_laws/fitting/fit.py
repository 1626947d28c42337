"""``fit``: runs and a law in, evidence out. Orchestrates starts → solver → resamples → what is doubtful."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any, Literal

import lmfit
import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws._version import __version__
from quokka_laws.exceptions import RunsError
from quokka_laws.fitting import diagnostics, starts
from quokka_laws.fitting.bootstrap import draws_whole_runs, resample_weights, resampling_units
from quokka_laws.fitting.influence import Refits
from quokka_laws.fitting.lmfit_fallback import minimize_with_lmfit
from quokka_laws.fitting.multistart import THIN_ROWS, Optimum, optimise
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.fitting.solver import Problem, Solution, solve
from quokka_laws.laws import Law
from quokka_laws.laws.base import AUTOMATIC
from quokka_laws.objective import LogHuber, Objective
from quokka_laws.progress import Progress
from quokka_laws.results.fit_result import FitResult, FitStatus, draws_to_parameters
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.runs.checkpoints import one_phase
from quokka_laws.runs.columns import INPUTS
from quokka_laws.runs.conventions import Conventions
from quokka_laws.runs.read import check_runs

FEWEST_LEVELS = 3  # of N and of D
SAME_LEVEL = 0.02  # relative distance up to which two values count as one level
SAME_DATA = 1.02
"""Amounts of unique data within this factor are one: U_D is often derived from rounded epochs."""


def fit(
    law: Law,
    runs: pd.DataFrame,
    *,
    objective: Objective | None = None,
    params: lmfit.Parameters | None = None,
    weights: str | None = None,
    bootstrap: int = 0,
    cluster: str | None = "auto",
    strata: str | None = None,
    start_from: FittedLaw | None = None,
    freeze: bool | Sequence[str] = False,
    n_starts: int | None = None,
    seed: int = 0,
    progress: bool = False,
) -> FitResult:
    """Fit a law to runs.

    Minimises ``Σ_i w_i ρ(r_i)``, by default with Huber's ρ of log-residuals (Hoffmann et al. 2022, Eq. 3).

    Parameters
    ----------
    law : Law
        For example ``ql.laws.Chinchilla()``.
    runs : DataFrame
        From :func:`quokka_laws.read_runs`, or any table with its canonical columns.
    objective : Objective, optional
        ``LogHuber(delta=1e-3)`` by default.
    params : lmfit.Parameters, optional
        From ``law.make_params(…)``: start values, bounds, ``vary=False``, ties by ``expr``.
    weights : str, optional
        Column of row weights, kept with the result as ``weight``; a column ``weight`` is used without being named. Rows of
        weight 0 are excluded.
    bootstrap : int
        Refits on resampled data; 0 gives no intervals, 1000 is plenty.
    cluster : str, optional
        Column whose equal rows are resampled together. ``"auto"``: by ``run_id`` when rows share one (they are
        checkpoints of one run), else by row. None: by row whatever the data.
    strata : str, optional
        Column within whose values to resample, for example ``"C"``.
    start_from : FittedLaw, optional
        Start shared coefficients from another fit.
    freeze : bool or sequence of str
        Hold the coefficients taken from ``start_from`` fixed: all of them, or those named.
    n_starts : int, optional
        Automatic starts: 5 where the searched coefficients fit a grid, else 64. Each is solved twice, through
        smoother objectives (which leads most to one optimum) and directly (which finds rivals).
    seed : int
        Of starts and resamples; the same seed gives the same bytes.
    progress : bool
        Show a bar on stderr for work that takes more than two seconds.

    Returns
    -------
    FitResult

    Raises
    ------
    RunsError
        If the runs cannot determine the law: faults are listed with their rows.
    FitError
        If no start gives a finite objective.
    """
    objective = objective or LogHuber()
    runs = one_phase(check_runs(runs), repeated="epochs" in law.variables)
    if weights is not None:
        runs = _weighted(runs, weights)
    runs = _without_weightless(runs)
    params = _with_start(law, params, start_from, freeze)
    check_design(law, runs, params)
    check_unique_data(law, runs, params)
    data = Data.of(law, runs)
    space = Space.of(law, params)

    if space is None:
        return _fit_by_lmfit(law, runs, data, objective, params, bootstrap, cluster, strata, seed, progress)
    found = optimise(law, data, space, objective, n_starts=n_starts, seed=seed, progress=progress)
    draws, how = None, dict[str, Any]()
    if bootstrap:
        draws, how = _bootstrap(law, runs, data, space, objective, found, bootstrap, cluster, strata, seed, progress)
    values = space.values(found.u, found.off)
    at_bound = bool(found.off.any() or ((found.u <= space.lower) | (found.u >= space.upper)).any())
    status = FitStatus.NOT_CONVERGED if not found.converged else FitStatus.AT_BOUND if at_bound else FitStatus.CONVERGED
    result = _result(
        law,
        runs,
        params,
        values,
        draws,
        objective=objective,
        objective_value=found.value,
        status=status,
        starts=found.starts,
        rivals=found.rivals,
        gradient_norm=found.gradient_norm,
        condition_number=found.condition_number,
        bootstrap=how,
        seed=seed,
    )

    refits = Refits(law, data, space, objective, found, n_starts, seed)
    return replace(result, flags=diagnostics.of(result, refits=refits))


# ---- resamples ------------------------------------------------------------------------------------------------


def _bootstrap(
    law: Law,
    runs: pd.DataFrame,
    data: Data,
    space: Space,
    objective: Objective,
    best: Optimum,
    count: int,
    cluster: str | None,
    strata: str | None,
    seed: int,
    progress: bool,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    units, how = resampling_units(runs, cluster, strata)
    problem = space.problem(data, objective)
    start, off = np.repeat(best.u[None], count, axis=0), np.repeat(best.off[None], count, axis=0)
    weights = resample_weights(len(runs), count, seed=seed, **units) * data.weights
    if len(runs) > 2 * THIN_ROWS and data.groups is not None and draws_whole_runs(units["cluster"], data.groups):
        # The few rows that stand for a run take its multiplicity: their optimum is a start close to the one wanted.
        rows, counts = starts.thin(len(runs), data.groups, data.order, limit=THIN_ROWS // 3, seed=seed)
        few = space.problem(data.take(rows), objective)
        near = solve(few, start, weights[:, rows] * counts, off=off, begin="warm")
        start, off = near.u, near.off
    with Progress("bootstrap", count, enabled=progress) as bar:
        solved = solve(problem, start, weights, off=off, begin="warm", progress=bar.update)
        if (stuck := np.flatnonzero(~solved.converged)).size:
            _retry(problem, solved, stuck, weights, best, space.fixed_off)
    draws = pd.DataFrame(space.batch_values(solved.u, solved.off))[list(law.names)]
    draws[~solved.converged] = np.nan
    return draws, {**how, "refits": count, "converged": int(solved.converged.sum())}


def _retry(problem: Problem, solved: Solution, stuck: Array, weights: Array, best: Optimum, none: Array) -> None:
    """Solve refits that got stuck from the optimum of all rows and from the starts that led to it; keep the best."""
    beginnings: tuple[tuple[Literal["far", "near"], Array, Array], ...] = (
        ("far", best.u[None], none[None]),
        ("near", *best.began),
    )
    for begin, u, off in beginnings:
        count = (stuck.size, 1)
        again = solve(
            problem, np.tile(u, count), np.repeat(weights[stuck], len(u), 0), off=np.tile(off, count), begin=begin
        )
        value = np.where(again.converged, again.value, np.inf).reshape(stuck.size, len(u))
        chosen = value.argmin(axis=1)
        better = value.min(axis=1) < np.where(solved.converged[stuck], solved.value[stuck], np.inf)
        for name in Solution.__dataclass_fields__:
            column = getattr(again, name)
            picked = column.reshape(stuck.size, len(u), *column.shape[1:])[np.arange(stuck.size), chosen]
            getattr(solved, name)[stuck[better]] = picked[better]


# ---- the escape hatch -----------------------------------------------------------------------------------------


def _fit_by_lmfit(
    law: Law,
    runs: pd.DataFrame,
    data: Data,
    objective: Objective,
    params: lmfit.Parameters,
    bootstrap: int,
    cluster: str | None,
    strata: str | None,
    seed: int,
    progress: bool,
) -> FitResult:
    """A tie the solver cannot express: lmfit's Minimizer from the optimum without ties."""
    ties = [p.name for p in params.values() if p.expr]
    untied = params.copy()
    for name in ties:
        untied[name].set(expr="", vary=True)
        untied[name].user_data = AUTOMATIC
    space = Space.of(law, untied)
    assert space is not None  # nothing is tied any more
    near = space.values(*(lambda o: (o.u, o.off))(optimise(law, data, space, objective, n_starts=None, seed=seed)))

    def cost(values: dict[str, float], weights: Array) -> float:
        log_prediction = law.log_loss(values, data.x)[0]
        r = log_prediction - np.log(data.loss) if objective.log else np.exp(log_prediction) - data.loss
        return float((objective.value(r) * weights).sum())

    values, converged = minimize_with_lmfit(params, near, lambda v: cost(v, data.weights))
    draws, how = None, dict[str, Any]()
    if bootstrap:
        units, how = resampling_units(runs, cluster, strata)
        weights = resample_weights(len(runs), bootstrap, seed=seed, **units) * data.weights
        rows = []
        with Progress("bootstrap through lmfit", bootstrap, enabled=progress) as bar:
            for w in weights:
                refit, ok = minimize_with_lmfit(params, values, _with_weights(cost, w))
                rows.append(refit if ok else dict.fromkeys(law.names, np.nan))
                bar.update(1)
        draws = pd.DataFrame(rows)[list(law.names)]
        how = {**how, "refits": bootstrap, "converged": int(draws.notna().all(axis=1).sum())}
    result = _result(
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
        seed=seed,
    )
    return replace(result, flags=diagnostics.of(result, refits=None))


def _with_weights(
    cost: Callable[[dict[str, float], Array], float], weights: Array
) -> Callable[[dict[str, float]], float]:
    return lambda values: cost(values, weights)


# ---- small pieces ---------------------------------------------------------------------------------------------


def _weighted(runs: pd.DataFrame, column: str) -> pd.DataFrame:
    """Runs with their weights where every refit finds them."""
    if column not in runs:
        raise RunsError(f"there is no column {column!r} to take weights from; columns: {', '.join(runs)}")
    weighted = runs.assign(weight=runs[column])
    weighted.attrs = runs.attrs
    return weighted


def _without_weightless(runs: pd.DataFrame) -> pd.DataFrame:
    """Rows of positive weight; those of weight 0 were not fitted and are excluded, so that nothing counts them."""
    if "weight" not in runs or not (nothing := (runs["weight"] == 0).to_numpy()).any() or nothing.all():
        return runs
    kept = runs[~nothing].reset_index(drop=True)
    gone = runs.loc[nothing, [k for k in ("run_id", "N", "D", "C", "loss") if k in runs]].to_dict("records")
    excluded = [*runs.attrs.get("excluded", []), *({"reason": "weight 0", **record} for record in gone)]
    kept.attrs = {**runs.attrs, "excluded": excluded}
    return kept


def _with_start(
    law: Law, params: lmfit.Parameters | None, start_from: FittedLaw | None, freeze: bool | Sequence[str]
) -> lmfit.Parameters:
    if params is None:
        params = law.make_params()
    else:
        if missing := [k for k in law.names if k not in params]:
            raise ValueError(f"params lacks {', '.join(missing)}; start from {law.name}'s make_params()")
        params = params.copy()
    if start_from is None:
        if freeze:
            raise ValueError("freeze needs start_from: the fit whose coefficients are held")
        return params
    shared = [k for k in start_from.law.names if k in law.names]
    held = shared if freeze is True else list(freeze or [])
    if unknown := [k for k in held if k not in shared]:
        raise ValueError(f"cannot freeze {', '.join(unknown)}: shared with {start_from.label} are {', '.join(shared)}")
    for name in shared:
        params[name].set(value=start_from.values[name])
        params[name].user_data = None
        if name in held:
            params[name].vary = False
    return params


def check_design(law: Law, runs: pd.DataFrame, params: lmfit.Parameters | None = None) -> None:
    """Raise :class:`RunsError` if these runs cannot determine this law, whatever their losses.

    With ``params`` some of whose coefficients are held or tied fewer sizes can do, and their number is left to the caller.
    """
    faults = []
    for name in law.variables:
        if name not in runs:
            faults.append(f"{law.name} needs a column {name}; the table has {', '.join(runs)}")
    needed = len(law.coefficients) + 1
    if len(runs) < needed:
        faults.append(
            f"{len(runs)} runs cannot determine the {needed - 1} coefficients of {law.name}; it needs at least {needed}"
        )
    if not faults and {"N", "D"} <= set(law.variables):
        ratio = runs["D"] / runs["N"]
        if len(runs) > 1 and ratio.max() / ratio.min() < 1.01:
            faults.append(
                f"all runs have the same D/N ({ratio.iloc[0]:.4g}): capacity and data terms cannot be told apart; "
                "add runs at other D/N, or fit ql.laws.PowerLaw('C')"
            )
        if params is None or all(p.vary and not p.expr for p in params.values()):
            faults += _few_levels(law, runs)
    if not faults and "epochs" in law.variables and not (runs["epochs"] > 1.0).any():
        faults.append(
            f"no run repeats its data (the largest epochs is {runs['epochs'].max():.3g}): the repetition coefficients of "
            f"{law.name} cannot be identified; fit its single-epoch law, or add runs that repeat"
        )
    if faults:
        raise RunsError("; ".join(faults))


def _result(
    law: Law,
    runs: pd.DataFrame,
    params: lmfit.Parameters,
    values: dict[str, float],
    draws: pd.DataFrame | None,
    **evidence: Any,
) -> FitResult:
    """A result with all that follows from the runs; ``evidence`` is what the solver found and how."""
    return FitResult(
        law=law,
        values=values,
        conventions=Conventions.from_dict(runs.attrs.get("conventions", {})),
        fitted_range=_ranges(runs),
        draws=draws,
        runs=runs,
        excluded=pd.DataFrame(runs.attrs.get("excluded", [])),
        params=draws_to_parameters(_solved_parameters(params, values), draws),
        versions=_versions(),
        **evidence,
    )


def _few_levels(law: Law, runs: pd.DataFrame) -> list[str]:
    """A floor, an amplitude and an exponent pass through any two levels of N, or of D: three are the least."""
    faults = []
    for name, what, term in (("N", "model sizes", "capacity"), ("D", "token counts", "data")):
        levels = [float(runs[name].min())]
        while len(levels) < FEWEST_LEVELS and (above := runs[name] > levels[-1] * (1 + SAME_LEVEL)).any():
            levels.append(float(runs.loc[above, name].min()))
        if (count := len(levels)) < FEWEST_LEVELS:
            shown = ", ".join(f"{v:.3g}" for v in levels)
            faults.append(
                f"{count} {what if count > 1 else what[:-1]} ({name} = {shown}): the {term} term of {law.name} needs at "
                f"least {FEWEST_LEVELS} that differ by more than {SAME_LEVEL:.0%}; add runs at other {name}, or hold what is "
                "known from elsewhere (--fix E=1.7; in Python params=)"
            )
    return faults


def check_unique_data(law: Law, runs: pd.DataFrame, params: lmfit.Parameters) -> None:
    """Raise :class:`RunsError` if all runs have the same unique data and a coefficient says what more would change."""
    free = [name for name in law.of_unique_data if params[name].vary and not params[name].expr]
    if free and runs["U_D"].max() / runs["U_D"].min() < SAME_DATA:
        (c,) = (c for c in law.coefficients if c.name == free[0])
        raise RunsError(
            f"all runs have the same unique data (U_D = {runs['U_D'].iloc[0]:.4g}): {c.name} of {law.name}, {c.meaning}, cannot "
            f"be told from them, nor epochs for other data. Add runs with another U_D, or hold it: "
            f"params=law.make_params({c.name}=dict(value=…, vary=False)), on the command line --fix {c.name}=…"
        )


def _ranges(runs: pd.DataFrame) -> dict[str, tuple[float, float]]:
    return {k: (float(runs[k].min()), float(runs[k].max())) for k in (*INPUTS, "loss") if k in runs}


def _solved_parameters(params: lmfit.Parameters, values: dict[str, float]) -> lmfit.Parameters:
    solved = params.copy()
    for name, par in solved.items():
        if name in values and not par.expr:
            par.value = values[name]
    return solved


def _versions() -> dict[str, str]:
    libraries = {name: version(name) for name in ("numpy", "scipy", "pandas", "lmfit")}
    return {"quokka-laws": __version__, **libraries, "python": platform.python_version()}
