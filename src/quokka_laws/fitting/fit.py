"""``fit``: runs and a law in, evidence out. Orchestrates starts → solver → resamples → what is doubtful."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from typing import Any, Literal

import lmfit
import numpy as np
import pandas as pd

from quokka_laws._expressions import nearest
from quokka_laws._typing import Array
from quokka_laws._version import __version__
from quokka_laws.exceptions import ArgumentError, RunsError
from quokka_laws.fitting import identifiability, starts
from quokka_laws.fitting.arguments import check_counts, law_and_runs, only_runs
from quokka_laws.fitting.bootstrap import draws_whole_runs, independent_runs, resample_weights, resampling_units
from quokka_laws.fitting.choice import choose
from quokka_laws.fitting.diagnostics import Diagnosis, outlying_rows
from quokka_laws.fitting.influence import Refits
from quokka_laws.fitting.linearised import Linearised
from quokka_laws.fitting.lmfit_fallback import minimize_with_lmfit
from quokka_laws.fitting.multistart import THIN_ROWS, Optimum, optimise
from quokka_laws.fitting.priors import FEW_RUNS, Prior
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.fitting.residual_bootstrap import simulated_log_losses
from quokka_laws.fitting.scatter import settle
from quokka_laws.fitting.solver import Problem, Solution, solve
from quokka_laws.laws import Formula, Law, from_name
from quokka_laws.laws.base import AUTOMATIC
from quokka_laws.objective import LogHuber, LogL2, Objective, as_objective
from quokka_laws.progress import Progress
from quokka_laws.results.fit_result import FitResult, FitStatus, draws_to_parameters
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.runs.checkpoints import one_phase
from quokka_laws.runs.columns import HINTS, INPUTS, inputs_of, suggested
from quokka_laws.runs.conventions import Conventions
from quokka_laws.runs.read import row_names
from quokka_laws.runs.rows import subset

Resampling = Literal["auto", "rows", "residuals"]
PriorArgument = Literal["auto", "literature"] | Mapping[str, tuple[float, float]] | None

FEWEST_LEVELS = 3  # of N and of D
SAME_LEVEL = 0.02  # relative distance up to which two values count as one level
SAME_DATA = 1.02
"""Amounts of unique data within this factor are one: U_D is often derived from rounded epochs."""


def fit(
    law: Any,
    runs: Any = None,
    *,
    columns: Mapping[str, str] | None = None,
    objective: Any = None,
    params: lmfit.Parameters | None = None,
    drop: Literal["outliers"] | None = None,
    weights: str | None = None,
    bootstrap: int = 0,
    cluster: str | None = "auto",
    strata: str | None = None,
    start_from: FittedLaw | None = None,
    freeze: bool | Sequence[str] = False,
    n_starts: int | None = None,
    resample: Resampling = "auto",
    prior: PriorArgument = "auto",
    seed: int = 0,
    progress: bool = False,
) -> FitResult:
    """Fit a law to runs; without a law, one is chosen: ``ql.fit(runs)``.

    Minimises ``Σ_i w_i ρ(r_i)``, by default with Huber's ρ of log-residuals (Hoffmann et al. 2022, Eq. 3).

    Parameters
    ----------
    law : Law, class or str
        For example ``ql.laws.Chinchilla()``, or ``"chinchilla"``; or a formula: ``"E + A/N^alpha + B/D^beta"``. Left out,
        ``ql.fit(runs)``, a law is chosen (:mod:`quokka_laws.fitting.choice`) and fitted with ``LogHuber("auto")``;
        ``fit.choice`` says which others there were and what they would change.
    runs : DataFrame, path or data
        From :func:`quokka_laws.read_runs`, or what it reads: a path, a DataFrame of pandas, polars or pyarrow, a dict of
        columns, a list of dicts.
    columns : mapping, optional
        Canonical name → name in the table, as for :func:`quokka_laws.read_runs`.
    objective : Objective or str, optional
        ``LogHuber(delta=1e-3)`` by default, the papers' own, so that a named law can be compared with them.
        ``LogHuber("auto")`` takes delta from the scatter of the runs: sharper, and to be preferred with few runs. By name
        ``"huber"``, ``"auto"``, ``"l1"``, ``"l2"``, ``"raw-l2"``.
    params : lmfit.Parameters, optional
        From ``law.make_params(…)``: start values, bounds, ``vary=False``, ties by ``expr``.
    drop : {"outliers"}, optional
        Fit again without the rows that stand out from the law and carry its answer (:mod:`quokka_laws.fitting.outliers`); they
        are listed in ``fit.excluded``. Rows that meet a condition are left out by :func:`quokka_laws.read_runs`.
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
    resample : {"auto", "rows", "residuals"}
        What the refits of a bootstrap are made of. ``"rows"``: whole rows, or runs, drawn with replacement.
        ``"residuals"``: the fitted law plus its residuals, drawn anew and widened as Student's t
        (:mod:`quokka_laws.fitting.residual_bootstrap`); every refit sees every run. ``"auto"``: residuals where
        the objective is smooth (``LogHuber("auto")``, least squares) and every row is a run, else rows.
    prior : {"auto", "literature"}, mapping or None
        Normal priors on coefficients, ``{"alpha": (0.35, 0.1)}``: mean and standard deviation (of the logarithm for
        amplitudes and scales). ``"literature"``: what published fits lead to expect of exponents. ``"auto"``:
        that under 13 independent runs where the objective is ``LogHuber("auto")``; None: never. What was taken is in
        ``fit.prior``.
    seed : int
        Of starts and resamples; the same seed gives the same bytes.
    progress : bool
        Show a bar on stderr for work that takes more than two seconds.

    Returns
    -------
    FitResult

    Raises
    ------
    ArgumentError
        If an argument is not what was expected.
    RunsError
        If the runs cannot determine the law: faults are listed with their rows.
    FitError
        If no start gives a finite objective.
    """
    settings: dict[str, Any] = {
        "weights": weights,
        "bootstrap": bootstrap,
        "cluster": cluster,
        "strata": strata,
        "n_starts": n_starts,
        "resample": resample,
        "prior": prior,
        "seed": seed,
        "progress": progress,
    }
    one_law: dict[str, Any] = {"params": params, "start_from": start_from, "freeze": freeze}
    if drop is not None:
        if drop != "outliers":
            raise ArgumentError(
                f"drop = {drop!r}: 'outliers'; rows that meet a condition are left out by read_runs(drop=)"
            )
        first = fit(law, runs, columns=columns, objective=objective, **one_law, **{**settings, "bootstrap": 0})
        lawful = without_outliers(first)
        if only_runs(law, runs, columns) is not None:
            return fit(lawful, objective=objective, **settings)
        return fit(first.law, lawful, objective=objective, **one_law, **settings)
    if (given := only_runs(law, runs, columns)) is None:
        return fit_near(law, runs, columns=columns, objective=objective, **one_law, **settings)
    if params is not None or start_from is not None:
        raise ArgumentError("params= and start_from= are of one law, and none was named: ql.fit(law, runs, ...)")
    form, choice = choose(given, seed=seed)
    held = form.law.make_params(**form.settings) if form.held else None
    found = fit_near(form.law, given, objective=objective or LogHuber("auto"), params=held, **settings)
    return replace(found, name=form.name, choice=choice)


def fit_near(
    law: Any,
    runs: Any,
    *,
    columns: Mapping[str, str] | None = None,
    objective: Any = None,
    params: lmfit.Parameters | None = None,
    weights: str | None = None,
    bootstrap: int = 0,
    cluster: str | None = "auto",
    strata: str | None = None,
    start_from: FittedLaw | None = None,
    freeze: bool | Sequence[str] = False,
    n_starts: int | None = None,
    resample: Resampling = "auto",
    prior: PriorArgument = "auto",
    seed: int = 0,
    progress: bool = False,
    near: Sequence[FittedLaw] = (),
) -> FitResult:
    """:func:`fit` from the optima of similar fits; for the many fits of a comparison.

    ``near`` are fits of the same law to similar runs, or of a law it contains: with them a few automatic starts are enough.
    """
    check_counts(bootstrap=bootstrap, n_starts=n_starts, seed=seed)
    objective = as_objective(objective)
    law, runs = law_and_runs(law, runs, columns)
    law = law_for(law, runs)
    runs = one_phase(runs, repeated="epochs" in law.variables)
    if weights is not None:
        runs = _weighted(runs, weights)
    runs = _without_weightless(runs)
    params = _with_start(law, params, start_from, freeze)
    believed = _prior(prior, law, runs, objective)
    law = law.with_starts({p.name: p.user_data for p in params.values() if isinstance(p.user_data, tuple)})
    check_design(law, runs, params, prior=believed)
    check_unique_data(law, runs, params)
    data = Data.of(law, runs)
    space = Space.of(law, params)

    if space is None:
        if believed is not None:
            raise ArgumentError(
                "a prior and a tie that is not linear in the solver's coordinates do not go together; give one"
            )
        if isinstance(objective, LogHuber) and not objective.settled:
            raise ArgumentError('LogHuber("auto") and a tie that is not linear do not go together; give delta a number')
        return _fit_by_lmfit(law, runs, data, objective, params, bootstrap, cluster, strata, seed, progress)
    begin = _enter(near, space, space.problem(data, objective)) if near else None
    settled = settle(law, data, space, objective, believed, seed=seed, near=begin)
    objective, space = settled.objective, settled.space
    found = optimise(
        law,
        data,
        space,
        objective,
        n_starts=n_starts,
        seed=seed,
        progress=progress,
        near=settled.near,
        briefly=bool(near),
    )
    draws, how = None, dict[str, Any]()
    if bootstrap:
        draws, how = _bootstrap(
            law, runs, data, space, objective, found, bootstrap, cluster, strata, resample, believed, seed, progress
        )
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
        prior={} if believed is None else dict(believed.normal),
        seed=seed,
    )
    return replace(result, diagnose=Diagnosis(Refits(law, data, space, objective, found, n_starts, seed)))


def _prior(prior: PriorArgument, law: Law, runs: pd.DataFrame, objective: Objective) -> Prior | None:
    """The prior that is meant."""
    automatic = isinstance(objective, LogHuber) and not objective.settled
    if prior is None:
        return None
    if isinstance(prior, str):
        if prior not in ("auto", "literature"):
            raise ArgumentError(
                f"prior = {prior!r}: 'auto', 'literature', a mapping such as {{'alpha': (0.35, 0.1)}}, or None"
            )
        if prior == "auto" and not (automatic and independent_runs(runs) < FEW_RUNS):
            return None
        believed = Prior.literature(law)
        if believed is None and prior == "literature":
            raise ArgumentError(
                f"prior = 'literature': too few fits of {law.name} are published; give numbers, or None"
            )
    else:
        believed = Prior(prior)
        believed.check(law)
    if believed is not None and not automatic:
        raise ArgumentError(
            f'a prior is weighed against the scatter of the runs: it needs LogHuber("auto"), not {objective}'
        )
    return believed


def _enter(near: Sequence[FittedLaw], space: Space, problem: Problem) -> tuple[Array, Array] | None:
    """Other fits as starts; those whose coefficients are not this law's are left out."""
    usable = [f for f in near if set(space.law.names) <= set(f.values)]
    if not usable:
        return None
    theta = np.concatenate([space.law.to_theta({k: f.values[k] for k in space.law.names}) for f in usable])
    return space.enter(theta, problem)


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
    resample: Resampling,
    prior: Prior | None,
    seed: int,
    progress: bool,
) -> tuple[pd.DataFrame, dict[str, Any]]:
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
                "resample rows (resample='rows'), which draws whole runs"
            )
        around = Linearised.at(space, data, objective, best.u[None], best.off[None], np.log(data.loss))
        losses = simulated_log_losses(around, np.log(data.loss), count=count, seed=seed)
        problem = replace(problem, loss=np.exp(losses))
        with Progress("bootstrap", count, enabled=progress) as bar:
            solved = solve(problem, start, data.weights, off=off, begin="warm", progress=bar.update)
        return _draws(law, space, solved), {
            **how,
            "resample": "residuals",
            "refits": count,
            "converged": int(solved.converged.sum()),
        }
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


