"""``fit``: runs and a law in, evidence out. Orchestrates starts → solver → resamples → what is doubtful."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, overload

import lmfit
import numpy as np
import pandas as pd

from quokka_laws._parallel import check_workers
from quokka_laws._spelling import option
from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError
from quokka_laws.fitting.arguments import in_order, law_and_runs, names_a_law, only_runs, refuse_unknown, whole
from quokka_laws.fitting.choice import choose
from quokka_laws.fitting.determined import check_design, check_unique_data, law_for
from quokka_laws.fitting.diagnostics import Diagnosis, outlying_rows
from quokka_laws.fitting.evidence import result_of
from quokka_laws.fitting.fitted_rows import weighted, without, without_weightless
from quokka_laws.fitting.hyperparameters import fit_hyperparameters, frontier_of
from quokka_laws.fitting.influence import Refits
from quokka_laws.fitting.lmfit_fallback import fit_by_lmfit
from quokka_laws.fitting.local import Problem
from quokka_laws.fitting.losses import fit_each, one_column, read_each, runs_by_loss
from quokka_laws.fitting.multistart import Optimum, optimise
from quokka_laws.fitting.priors import PriorArgument, prior_of
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.fitting.resampled import Resamples, Resampling
from quokka_laws.fitting.resampled import bootstrap as resampled
from quokka_laws.fitting.scatter import settle
from quokka_laws.laws import Law, from_name
from quokka_laws.objective import LogHuber, as_objective
from quokka_laws.results.fit_result import FitResult, FitStatus
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.loss_fits import LossFits
from quokka_laws.runs.checkpoints import one_phase


@overload
def fit(*given: Any, law: Any = None, runs: Any = None, loss: str | None = None, **settings: Any) -> FitResult: ...
@overload
def fit(
    *given: Any, law: Any = None, runs: Any = None, loss: list[str] | tuple[str, ...], **settings: Any
) -> LossFits: ...
def fit(  # the settings of the two above are these
    *given: Any,
    law: Any = None,
    runs: Any = None,
    columns: Mapping[str, str] | None = None,
    objective: Any = None,
    params: lmfit.Parameters | None = None,
    drop: Literal["outliers"] | None = None,
    frontier: str | Sequence[str] | None = None,
    weights: str | None = None,
    bootstrap: int = 0,
    cluster: str | None = "auto",
    strata: str | None = None,
    start_from: FittedLaw | None = None,
    freeze: bool | Sequence[str] = False,
    n_starts: int | None = None,
    resample: Resampling = "auto",
    prior: PriorArgument = "auto",
    near: Sequence[FittedLaw] = (),
    seed: int = 0,
    workers: int = 1,
    progress: bool = False,
    loss: str | list[str] | tuple[str, ...] | None = None,
    **unknown: Any,
) -> FitResult | LossFits:
    """Fit a law to runs, ``ql.fit(law, runs)`` or ``ql.fit(runs, law=law)``; without a law, one is chosen: ``ql.fit(runs)``.

    Minimises ``Σ_i w_i ρ(r_i)``, by default with Huber's ρ of log-residuals (Hoffmann et al. 2022, Eq. 3).

    Parameters
    ----------
    *given
        The law and the runs, in either order, where they are not given by name.
    law : Law, class or str, optional
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
    frontier : str or sequence of str, optional
        Hyper-parameters that were swept at each N and D, ``["lr", "batch"]``: fit the law to the fitted lowest loss of each, weighted by its
        error (``ql.fit_hyperparameters(runs, over=frontier).frontier``), instead of to all runs.
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
    near : sequence of FittedLaw
        Fits of the same law to similar runs, or of a law it contains, for the many fits of a comparison: from their optima a
        few automatic starts are enough.
    seed : int
        Of starts and resamples; the same seed gives the same bytes.
    workers : int
        Processes that share the refits of a bootstrap; -1 for every core. Inside ``joblib.parallel_config("ray")`` or
        ``"dask"`` they run on that cluster. The numbers do not depend on it.
    progress : bool
        Show a bar on stderr for work that takes more than two seconds.
    loss : str or list of str, optional
        Column of the loss. A list of several, ``["c4", "code"]`` or ``["eval/*"]``: one fit each, with the same resamples.

    Returns
    -------
    FitResult
        For a list of losses :class:`~quokka_laws.LossFits`.

    Raises
    ------
    ArgumentError
        If an argument is not what was expected.
    RunsError
        If the runs cannot determine the law: faults are listed with their rows.
    FitError
        If no start gives a finite objective.
    """
    refuse_unknown(unknown)
    law, runs = in_order("fit", given, law, runs)
    bootstrap, n_starts, seed = whole(bootstrap=bootstrap, n_starts=n_starts, seed=seed)
    check_workers(workers)
    settings: dict[str, Any] = {
        "objective": objective,
        "weights": weights,
        "bootstrap": bootstrap,
        "cluster": cluster,
        "strata": strata,
        "n_starts": n_starts,
        "resample": resample,
        "prior": prior,
        "seed": seed,
        "workers": workers,
        "progress": progress,
    }
    one_law: dict[str, Any] = {"params": params, "start_from": start_from, "freeze": freeze, "near": near}
    if isinstance(loss, str):
        named = {**(columns or {}), "loss": one_column(loss)}
        return fit(law, runs, columns=named, drop=drop, frontier=frontier, **one_law, **settings)
    if loss is not None:
        if drop is not None:
            raise ArgumentError(
                f"{option('drop', 'outliers')} finds rows of one loss, and several were asked for; leave rows out by a condition"
            )
        return _fit_several(law, runs, list(loss), columns, frontier, **one_law, **settings)
    if frontier is not None:
        law, runs = frontier_of(law, runs, columns, over=frontier, seed=seed)
        columns = None
    if drop is not None:
        if drop != "outliers":
            raise ArgumentError(
                f"drop = {drop!r}: expected 'outliers'; rows that meet a condition are left out by read_runs(drop=)"
            )
        return _fit_without_outliers(law, runs, columns, one_law, settings)
    if (alone := only_runs(law, runs, columns)) is not None:
        if params is not None or start_from is not None:
            raise ArgumentError("params= and start_from= are of one law, and none was named: ql.fit(law, runs, ...)")
        return _fit_chosen(alone, settings)
    law, runs = law_and_runs(law, runs, columns)
    return _fit_one(law, runs, **one_law, **settings)


def _fit_several(
    law: Any,
    runs: Any,
    losses: list[str],
    columns: Mapping[str, str] | None,
    frontier: str | Sequence[str] | None,
    **settings: Any,
) -> LossFits:
    """One fit of each loss of the same runs."""
    given, form = (law, None) if runs is None else (runs, law)
    if names_a_law(runs) and not names_a_law(law):
        given, form = law, runs
    read = runs_by_loss(given, losses, read_each(columns))
    if frontier is not None:
        lowest = {
            k: fit_hyperparameters(table, frontier, seed=settings["seed"]).frontier for k, table in read[0].items()
        }
        read = (lowest, *read[1:])
    return fit_losses(form, read, **settings)


def _fit_without_outliers(
    law: Any, runs: Any, columns: Mapping[str, str] | None, one_law: dict[str, Any], settings: dict[str, Any]
) -> FitResult:
    """The fit without the rows that stand out from a first one; without a law, it is chosen anew."""
    first = fit(law, runs, columns=columns, **one_law, **{**settings, "bootstrap": 0})
    found = outlying_rows(first)
    lawful = without(first.runs, found, "outlier") if found.any() else first.runs
    if only_runs(law, runs, columns) is not None:
        return fit(lawful, **settings)
    return fit(first.law, lawful, **one_law, **settings)


def _fit_chosen(runs: pd.DataFrame, settings: dict[str, Any]) -> FitResult:
    """The law that suits the runs, fitted, with what else there was to choose from."""
    if {"N", "D"} - set(runs) and "C" not in runs:
        check_design(from_name("chinchilla"), runs)
    form, choice = choose(runs, seed=settings["seed"])
    held = form.law.make_params(**form.settings) if form.held else None
    sharper = {**settings, "objective": settings["objective"] or LogHuber("auto")}
    return replace(fit(form.law, runs, params=held, **sharper), name=form.name, choice=choice)


def _fit_one(
    law: Law,
    runs: pd.DataFrame,
    *,
    params: lmfit.Parameters | None,
    start_from: FittedLaw | None,
    freeze: bool | Sequence[str],
    near: Sequence[FittedLaw],
    objective: Any,
    weights: str | None,
    bootstrap: int,
    cluster: str | None,
    strata: str | None,
    n_starts: int | None,
    resample: Resampling,
    prior: PriorArgument,
    seed: int,
    workers: int,
    progress: bool,
) -> FitResult:
    """One law on one loss: starts, solver, resamples."""
    wanted = Resamples(bootstrap, cluster, strata, resample, seed, progress, workers)
    objective = as_objective(objective)
    law = law_for(law, runs)
    runs = one_phase(runs, repeated="epochs" in law.variables)
    if weights is not None:
        runs = weighted(runs, weights)
    runs = without_weightless(runs)
    params = _with_start(law, params, start_from, freeze)
    believed = prior_of(prior, law, runs, objective)
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
        return fit_by_lmfit(law, runs, data, objective, params, wanted)
    begin = _enter(near, space, space.problem(data, objective)) if near else None
    settled = settle(law, data, space, objective, believed, seed=seed, near=begin)
    objective, space = settled.objective, settled.space
    best = optimise(
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
        draws, how = resampled(law, runs, data, space, objective, best, believed, wanted)
    result = result_of(
        law,
        runs,
        params,
        space.values(best.u, best.off),
        draws,
        objective=objective,
        objective_value=best.value,
        status=_status(best, space),
        starts=best.starts,
        rivals=best.rivals,
        gradient_norm=best.gradient_norm,
        condition_number=best.condition_number,
        bootstrap=how,
        prior={} if believed is None else dict(believed.normal),
        seed=seed,
    )
    return replace(result, diagnose=Diagnosis(Refits(law, data, space, objective, best, n_starts, seed)))


def _status(best: Optimum, space: Space) -> FitStatus:
    if not best.converged:
        return FitStatus.NOT_CONVERGED
    bound = best.off.any() or ((best.u <= space.lower) | (best.u >= space.upper)).any()
    return FitStatus.AT_BOUND if bound else FitStatus.CONVERGED


def fit_losses(
    law: Any, read: tuple[Mapping[str, pd.DataFrame], Mapping[str, str], Mapping[str, int]], **settings: Any
) -> LossFits:
    """One fit of each loss, of runs as :func:`~quokka_laws.fitting.losses.runs_by_loss` reads them.

    Without a law (None) the one that is chosen for the first loss is fitted to all.
    """
    runs, left_out, incomplete = read
    if law is None:
        first = fit(next(iter(runs.values())), **{**settings, "bootstrap": 0})
        held = {p.name: {"value": p.value, "vary": False} for p in first.params.values() if not p.vary and not p.expr}
        law = first.law
        settings |= {"objective": settings.get("objective") or LogHuber("auto")}
        settings |= {"params": law.make_params(**held) if held else None}
    return fit_each(lambda table: fit(law, table, **settings), runs, left_out, incomplete)


def _enter(near: Sequence[FittedLaw], space: Space, problem: Problem) -> tuple[Array, Array] | None:
    """Other fits as starts; those whose coefficients are not this law's are left out."""
    usable = [f for f in near if set(space.law.names) <= set(f.values)]
    if not usable:
        return None
    theta = np.concatenate([space.law.to_theta({k: f.values[k] for k in space.law.names}) for f in usable])
    return space.enter(theta, problem)


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
    if not isinstance(start_from, FittedLaw):
        raise ArgumentError(
            f"start_from = {start_from!r}: expected a fit; start values are given with {law.label}'s make_params()"
        )
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
