"""What a loss costs: tokens or compute to reach it, and compute lost by not being at the optimum.

All are inverses of the loss. Where it is an increasing function of ``A/N^alpha + B/D^beta`` (Chinchilla, Skaling, Kaplan)
they are closed forms: for Chinchilla ``D = (B/(L − E − A/N^alpha))^(1/beta)`` and
``C = k·((A·G^-alpha + B·G^beta)/(L − E))^((alpha+beta)/(alpha·beta))``, ``G = (alpha·A/(beta·B))^(1/(alpha+beta))``. Other
laws are solved as bracketed roots in ``log D`` or ``log C``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._numeric.roots import find_root
from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, FitError
from quokka_laws.laws import Law
from quokka_laws.plan.arguments import as_columns, positive
from quokka_laws.plan.compute import compute_optimal, minimise_over_log_N, optimal_log_N
from quokka_laws.plan.side_by_side import several
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.intervals import LEVEL, interval_with_never, usable_level

ENDLESS = 1e60
"""Tokens (or N·D) that stand for infinitely many: the loss there is the floor."""
_NUMERIC = np.log(np.geomspace(1e8, 1e36, 57))
"""log(N·D) between which a law without closed forms is searched."""


@several
def tokens_to_loss(fit: FittedLaw, loss: Any, N: Any, *, level: float | None = LEVEL) -> pd.DataFrame:
    """Tokens at which a model of N parameters reaches a loss.

    Parameters
    ----------
    fit : FittedLaw, or a list of them
        Of a law of N and D.
    loss, N : float or array
        Target (the fit's unit) and sizes; broadcast against one another.
    level : float, optional
        Confidence level of the interval of D; its upper end is inf where some draws never reach the loss.

    Returns
    -------
    DataFrame
        ``loss, N, D, C, tokens_per_param``, ``D_lower, D_upper`` with ``level``, ``extrapolation``.

    Raises
    ------
    FitError
        If a target lies below the loss a model of that size reaches on endless data; the message says that floor.
    """
    _need_surface(fit)
    target, size = positive(loss=loss, N=N)
    log_D = _log_tokens(fit.law, fit.values, np.log(target), np.log(size))[0]
    if np.isnan(log_D).any():
        bad = int(np.flatnonzero(np.isnan(log_D))[0])
        floor = _loss_at(fit, size[bad], ENDLESS)
        raise FitError(
            f"loss = {target[bad]:g} is out of reach of N = {size[bad]:.3g} under {fit.label}: with endless tokens it "
            f"reaches {floor:.4f}. Ask for more than that, or for a larger model"
        )
    D = np.exp(log_D)
    table = pd.DataFrame({"loss": target, "N": size, "D": D, "C": fit.conventions.flops_per_ND * size * D})
    table["tokens_per_param"] = D / size
    if (level := usable_level(fit, level)) is not None:
        several_D = np.exp(_log_tokens(fit.law, fit.draw_values(), np.log(target), np.log(size)))
        table["D_lower"], table["D_upper"] = interval_with_never(_never(several_D), level)
    table["extrapolation"] = fit.extrapolation(N=size, D=D)
    return table


@several
def compute_to_loss(fit: FittedLaw, loss: Any, *, level: float | None = LEVEL) -> pd.DataFrame:
    """The least compute that reaches a loss, and the model that does.

    Parameters
    ----------
    fit : FittedLaw, or a list of them
    loss : float or array
        Targets.
    level : float, optional
        Confidence level of the interval of C; None for none.

    Returns
    -------
    DataFrame
        ``loss, C, N, D, tokens_per_param``, ``C_lower, C_upper`` with ``level``, ``extrapolation``.

    Raises
    ------
    FitError
        If a target lies below the law's irreducible loss; the message says that floor.
    """
    _need_surface(fit)
    (target,) = positive(loss=loss)
    log_ND = _log_compute(fit.law, fit.values, np.log(target))[0]
    if np.isnan(log_ND).any():
        bad = int(np.flatnonzero(np.isnan(log_ND))[0])
        raise FitError(
            f"loss = {target[bad]:g} is out of reach under {fit.label} at any compute: its floor is "
            f"{_floor(fit.law, fit.values):.4f}"
        )
    k = fit.conventions.flops_per_ND
    plan = compute_optimal(fit, k * np.exp(log_ND), level=None)
    table = pd.DataFrame({"loss": target, **{c: plan[c] for c in ("C", "N", "D", "tokens_per_param")}})
    if (level := usable_level(fit, level)) is not None:
        C = k * np.exp(_log_compute(fit.law, fit.draw_values(), np.log(target)))
        table["C_lower"], table["C_upper"] = interval_with_never(_never(C), level)
    table["extrapolation"] = plan["extrapolation"]
    return table


@several
def overtraining(fit: FittedLaw, C: Any, factor: Any, *, level: float | None = LEVEL) -> pd.DataFrame:
    """What training a smaller model on more tokens costs.

    Parameters
    ----------
    fit : FittedLaw, or a list of them
    C, factor : float or array
        Budgets, and how many times more tokens per parameter than the optimum: at the same C the model is
        ``sqrt(factor)`` times smaller. Below 1 is under-training. Broadcast.
    level : float, optional
        Confidence level of the interval of ``penalty``, at the sizes of the point estimate.

    Returns
    -------
    DataFrame
        ``C, factor, N, D, tokens_per_param, loss``; ``penalty``, the loss above the optimum; ``C_to_match``, what
        this N needs to win the optimum's loss back (inf if it never does) and ``multiplier`` = C_to_match/C;
        ``wasted``, the share of C that a compute-optimal run of the same loss would have saved; ``extrapolation``.
    """
    _need_surface(fit)
    C, factor = positive(C=C, factor=factor)
    best = compute_optimal(fit, C, level=None)
    N, D = best["N"].to_numpy() / np.sqrt(factor), best["D"].to_numpy() * np.sqrt(factor)
    loss, least = fit(N=N, D=D), best["loss"].to_numpy()
    k = fit.conventions.flops_per_ND
    table = pd.DataFrame({"C": C, "factor": factor, "N": N, "D": D, "tokens_per_param": D / N, "loss": loss})
    table["penalty"] = loss - least
    if (level := usable_level(fit, level)) is not None:
        draws = fit.draw_values()
        own = optimal_log_N(fit.law, draws, np.log(C / k))
        at_own = np.exp(fit.law.log_loss(draws, {"log_N": own, "log_D": np.log(C / k) - own}))
        lower, upper = interval_with_never(fit.law.loss(draws, N=N, D=D) - at_own, level)
        table["penalty_lower"], table["penalty_upper"] = lower, upper
    again = np.exp(_log_tokens(fit.law, fit.values, np.log(least), np.log(N))[0])
    table["C_to_match"] = _never(k * N * again)
    table["multiplier"] = table["C_to_match"] / C
    table["wasted"] = _wasted(fit, C, loss)
    table["extrapolation"] = fit.extrapolation(N=N, D=D)
    return table


@several
def deadweight(
    fit: FittedLaw, *, N: Any = None, D: Any = None, C: Any = None, allocated_by: Any = None
) -> pd.DataFrame:
    """The share of compute that an allocation wastes: ``1 − C*(L(N, D))/C`` (arXiv 2603.22339).

    Parameters
    ----------
    fit : FittedLaw, or a list of them
        The law taken for true.
    N, D : float or array
        An allocation; or
    C, allocated_by
        budgets, and the law or published allocation that chose N and D for them.

    Returns
    -------
    DataFrame
        ``C, N, D, loss, C_optimal`` (least compute of the same loss), ``wasted``, ``extrapolation``.
    """
    _need_surface(fit)
    if (allocated_by is None) == (N is None or D is None):
        raise ArgumentError("give either N and D, or C and allocated_by (a law or allocation)")
    if allocated_by is not None:
        if C is None:
            raise ArgumentError("allocated_by needs the budgets C")
        chosen = compute_optimal(allocated_by, C, level=None)
        N, D = chosen["N"].to_numpy(), chosen["D"].to_numpy()
    size, tokens = positive(N=N, D=D)
    compute = fit.conventions.flops_per_ND * size * tokens
    loss = fit(N=size, D=tokens)
    table = pd.DataFrame({"C": compute, "N": size, "D": tokens, "loss": loss})
    table["wasted"] = _wasted(fit, compute, loss)
    table.insert(4, "C_optimal", compute * (1 - table["wasted"]))
    table["extrapolation"] = fit.extrapolation(N=size, D=tokens)
    return table


# ---- pieces ---------------------------------------------------------------------------------------------------


def _log_tokens(law: Law, values: Mapping[str, Any], log_target: Array, log_N: Array) -> Array:
    """log D of each problem and row; NaN where out of reach."""
    many = as_columns(values)
    if (short := law.shortage(many)) is not None:
        return short.log_D(law.log_shortage(many, log_target), log_N)

    def excess(log_D: Array) -> Array:
        return law.log_loss(values, {"log_N": log_N, "log_D": log_D}) - log_target

    shape = (law.to_theta(values).shape[0], len(log_target))
    return find_root(excess, np.zeros(shape), np.full(shape, np.log(ENDLESS)))


def _log_compute(law: Law, values: Mapping[str, Any], log_target: Array) -> Array:
    """log(N·D) of the cheapest model of each problem and target; NaN where out of reach."""
    many = as_columns(values)
    if (short := law.shortage(many)) is not None:
        return short.least_log_ND(law.log_shortage(many, log_target))

    theta = law.to_theta(values)
    best = _log_best(law, values, _NUMERIC)
    found = np.full((len(theta), len(log_target)), np.nan)
    for j, goal in enumerate(log_target):
        crossed = (best[:, :-1] > goal) & (best[:, 1:] <= goal)
        at = crossed.argmax(axis=1)

        def excess(log_ND: Array, goal: float = goal) -> Array:
            log_N = minimise_over_log_N(law, theta, log_ND)
            return law.log_loss(values, {"log_N": log_N[:, None], "log_D": (log_ND - log_N)[:, None]})[:, 0] - goal

        found[:, j] = np.where(crossed.any(axis=1), find_root(excess, _NUMERIC[at], _NUMERIC[at + 1]), np.nan)
    return found


def cheapest_log_N(law: Law, values: Mapping[str, Any], log_target: Array) -> Array:
    """log N of the cheapest model of each problem and target; NaN where out of reach."""
    log_ND = _log_compute(law, values, log_target)
    if (short := law.shortage(as_columns(values))) is not None:
        return short.optimal_log_N(log_ND)
    theta = law.to_theta(values)
    each = [minimise_over_log_N(law, theta, np.nan_to_num(column)) for column in log_ND.T]
    return np.where(np.isnan(log_ND), np.nan, np.stack(each, axis=1))


def _floor(law: Law, values: Mapping[str, Any]) -> float:
    """The lowest loss of an optimal model, as far as the law says one."""
    closed = law.shortage(as_columns(values)) is not None
    return float(np.exp(np.nanmin(_log_best(law, values, np.array([np.log(ENDLESS)]) if closed else _NUMERIC))))


def _log_best(law: Law, values: Mapping[str, Any], log_ND: Array) -> Array:
    """Log of the lowest loss at log(N·D), (problems, budgets)."""
    log_N = optimal_log_N(law, values, log_ND)
    return law.log_loss(values, {"log_N": log_N, "log_D": log_ND - log_N})


def _wasted(fit: FittedLaw, C: Array, loss: Array) -> Array:
    log_ND = _log_compute(fit.law, fit.values, np.log(loss))[0]
    return np.asarray(np.maximum(1.0 - fit.conventions.flops_per_ND * np.exp(log_ND) / C, 0.0))


def _loss_at(fit: FittedLaw, N: float, D: float) -> float:
    return float(fit(N=N, D=D))


def _never(values: Array) -> Array:
    """NaN (out of reach) → inf."""
    return np.where(np.isnan(values), np.inf, values)


def _need_surface(fit: Any) -> None:
    if not isinstance(fit, FittedLaw) or not fit.law.of_N_and_D:
        kind = ", ".join(fit.law.variables) if isinstance(fit, FittedLaw) else "an allocation without a loss"
        raise FitError(f"{fit.label} ({kind}) cannot answer this: it needs a law of the loss in N and D")