def _retry(problem: Problem, solved: Solution, stuck: Array, weights: Array, best: Optimum, none: Array) -> None:
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
            np.repeat(weights[stuck], len(u), 0),
            off=np.tile(off, count),
            begin=begin,
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
    return replace(result, diagnose=Diagnosis(None))


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
    return _without(runs, nothing, "weight 0")


def without_outliers(first: FitResult) -> pd.DataFrame:
    """The runs of a fit but those that stand out from its law and carry its answer, which are excluded."""
    found = outlying_rows(first)
    return first.runs if not found.any() else _without(first.runs, found, "outlier")


def _without(runs: pd.DataFrame, gone: Array, reason: str) -> pd.DataFrame:
    """Runs without some rows, which are on record with the reason."""
    kept = subset(runs, ~gone)
    known = ["run_id", "N", "D", "C", "loss"]
    records = runs.loc[gone, [k for k in known if k in runs]].to_dict("records")
    named = zip(row_names(runs, gone), records, strict=True)
    excluded = [*runs.attrs.get("excluded", []), *({"row": row, "reason": reason, **record} for row, record in named)]
    kept.attrs = {**runs.attrs, "excluded": excluded}
    return kept


def _with_start(
    law: Law, params: lmfit.Parameters | None, start_from: FittedLaw | None, freeze: bool | Sequence[str]
) -> lmfit.Parameters:
    if params is None:
        params = law.make_params()
    else:
        if missing := [k for k in law.names if k not in params]:
            raise ArgumentError(f"params lacks {', '.join(missing)}; start from {law.label}'s make_params()")
        params = params.copy()
    if start_from is None:
        if freeze:
            raise ArgumentError("freeze needs start_from: the fit whose coefficients are held")
        return params
    shared = [k for k in start_from.law.names if k in law.names]
    held = shared if freeze is True else list(freeze or [])
    if unknown := [k for k in held if k not in shared]:
        raise ArgumentError(
            f"cannot freeze {', '.join(unknown)}: shared with {start_from.label} are {', '.join(shared)}"
        )
    for name in shared:
        params[name].set(value=start_from.values[name])
        params[name].user_data = None
        if name in held:
            params[name].vary = False
    return params


