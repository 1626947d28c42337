"""Which choices decide a fit's conclusions: refit under others and see what moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import lmfit
import numpy as np
import pandas as pd

from quokka_laws._parallel import run_all
from quokka_laws.exceptions import FitError, QuokkaError
from quokka_laws.fitting.budgets import BUDGET_TOLERANCE, group_budgets
from quokka_laws.fitting.fit import fit as fit_law
from quokka_laws.objective import L2, LogHuber, LogL1, LogL2, Objective
from quokka_laws.plan.arguments import one_positive
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.progress import Progress
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.intervals import LEVEL
from quokka_laws.runs.rows import subset

OUTLIER = 4.0
"""Residuals beyond this many robust standard deviations are suspected outliers."""


@dataclass(frozen=True)
class _Variant:
    choice: str
    name: str
    runs: pd.DataFrame
    objective: Objective
    params: lmfit.Parameters


def sensitivity(
    fit: FitResult, C: float, *, level: float = LEVEL, workers: int = 1, progress: bool = False
) -> pd.DataFrame:
    """Refit under other choices: objective, delta, each budget, the largest runs, outliers, tied exponents.

    Parameters
    ----------
    fit : FitResult
        Of a law of N and D.
    C : float
        Budget of the conclusion, in FLOPs of one run.
    level : float
        Confidence level of the fit's own interval.
    workers : int
        Processes that share the refits; -1 for every core. See :func:`~quokka_laws.fit`.
    progress : bool
        Show a bar on stderr for work that takes more than two seconds.

    Returns
    -------
    DataFrame
        ``choice, variant, rows``; ``a`` (N_opt ∝ C^a at that budget), ``N, D, loss`` compute-optimal at C; ``N_ratio``
        and ``loss_change`` against the fit as it is (first row); ``inside``: whether N lies in the fit's own
        interval (NaN without draws, or without N). Variants that cannot be fitted have NaN and the reason in ``note``.

    Raises
    ------
    FitError
        If the law has no compute-optimal allocation.
    """
    if not fit.law.of_N_and_D:
        raise FitError(f"{fit.label} is a law of {', '.join(fit.law.variables)}; sensitivity needs one of N and D")
    (C,) = one_positive(C=C)
    base = _conclusion(fit, C)
    own = compute_optimal(fit, C, level=level).iloc[0]
    rows: list[dict[str, Any]] = [{"choice": "as fitted", "variant": "", "rows": len(fit.runs), **base, "note": ""}]
    variants = list(_variants(fit))
    near = FittedLaw(fit.law, fit.values, fit.conventions, fit.fitted_range)
    pieces = [(near, variant, fit.seed, C) for variant in variants]
    with Progress("refitting under other choices", len(variants), enabled=progress) as bar:
        rows += run_all(_refit, pieces, workers=workers, done=lambda _: bar.update(1))
    table = pd.DataFrame(rows)
    table["N_ratio"] = table["N"] / base["N"]
    table["loss_change"] = table["loss"] - base["loss"]
    table["inside"] = np.nan
    if "N_lower" in own:
        table["inside"] = table["N"].between(own["N_lower"], own["N_upper"]).where(table["N"].notna())
    return table[["choice", "variant", "rows", "a", "N", "D", "loss", "N_ratio", "loss_change", "inside", "note"]]


def _refit(first: FittedLaw, variant: _Variant, seed: int, C: float) -> dict[str, Any]:
    """What is concluded under another choice, from the optimum of the first; or why nothing is."""
    row: dict[str, Any] = {"choice": variant.choice, "variant": variant.name, "rows": len(variant.runs)}
    try:
        again = fit_law(
            first.law,
            variant.runs,
            objective=variant.objective,
            params=variant.params,
            seed=seed,
            near=[first],
        )
        return {**row, **_conclusion(again, C), "note": ""}
    except QuokkaError as error:
        return {**row, "note": str(error)}


def own_settings(fit: FitResult) -> dict[str, Any]:
    """For :meth:`Law.make_params` of a refit: what was tied, held fixed or bounded stays so."""
    held = {k: {"value": fit.values[k], "vary": False} for k, p in fit.params.items() if not p.vary and not p.expr}
    tied = {k: {"expr": p.expr} for k, p in fit.params.items() if p.expr}
    free = {k: {"min": p.min, "max": p.max} for k, p in fit.params.items() if p.vary}
    return held | tied | free


def _conclusion(fit: FitResult, C: float) -> dict[str, float]:
    plan = compute_optimal(fit, C * np.array([1.0, 1.01]), level=None)
    a = float(np.diff(np.log(plan["N"]))[0] / np.log(1.01))
    return {"a": a, **{k: float(plan[k].iloc[0]) for k in ("N", "D", "loss")}}


def _variants(fit: FitResult) -> Iterator[_Variant]:
    runs, objective = fit.runs, fit.objective
    params = fit.law.make_params(**own_settings(fit))
    for other in (LogHuber(1e-4), LogHuber(1e-3), LogHuber(1e-2), LogL1(), LogL2(), L2()):
        if other != objective:
            yield _Variant("objective", _called(other), runs, other, params)
    if "C" in runs:
        budget = group_budgets(runs["C"].to_numpy(dtype=float), BUDGET_TOLERANCE)
        kinds = np.unique(budget)
        if 2 < len(kinds) <= 20:
            for b in kinds:
                yield _Variant("drop a budget", f"C = {b:.3g}", _without(runs, budget == b), objective, params)
    size = runs["N"].to_numpy(dtype=float)
    yield _Variant(
        "drop the largest runs", f"N = {size.max():.3g}", _without(runs, size == size.max()), objective, params
    )
    ratio = (runs["D"] / runs["N"]).to_numpy(dtype=float)
    for limit in (4.0, 10.0):
        if 0 < (ratio < limit).sum() < len(runs) // 2:
            yield _Variant("drop a range", f"D/N < {limit:g}", _without(runs, ratio < limit), objective, params)
    r = fit.log_residuals()
    spread = 1.4826 * np.median(np.abs(r - np.median(r)))
    far = np.abs(r - np.median(r)) > OUTLIER * spread
    if 0 < far.sum() < len(runs) // 4:
        yield _Variant(
            "drop suspected outliers", f"{far.sum()} rows beyond {OUTLIER:g} σ", _without(runs, far), objective, params
        )
    if {"alpha", "beta"} <= set(fit.law.names) and not any(p.expr for p in fit.params.values()):
        tied = params.copy()
        tied["beta"].set(expr="alpha")
        yield _Variant("tie exponents", "beta = alpha", runs, objective, tied)


def _without(runs: pd.DataFrame, mask: Any) -> pd.DataFrame:
    return subset(runs, ~np.asarray(mask))


def _called(objective: Objective) -> str:
    settings = ", ".join(f"{k} = {v:g}" for k, v in vars(objective).items() if k == "delta")
    return f"{type(objective).__name__}({settings})"
