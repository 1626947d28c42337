"""The compute-optimal model: largest return on a budget of FLOPs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import pandas as pd

from quokka_laws._numeric.roots import root_or_end
from quokka_laws._spelling import either
from quokka_laws._typing import Array
from quokka_laws.exceptions import FitError
from quokka_laws.laws import Law
from quokka_laws.plan.arguments import as_columns, positive
from quokka_laws.plan.minimise import lowest
from quokka_laws.plan.side_by_side import several
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.intervals import LEVEL, interval_with_never, percentile_interval, usable_level
from quokka_laws.runs.quantities import times_outside

FLAT = 1e-3
"""Relative loss within which a model size counts as equally good: N_flat_* of a plan."""


class Allocates(Protocol):
    """Anything that answers with N and D itself: IsoFLOP power laws, published allocations."""

    def allocate(self, C: Array, *, level: float | None = LEVEL) -> pd.DataFrame:
        """N and D at budgets C."""
        ...


_WIDEST = np.log(1e9)  # the optimum and its flat range are sought within this factor of sqrt(N·D)


@several
def compute_optimal(fit: FittedLaw | Allocates, C: Any, *, level: float | None = LEVEL) -> pd.DataFrame:
    """The model size and token count that minimise the loss at each budget.

    Parameters
    ----------
    fit : FittedLaw, IsoflopFit or a published allocation, or a list of them
        Of a law in N and D; several give one block of rows each, named in a first column ``law``.
    C : float or array
        Budgets, in FLOPs of one run counted by the fit's own rule (6·N·D unless stated otherwise).
    level : float, optional
        Confidence level of the intervals of N, D and loss, given wherever the fit has draws; None for no intervals.

    Returns
    -------
    DataFrame
        One row a budget: ``C, N, D, loss, tokens_per_param``; with ``level`` ``N_lower … loss_upper`` and
        ``no_optimum``, the share of draws without one: a term of theirs is zero, so that the best model is infinitely small
        or large, and an end of the interval is 0 or inf where they are many;
        ``extrapolation``, how many times C lies outside the fitted budgets, at least 1, and ``below_runs``, whether on
        the cheap side; ``N_flat_lower, N_flat_upper``, the sizes whose loss at this C is within 0.1 % of the optimum: how
        little the exact optimum matters.

    Raises
    ------
    FitError
        If the law has no interior optimum.
    ValueError
        If a budget is not a positive number.
    """
    (budgets,) = positive(C=C)
    if not isinstance(fit, FittedLaw):
        return fit.allocate(budgets, level=level)
    if not fit.law.of_N_and_D:
        raise FitError(
            f"{fit.label} is a law of {', '.join(fit.law.variables)}; a compute-optimal allocation needs one of N and D; for repeated "
            f"data {either('use ql.plan.compute_and_data_optimal', 'give the unique tokens too, -U')}"
        )
    log_ND = np.log(budgets / fit.conventions.flops_per_ND)
    log_N = optimal_log_N(fit.law, fit.values, log_ND)[0]
    if not np.isfinite(log_N).all():
        raise FitError(
            f"{fit.label} has no compute-optimal size: a term of it is zero "
            f"({', '.join(f'{k} = {v:.3g}' for k, v in fit.values.items())}), so the best model is infinitely small or large"
        )
    N, D = np.exp(log_N), np.exp(log_ND - log_N)
    loss = fit.law.loss(fit.values, N=N, D=D)
    plan = pd.DataFrame({"C": budgets, "N": N, "D": D, "loss": loss, "tokens_per_param": D / N})
    if (level := usable_level(fit, level)) is not None:
        draws = fit.draw_values()
        log_N_draws = optimal_log_N(fit.law, draws, log_ND)
        x = {"log_N": log_N_draws, "log_D": log_ND - log_N_draws}
        with np.errstate(over="ignore"):
            spread = {
                "N": np.exp(log_N_draws),
                "D": np.exp(log_ND - log_N_draws),
                "loss": np.exp(fit.law.log_loss(draws, x)),
            }
        lost = ~np.isfinite(log_N_draws)
        ends = interval_with_never if lost.any() else percentile_interval
        for name, values in spread.items():
            plan[f"{name}_lower"], plan[f"{name}_upper"] = ends(values, level)
        plan["no_optimum"] = lost.mean(axis=0)
    lowest, highest = fit.fitted_range.get("C", (np.nan, np.nan))
    plan["extrapolation"], plan["below_runs"] = times_outside(budgets, lowest, highest), budgets < lowest
    plan["N_flat_lower"], plan["N_flat_upper"] = _flat_range(fit, log_N, log_ND, loss)
    return plan


def optimal_log_N(law: Law, values: Mapping[str, Any], log_ND: Array) -> Array:
    """log N minimising the loss at fixed log(N·D), shape (problems, budgets).

    The closed form where the law has one, else a bracketing grid refined by Newton on exact derivatives.
    """
    many = as_columns(values)
    closed = law.optimal_log_N(many, log_ND)
    if closed is not None:
        return np.atleast_2d(closed)
    theta = law.to_theta({k: v[:, 0] for k, v in many.items()})
    columns = [minimise_over_log_N(law, theta, v) for v in log_ND]
    return np.stack(columns, axis=1)


def minimise_over_log_N(law: Law, theta: Array, log_ND: Array | float) -> Array:
    """Numeric compute-optimal log N of each problem, at one log(N·D) or one each; ±inf where the loss only falls outwards."""
    half = 0.5 * np.asarray(log_ND, dtype=float).reshape(-1, 1)
    grid = np.linspace(-1, 1, 161) * _WIDEST

    def path(t: Any) -> dict[str, Any]:
        return {"log_N": half + t, "log_D": half - t}

    best, at_end = lowest(law, theta, path, grid, interior=False)
    if at_end.any():  # a form that is wrong far outside may fall there below its optimum; a missing term has none
        inside, _ = lowest(law, theta, path, grid, interior=True)
        best, at_end = np.where(np.isnan(inside), best, inside), np.where(np.isnan(inside), at_end, 0)
    return np.where(at_end == 0, half[:, 0] + best, np.where(at_end < 0, -np.inf, np.inf))


def _flat_range(fit: FittedLaw, log_N: Array, log_ND: Array, loss: Array) -> tuple[Array, Array]:
    """Where the loss at fixed C crosses (1 + FLAT) times its optimum, below and above."""

    def excess(candidate: Array) -> Array:
        x = {"log_N": candidate, "log_D": log_ND - candidate}
        return np.asarray(fit.law.log_loss(fit.values, x)[0] - np.log(loss) - np.log1p(FLAT))

    return tuple(np.exp(root_or_end(excess, log_N, log_N + side * _WIDEST)) for side in (-1, 1))  # type: ignore[return-value]