def law_for(law: Law | str, runs: pd.DataFrame) -> Law:
    """A law, or one by its name or formula, with what these runs say about it: which names are columns, levels, signs."""
    if isinstance(law, str):
        law = from_name(law)
    if not isinstance(law, Law):
        raise ArgumentError(f"the law is {law!r}; expected a law, such as ql.laws.Chinchilla(), its name or a formula")
    return law.for_table({str(c): runs[c].to_numpy() for c in runs}, runs.attrs.get("renamed"))


def check_design(
    law: Law, runs: pd.DataFrame, params: lmfit.Parameters | None = None, *, prior: Prior | None = None
) -> None:
    """Raise :class:`RunsError` if these runs cannot determine this law, whatever their losses.

    What a ``prior`` expects counts as known. With ``params`` some of whose coefficients are held or tied fewer sizes can do, and their number is left to the caller.
    """
    if faults := _missing(law, runs):
        raise RunsError("; ".join(faults))
    held = sum(not p.vary or bool(p.expr) for p in params.values()) if params is not None else 0
    expected = 0 if prior is None else len(prior.normal)
    needed = len(law.coefficients) - held - expected + 1
    if len(runs) < needed:
        faults.append(
            f"{len(runs)} runs cannot determine the {needed - 1} coefficients of {law.label}; it needs at least {needed}"
        )
    if not faults:
        faults += law.domain_faults(inputs_of(runs, law.takes))
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
            f"{law.label} cannot be identified; fit its single-epoch law, or add runs that repeat"
        )
    if not faults and isinstance(law, Formula) and params is not None:
        faults += identifiability.faults(law, runs, params, law.inputs(**inputs_of(runs, law.takes)))
    if faults:
        raise RunsError("; ".join(faults))


