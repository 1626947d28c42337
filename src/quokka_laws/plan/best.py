"""The lowest loss over any variables of a law, at any cost: compute-optimal models and the like are cases of it.

Minimised is log loss over the coordinates of the variables (logarithms where they are positive) and the share of the budget
that is spent; one of the variables follows from the cost. Derivatives of law and cost are exact, so the optimum of every
bootstrap draw is found by a bounded Newton iteration to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, FitError
from quokka_laws.laws.base import COMPLETED
from quokka_laws.plan.budget_path import Found, plain, solve
from quokka_laws.plan.compute import FLAT
from quokka_laws.plan.question import Question
from quokka_laws.plan.side_by_side import several
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.intervals import LEVEL, percentile_interval, usable_level
from quokka_laws.runs.quantities import parse_quantity

BUDGET_STEP = 1e-3  # relative change of the budget by which exponents are taken


@several
def best(
    fit: FittedLaw,
    *,
    over: Sequence[str],
    cost: str | None = None,
    budget: Any = None,
    given: Mapping[str, Any] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    choices: Mapping[str, Sequence[float]] | None = None,
    level: float | None = LEVEL,
) -> pd.DataFrame:
    """The values of some variables that give the lowest loss, the others given, at a cost within a budget.

    Parameters
    ----------
    fit : FittedLaw, the name of a published law, or a list of them
    over : sequence of str
        Variables to choose.
    cost : str, optional
        A formula of variables: ``"6*N*D"``, ``"6*N_active*D + 2*N_active*1e12"``. None: nothing is spent.
    budget : float or sequence, optional
        What may be spent, in the unit of the cost.
    given : mapping, optional
        Values of the other variables; text for a column in brackets. Names that only the cost has are given here too.
    bounds : mapping of str to (low, high), optional
        Limits of variables. Without: a million times outside the runs; the range of the runs for a variable that spans less
        than a factor of 20 there, such as a share.
    choices : mapping of str to sequence, optional
        Variables of ``over`` that take one of these values, such as a number of experts.
    level : float, optional
        Confidence level of the intervals, given wherever the fit has draws; None for no intervals.

    Returns
    -------
    DataFrame
        One row a budget: ``budget``, each variable chosen or given, ``loss``, ``cost``; with ``level`` ``N_lower … loss_upper``;
        ``N_exponent``, how the best value grows with the budget (d log N / d log budget); ``N_flat_lower, N_flat_upper``, to
        second order the range in which the loss stays within 0.1 % of the best while the others follow; ``extrapolation``, the
        largest factor outside the runs, and ``extrapolation_N`` each; ``at_bound``, the variables that ended at a limit;
        ``spends_all``, whether spending less would cost loss.

    Raises
    ------
    ExpressionError
        If the cost cannot be read.
    ArgumentError
        If a variable of the law is neither chosen nor given, or both.
    FitError
        If no point within the bounds has a finite loss and cost.

    Examples
    --------
    >>> import quokka_laws as ql
    >>> fit = ql.published["besiroglu-2024"]
    >>> ql.plan.best(fit, over=["N", "D"], cost="6*N*D", budget=1e22)[["N", "D"]].round(-6).to_numpy().tolist()
    [[9060000000.0, 183960000000.0]]
    """
    if not isinstance(fit, FittedLaw):
        raise FitError(
            f"{fit.label} was published as an allocation, without a law of the loss: nothing can be minimised"
        )
    own = fit.law.own_names

    def canonical(named: Mapping[str, Any] | None) -> dict[str, Any]:
        return {own.get(k, k): v for k, v in (named or {}).items()}

    chosen = [own.get(name, name) for name in over]
    question = _Asked.of(fit, chosen, cost, canonical(given), canonical(bounds), canonical(choices))
    budgets: list[float | None] = [None]
    if cost is not None:
        if budget is None:
            raise ArgumentError("a cost needs a budget: budget=1e23")
        budgets = [float(parse_quantity(b)) for b in np.atleast_1d(np.asarray(budget, dtype=object)).ravel()]
        if bad := [b for b in budgets if not (b is not None and np.isfinite(b) and b > 0)]:
            raise ArgumentError(f"budget = {bad[0]!r}: expected positive numbers")
    elif budget is not None:
        raise ArgumentError("a budget needs the cost it pays for: cost='6*N*D'")
    level = usable_level(fit, level)
    table = pd.DataFrame([question.row(b, level) for b in budgets])
    return _in_own_names(table, {c: name for name, c in own.items() if name in {*over, *(given or {})}})


def _in_own_names(table: pd.DataFrame, own: Mapping[str, str]) -> pd.DataFrame:
    """Columns of variables under the names they were asked by."""
    parts = ("{}", "{}_lower", "{}_upper", "{}_flat_lower", "{}_flat_upper", "extrapolation_{}", "{}_exponent")
    called = {part.format(c): part.format(name) for c, name in own.items() for part in parts}
    table = table.rename(columns=called)
    table["at_bound"] = [", ".join(own.get(c, c) for c in cell.split(", ")) for cell in table["at_bound"]]
    return table


@dataclass(frozen=True)
class _Asked(Question):
    """A question with its answers, one row a budget."""

    def row(self, budget: float | None, level: float | None) -> dict[str, Any]:
        """The answer at one budget."""
        fit = self.fit
        combinations = [dict(zip(self.choices, c, strict=True)) for c in product(*self.choices.values())]
        point = {k: np.array([v]) for k, v in fit.values.items()}
        found = [(c, solve(self, point, budget, c)) for c in combinations]
        able = [(c, f) for c, f in found if f is not None and np.isfinite(f.log_loss[0])]
        if not able:
            raise FitError(
                f"{fit.label} has no finite loss within the bounds"
                + (f" at a cost of {budget:.4g}" if budget is not None else "")
                + f" ({', '.join(f'{k} {a:.4g} … {b:.4g}' for k, (a, b) in self.limits.items())})"
            )
        chosen, top = min(able, key=lambda pair: float(pair[1].log_loss[0]))
        values = {**{n: self.natural(n, top.z[0, i]) for i, n in enumerate(self.over)}, **chosen}
        row: dict[str, Any] = {} if budget is None else {"budget": budget}
        row |= {**values, **self.given, "loss": float(np.exp(top.log_loss[0]))}
        if self.cost is not None:
            row["cost"] = float(np.exp(plain(self.log_cost(self.inputs(top.z, chosen))).ravel()[0]))
        if level is not None:
            row |= self.intervals(budget, chosen, [c for c, _ in able], top, level)
        if budget is not None and self.over:
            row |= self.exponents(budget, chosen, top)
        row |= self.flat(top)
        data = {k: v for k, v in {**values, **self.given}.items() if k in fit.law.takes or k in COMPLETED}
        each = {k: float(np.ravel(v)[0]) for k, v in fit.extrapolations(**data).items()}
        row["extrapolation"] = max(each.values(), default=np.nan)
        row |= {f"extrapolation_{k}": v for k, v in each.items()}
        limits = [n for i, n in enumerate(self.over) if self.at_limit(n, top.z[0, i])]
        row["at_bound"] = ", ".join(limits)
        if budget is not None:
            row["spends_all"] = bool(top.thrift[0] > -1e-9)
        return row

    def intervals(
        self,
        budget: float | None,
        chosen: dict[str, float],
        combinations: list[dict[str, float]],
        top: Found,
        level: float,
    ) -> dict[str, Any]:
        draws = self.fit.draw_values()
        best: dict[str, Array] = {}
        lowest = np.full(len(next(iter(draws.values()))), np.inf)
        for combination in combinations:
            start = top.z if combination == chosen else None
            found = solve(self, draws, budget, combination, start=start)
            if found is None:
                continue
            better = found.log_loss < lowest
            lowest = np.where(better, found.log_loss, lowest)
            columns = {n: self.natural(n, found.z[:, i]) for i, n in enumerate(self.over)}
            columns |= {n: np.full(len(lowest), v) for n, v in combination.items()}
            for n, v in columns.items():
                best[n] = np.where(better, v, best.get(n, np.nan))
        ends: dict[str, Any] = {}
        for n, v in {**best, "loss": np.exp(lowest)}.items():
            ends[f"{n}_lower"], ends[f"{n}_upper"] = (float(e) for e in percentile_interval(v, level))
        return ends

    def exponents(self, budget: float, chosen: dict[str, float], top: Found) -> dict[str, float]:
        """d log v / d log budget of the positive variables."""
        point = {k: np.array([v]) for k, v in self.fit.values.items()}
        beside = [solve(self, point, budget * np.exp(s * BUDGET_STEP), chosen, start=top.z) for s in (-1, 1)]
        if any(b is None for b in beside):
            return {}
        low, high = (b.z[0] for b in beside if b is not None)
        return {
            f"{n}_exponent": float((high[i] - low[i]) / (2 * BUDGET_STEP))
            for i, n in enumerate(self.over)
            if self.is_log(n)
        }

    def flat(self, top: Found) -> dict[str, float]:
        """Where each variable may lie with a loss within FLAT of the best, the others following, to second order."""
        free = [i for i in range(len(self.over)) if i != top.payer]
        H = top.hessian[: len(free), : len(free)]
        moving = [k for k, i in enumerate(free) if not self.at_limit(self.over[i], top.z[0, i])]
        if not moving or not np.linalg.cond(H[np.ix_(moving, moving)]) < 1e12:
            return {}
        inverse = np.linalg.inv(H[np.ix_(moving, moving)])
        rows = [(free[k], np.eye(len(moving))[m]) for m, k in enumerate(moving)]
        if top.payer >= 0:
            rows.append((top.payer, top.paying[moving]))
        found = {}
        for i, along in sorted(rows, key=lambda r: r[0]):
            width = float(np.sqrt(2 * np.log1p(FLAT) * abs(along @ inverse @ along)))
            name, z = self.over[i], top.z[0, i]
            found[f"{name}_flat_lower"] = float(self.natural(name, z - width))
            found[f"{name}_flat_upper"] = float(self.natural(name, z + width))
        return found