def _missing(law: Law, runs: pd.DataFrame) -> list[str]:
    """Columns that a law needs and the table lacks, or holds as text, or with empty cells."""
    typed = {canonical: given for given, canonical in runs.attrs.get("renamed", {}).items()}
    spare = [str(c) for c in runs if c not in typed and c not in law.takes]
    absent = [name for name in law.takes if name not in runs]
    faults = []
    if absent:
        shown = ", ".join(str(typed.get(c, c)) for c in runs)
        faults.append(
            f"{law.label} needs {_columns(absent)}; the table has {shown}.{_advice(absent, spare, runs.attrs)}"
        )
    for name in (name for name in law.takes if name in runs):
        if name in law.groups:
            if (empty := runs[name].isna() | (runs[name].astype(str).str.strip() == "")).any():
                faults.append(f"column {name} is empty in {_rows(empty)}; leave them out (drop=)")
        elif not pd.api.types.is_numeric_dtype(runs[name]):
            faults.append(
                f"column {name} holds text ({runs[name].iloc[0]!r}) and is a variable of {law.label}; for one coefficient per "
                f"value write it in brackets: E[{name}]"
            )
        elif (empty := ~np.isfinite(runs[name].to_numpy(dtype=float))).any():
            faults.append(f"column {name} is empty or not finite in {_rows(empty)}; leave them out (drop=)")
    return faults


def _columns(names: Sequence[str]) -> str:
    return f"a column {names[0]}" if len(names) == 1 else f"columns {', '.join(names)}"


def _advice(absent: Sequence[str], spare: Sequence[str], attrs: Mapping[Any, Any]) -> str:
    """What to say where columns are missing: which of several is meant, what they might be called."""
    said = []
    for name in absent:
        if several := attrs.get("undecided", {}).get(name):
            said.append(f" {', '.join(several)} could all be {name}; say which: columns={{{name!r}: {several[0]!r}}}.")
    unknown = [name for name in absent if name in HINTS and name not in attrs.get("undecided", {})]
    if unknown:
        said.append(f" Say {suggested(spare, unknown)}")
    for name in absent:
        if name not in HINTS and (near := nearest(name, spare)):
            said.append(f" Is {name} {near!r}?")
    return "".join(said)


def _rows(mask: Any) -> str:
    rows = (np.flatnonzero(mask) + 1).tolist()
    return f"row{'s' if len(rows) > 1 else ''} {', '.join(map(str, rows[:8]))}" + (
        f" and {len(rows) - 8} more" if len(rows) > 8 else ""
    )


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
        fitted_range=_ranges(runs, law.variables),
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
                f"{count} {what if count > 1 else what[:-1]} ({name} = {shown}): the {term} term of {law.label} needs at "
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
            f"all runs have the same unique data (U_D = {runs['U_D'].iloc[0]:.4g}): {c.name} of {law.label}, {c.meaning}, cannot "
            f"be told from them, nor epochs for other data. Add runs with another U_D, or hold it: "
            f"params=law.make_params({c.name}=dict(value=…, vary=False)), on the command line --fix {c.name}=…"
        )


def _ranges(runs: pd.DataFrame, variables: Sequence[str]) -> dict[str, tuple[float, float]]:
    columns = dict.fromkeys([*INPUTS, "loss", *variables])
    return {k: (float(runs[k].min()), float(runs[k].max())) for k in columns if k in runs}


def _solved_parameters(params: lmfit.Parameters, values: dict[str, float]) -> lmfit.Parameters:
    """The fit's own parameters (:func:`_with_start` made or copied them), with what was found."""
    for name, par in params.items():
        if name in values and not par.expr:
            par.value = values[name]
    return params


@cache
def _installed() -> tuple[tuple[str, str], ...]:
    return tuple((name, version(name)) for name in ("numpy", "scipy", "pandas", "lmfit"))


def _versions() -> dict[str, str]:
    return {"quokka-laws": __version__, **dict(_installed()), "python": platform.python_version()}
