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

from quokka_laws._expressions import Grammar, Node, fault, names, nearest, parse
from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, FitError
from quokka_laws.laws import jet
from quokka_laws.laws.base import COMPLETED
from quokka_laws.laws.formula import renamed_in
from quokka_laws.laws.formula_roles import Roles
from quokka_laws.laws.formula_terms import Evaluator
from quokka_laws.laws.formula_text import FUNCTIONS
from quokka_laws.laws.jet import Jet, variables
from quokka_laws.plan.compute import FLAT
from quokka_laws.plan.minimise import derivatives
from quokka_laws.plan.side_by_side import several
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.intervals import LEVEL, percentile_interval, usable_level
from quokka_laws.runs.quantities import parse_quantity

GRAMMAR = Grammar(functions=FUNCTIONS, number=parse_quantity, what="cost")
REACH = 1e6  # factor outside the fitted runs within which a variable without bounds is sought
NARROW = 20.0  # a variable whose runs span less than this factor is sought among its runs only
THRIFT = 1e-12  # least share of the budget that may be spent
GRID = 33  # positions along each coordinate from which the best is refined
SHARES = 7  # of the budget among them
MOST_POINTS = 60_000
MOST_CHOICES = 200
STEPS = 100
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
    question = _Question.of(fit, chosen, cost, canonical(given), canonical(bounds), canonical(choices))
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
class _Found:
    """Optima of a batch of coefficients: coordinates of the variables, log loss, and what is at a limit."""

    z: Array  # (problems, variables of over)
    log_loss: Array
    thrift: Array  # log of the share of the budget that is spent
    hessian: Array  # of the first problem, in (z without the payer, thrift)
    payer: int
    paying: Array  # d payer/d others of the first problem


@dataclass(frozen=True)
class _Question:
    fit: FittedLaw
    over: tuple[str, ...]
    cost: Node | None
    given: dict[str, Any]
    limits: dict[str, tuple[float, float]]
    choices: dict[str, tuple[float, ...]]

    @classmethod
    def of(
        cls,
        fit: FittedLaw,
        over: list[str],
        cost: str | None,
        given: dict[str, Any],
        bounds: dict[str, tuple[float, float]],
        choices: dict[str, Sequence[float]],
    ) -> _Question:
        law = fit.law
        tree = None if cost is None else renamed_in(parse(cost, GRAMMAR), law.own_names)
        known = [*law.takes, *(COMPLETED if {"N"} & set(law.takes) or {"D"} & set(law.takes) else ())]
        in_cost = [] if tree is None else list(dict.fromkeys(n.name for n in names(tree)))
        if not over:
            raise ArgumentError("over names the variables to choose, such as over=['N', 'D']")
        if both := sorted(set(over) & set(given)):
            raise ArgumentError(f"{', '.join(both)}: either chosen (over=) or given (given=), not both")
        if twice := sorted({v for v in over if over.count(v) > 1}):
            raise ArgumentError(f"over names {', '.join(twice)} twice")
        for name in over:
            if name not in (*known, *in_cost):
                near = nearest(name, known)
                raise ArgumentError(
                    f"{fit.label} has no variable {name!r}{f'; did you mean {near}?' if near else ''} It has {', '.join(law.takes)}"
                )
        if tree is not None:
            for node in names(tree):
                if node.name not in (*over, *given, *_derived({*over, *given})):
                    near = nearest(node.name, [*over, *given])
                    hint = f"did you mean {near}?" if near else f"give it: given={{{node.name!r}: …}}"
                    raise fault(
                        str(cost), node.start, f"{node.name} of the cost is neither chosen nor given; {hint}", node.end
                    )
        reached = {*over, *given, *_derived({*over, *given})}
        if missing := [v for v in law.takes if v not in reached]:
            raise ArgumentError(
                f"{fit.label} is a law of {', '.join(law.takes)}: say {', '.join(missing)} (given={{{missing[0]!r}: …}}), or choose "
                f"{'it' if len(missing) == 1 else 'them'} (over=)"
            )
        numbers: dict[str, Any] = {}
        for name, value in given.items():
            if name in law.groups:
                numbers[name] = str(value)
                continue
            try:
                numbers[name] = float(parse_quantity(value))
            except ValueError as error:
                raise ArgumentError(f"given {name}: {error}") from None
        for what, names_ in (("bounds", bounds), ("choices", choices)):
            if unknown := sorted(set(names_) - set(over)):
                raise ArgumentError(
                    f"{what} of {', '.join(unknown)}: not among the variables to choose ({', '.join(over)})"
                )
        limits = {name: _limits(fit, name, bounds.get(name)) for name in over if name not in choices}
        values = {name: tuple(float(v) for v in choices[name]) for name in over if name in choices}
        if np.prod([len(v) for v in values.values()], dtype=float) > MOST_CHOICES:
            raise ArgumentError(f"choices make more than {MOST_CHOICES} combinations; give fewer values")
        return cls(fit, tuple(n for n in over if n not in values), tree, numbers, limits, values)

    # ---- one row ----------------------------------------------------------------------------------------------

    def row(self, budget: float | None, level: float | None) -> dict[str, Any]:
        """The answer at one budget."""
        fit = self.fit
        combinations = [dict(zip(self.choices, c, strict=True)) for c in product(*self.choices.values())]
        point = {k: np.array([v]) for k, v in fit.values.items()}
        found = [(c, self.solve(point, budget, c)) for c in combinations]
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
            row["cost"] = float(np.exp(_plain(self.log_cost(self.inputs(top.z, chosen))).ravel()[0]))
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
        top: _Found,
        level: float,
    ) -> dict[str, Any]:
        draws = self.fit.draw_values()
        best: dict[str, Array] = {}
        lowest = np.full(len(next(iter(draws.values()))), np.inf)
        for combination in combinations:
            start = top.z if combination == chosen else None
            found = self.solve(draws, budget, combination, start=start)
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

    def exponents(self, budget: float, chosen: dict[str, float], top: _Found) -> dict[str, float]:
        """d log v / d log budget of the positive variables."""
        point = {k: np.array([v]) for k, v in self.fit.values.items()}
        beside = [self.solve(point, budget * np.exp(s * BUDGET_STEP), chosen, start=top.z) for s in (-1, 1)]
        if any(b is None for b in beside):
            return {}
        low, high = (b.z[0] for b in beside if b is not None)
        return {
            f"{n}_exponent": float((high[i] - low[i]) / (2 * BUDGET_STEP))
            for i, n in enumerate(self.over)
            if self.is_log(n)
        }

    def flat(self, top: _Found) -> dict[str, float]:
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

    # ---- coordinates ------------------------------------------------------------------------------------------

    def is_log(self, name: str) -> bool:
        return self.limits[name][0] > 0

    def natural(self, name: str, z: Any) -> Any:
        return np.exp(z) if self.is_log(name) else z

    def ends(self, name: str) -> tuple[float, float]:
        low, high = self.limits[name]
        return (float(np.log(low)), float(np.log(high))) if self.is_log(name) else (low, high)

    def at_limit(self, name: str, z: float) -> bool:
        low, high = self.ends(name)
        return bool(z <= low + 1e-9 or z >= high - 1e-9)

    def inputs(self, z: Any, chosen: Mapping[str, float]) -> dict[str, Any]:
        """What the law and the cost see: arrays (problems, 1), or jets for a list of them."""
        x: dict[str, Any] = {}
        columns = z if isinstance(z, list) else [z[:, [i]] for i in range(z.shape[1])]
        for name, column in zip(self.over, columns, strict=True):
            if self.is_log(name):
                x[f"log_{name}"] = column
            else:
                x[f"raw {name}"] = column
        for name, value in {**self.given, **chosen}.items():
            if name in self.fit.law.groups:
                x[f"level {name}"] = self.fit.law._codes(name, np.array([[value]]))  # type: ignore[attr-defined]
                continue
            with np.errstate(all="ignore"):
                x[f"log_{name}"] = np.log(np.array([[value]]))
            if name not in COMPLETED:
                x[f"raw {name}"] = np.array([[value]])
        if "log_D" not in x and {"log_U_D", "log_epochs"} <= x.keys():
            x["log_D"] = x["log_U_D"] + x["log_epochs"]
        if "log_epochs" not in x and {"log_U_D", "log_D"} <= x.keys():
            x["log_epochs"] = x["log_D"] - x["log_U_D"]
        if "log_epochs" in x:
            x["epochs"] = jet.exp(x["log_epochs"])
        if "log_C" not in x and {"log_N", "log_D"} <= x.keys():
            x["log_C"] = x["log_N"] + x["log_D"] + np.log(self.fit.conventions.flops_per_ND)
        return x

    def log_cost(self, x: Mapping[str, Any]) -> Any:
        assert self.cost is not None
        roles = Roles(self.cost, tuple(n.name for n in names(self.cost)))
        return Evaluator(roles, {}, x, {}).log(self.cost)

    # ---- solving ----------------------------------------------------------------------------------------------

    def solve(
        self, values: Mapping[str, Array], budget: float | None, chosen: dict[str, float], start: Array | None = None
    ) -> _Found | None:
        """The optimum of each problem, whichever variable pays; None where nothing is finite."""
        theta = self.fit.law.to_theta(values)
        if budget is None:
            return self.descend(theta, None, -1, chosen, start)
        in_cost = {n.name for n in names(self.cost)} if self.cost is not None else set()
        if in_cost & {"C", "D", "epochs"}:
            in_cost |= set(_parents(in_cost))
        payers = [i for i, n in enumerate(self.over) if n in in_cost]
        if not payers:
            fixed = _plain(self.log_cost(self.inputs(np.zeros((1, len(self.over))), chosen)))
            affordable = float(fixed.ravel()[0]) <= np.log(budget) + 1e-9
            return self.descend(theta, None, -1, chosen, start) if affordable else None
        found = [f for i in payers if (f := self.descend(theta, budget, i, chosen, start)) is not None]
        if not found:
            return None
        lowest = np.argmin([f.log_loss for f in found], axis=0)
        first = found[int(lowest[0])]
        z, log_loss, thrift = (
            np.stack([getattr(f, name) for f in found])[lowest, np.arange(len(theta))]
            for name in ("z", "log_loss", "thrift")
        )
        return _Found(z, log_loss, thrift, first.hessian, first.payer, first.paying)

    def descend(
        self, theta: Array, budget: float | None, payer: int, chosen: dict[str, float], start: Array | None
    ) -> _Found | None:
        """Bounded Newton over the coordinates that are left when ``payer`` spends what the others leave."""
        path = _Path(self, theta, budget, payer, chosen)
        y = path.start(start)
        if y is None:
            return None
        low, high = path.low, path.high
        value, gradient, hessian = path.at(y)
        damping = np.full(len(theta), 1e-6)
        for _ in range(STEPS):
            held = ((y <= low) & (gradient > 0)) | ((y >= high) & (gradient < 0))
            g = np.where(held, 0.0, gradient)
            H = np.where(held[:, :, None] | held[:, None, :], 0.0, hessian)
            H = np.nan_to_num(H) + np.einsum("si,ij->sij", held.astype(float), np.eye(y.shape[1]))
            size, vectors = np.linalg.eigh(H)
            along = np.einsum("sji,sj->si", vectors, np.nan_to_num(g))
            size = np.abs(size) + (damping * np.abs(size).max(axis=1))[:, None] + 1e-300
            step = -np.einsum("sij,sj->si", vectors, along / size)
            step *= np.minimum(1.0, 2.0 / np.maximum(np.abs(step).max(axis=1, keepdims=True), 1e-300))
            trial = np.clip(y + step, low, high)
            then = path.at(trial)
            better = then[0] <= value
            y = np.where(better[:, None], trial, y)
            moved = np.abs(step).max(axis=1, initial=0.0)
            value = np.where(better, then[0], value)
            gradient = np.where(better[:, None], then[1], gradient)
            hessian = np.where(better[:, None, None], then[2], hessian)
            damping = np.clip(np.where(better, damping * 0.1, damping * 10), 1e-16, 1e8)
            if (moved < 1e-13 * (1 + np.abs(y).max(axis=1, initial=0.0))).all() or (damping >= 1e8).all():
                break
        z = path.positions(y)
        thrift = y[:, -1] if payer >= 0 else np.zeros(len(theta))
        return _Found(z, value, thrift, hessian[0], payer, path.paying)


class _Path:
    """Coordinates y of a batch: those of the variables but the payer's, then the log of the share of the budget spent."""

    def __init__(
        self, question: _Question, theta: Array, budget: float | None, payer: int, chosen: dict[str, float]
    ) -> None:
        self.q, self.theta, self.budget, self.payer, self.chosen = question, theta, budget, payer, chosen
        self.free = [i for i in range(len(question.over)) if i != payer]
        ends = [question.ends(question.over[i]) for i in self.free]
        if budget is not None:
            ends.append((float(np.log(THRIFT)), 0.0))
        self.low = np.array([e[0] for e in ends], dtype=float)
        self.high = np.array([e[1] for e in ends], dtype=float)
        self.paying = np.zeros(len(self.free))
        self.p = {c.coordinate: theta[:, [j]] for j, c in enumerate(question.fit.law.coefficients)}

    def positions(self, y: Array) -> Array:
        """Coordinates of all variables; NaN where the payer cannot pay within its limits."""
        z = np.empty((len(y), len(self.q.over)))
        z[:, self.free] = y[:, : len(self.free)]
        if self.payer >= 0:
            z[:, self.payer] = self.paid(z, y[:, -1])
        return z

    def paid(self, z: Array, thrift: Array) -> Array:
        """The payer's coordinate at which the cost is the share of the budget, by bisection and Newton."""
        low, high = (np.full(len(z), e) for e in self.q.ends(self.q.over[self.payer]))
        wanted = np.log(self.budget) + thrift if self.budget is not None else thrift

        def excess(at: Array) -> tuple[Array, Array]:
            columns: list[Any] = [z[:, [i]] for i in range(z.shape[1])]
            columns[self.payer] = Jet(at[:, None], {0: 1.0}, order=1)
            found = self.q.log_cost(self.q.inputs(columns, self.chosen))
            slope = (
                np.broadcast_to(found.grad.get(0, 0.0), (len(z), 1))[:, 0]
                if isinstance(found, Jet)
                else np.zeros(len(z))
            )
            return np.broadcast_to(_plain(found), (len(z), 1))[:, 0] - wanted, slope

        with np.errstate(all="ignore"):
            first, last = excess(low)[0], excess(high)[0]
            able = (first <= 1e-12) & (last >= -1e-12)
            here = 0.5 * (low + high)
            for _ in range(STEPS):
                value, slope = excess(here)
                low, high = np.where(value < 0, here, low), np.where(value < 0, high, here)
                step = here - value / slope
                moved = np.where((slope > 0) & (step > low) & (step < high), step, 0.5 * (low + high))
                if (np.abs(moved - here) <= 1e-14 * (1 + np.abs(here)))[able].all():
                    break
                here = moved
        return np.where(able, here, np.nan)

    def at(self, y: Array) -> tuple[Array, Array, Array]:
        """Log loss, and its exact gradient and Hessian in y; inf where it is not finite."""
        z = self.positions(y)
        k, count = len(self.q.over), y.shape[1]
        x = self.q.inputs(list(variables(z)), self.chosen)
        with np.errstate(all="ignore"):
            terms = self.q.fit.law.log_terms(self.p, x)
            value = self.total(terms)
            gradient, hessian = derivatives([t if isinstance(t, Jet) else Jet(t) for t in terms], k)
            if self.payer >= 0:
                cost = self.q.log_cost(x)
                gradient, hessian = self.along_budget(gradient, hessian, cost, count)
        bad = ~np.isfinite(value) | np.isnan(z).any(axis=1)
        return np.where(bad, np.inf, value), gradient, hessian

    def total(self, terms: list[Any]) -> Array:
        values = [np.broadcast_to(_plain(t), (len(self.theta), 1))[:, 0] for t in terms]
        return np.asarray(np.logaddexp.reduce(np.stack(values), axis=0))

    def along_budget(self, g: Array, H: Array, cost: Any, count: int) -> tuple[Array, Array]:
        """Derivatives in y from those in z: the payer moves as the cost, held at its share of the budget, says."""
        k, s = len(self.q.over), self.payer
        c = np.stack([np.broadcast_to(cost.grad.get(i, 0.0), (len(g), 1))[:, 0] for i in range(k)], axis=1)
        C = np.zeros((len(g), k, k))
        for (i, j), h in cost.hess.items():
            C[:, i, j] = C[:, j, i] = np.broadcast_to(h, (len(g), 1))[:, 0]
        # dz/dy: the identity for free variables; the payer takes −c_i/c_s of each, and 1/c_s of the share.
        J = np.zeros((len(g), k, count))
        for a, i in enumerate(self.free):
            J[:, i, a] = 1.0
            J[:, s, a] = -c[:, i] / c[:, s]
        J[:, s, count - 1] = 1.0 / c[:, s]
        self.paying = J[0, s, : count - 1]
        first = np.einsum("si,sia->sa", g, J)
        bend = -np.einsum("sia,sij,sjb->sab", J, C, J) / c[:, s][:, None, None]  # d²z_s/dy², the cost being linear in y
        second = np.einsum("sia,sij,sjb->sab", J, H, J) + g[:, s][:, None, None] * bend
        return first, second

    def start(self, near: Array | None) -> Array | None:
        """A known optimum, or the best point of a grid, for each problem."""
        count = len(self.theta)
        if near is not None and not np.isnan(near).any():
            y = np.repeat(near[:1][:, self.free], count, axis=0)
            y = y if self.budget is None else np.column_stack([y, np.zeros(count)])
            if np.isfinite(self.at(y)[0]).all():
                return np.clip(y, self.low, self.high)
        dimensions = len(self.low)
        if dimensions == 0:
            return np.zeros((count, 0))
        each = max(3, min(GRID, int((MOST_POINTS / SHARES) ** (1 / max(1, dimensions - 1)))))
        axes = [np.linspace(a, b, each) for a, b in zip(self.low, self.high, strict=True)]
        if self.budget is not None:
            axes[-1] = np.linspace(self.low[-1], 0.0, SHARES)
        grid = np.stack([m.ravel() for m in np.meshgrid(*axes, indexing="ij")], axis=1)
        middle = self.theta[:1] if count == 1 else np.median(self.theta, axis=0, keepdims=True)
        probe = _Path(self.q, np.repeat(middle, len(grid), axis=0), self.budget, self.payer, self.chosen)
        z = probe.positions(grid)
        x = self.q.inputs(z, self.chosen)
        with np.errstate(all="ignore"):
            value = probe.total(self.q.fit.law.log_terms(probe.p, x))
        value = np.where(np.isfinite(value) & ~np.isnan(z).any(axis=1), value, np.inf)
        if not np.isfinite(value).any():
            return None
        return np.repeat(grid[[int(value.argmin())]], count, axis=0)


def _plain(x: Any) -> Array:
    return np.asarray(x.value if isinstance(x, Jet) else x, dtype=float)


def _derived(known: set[str]) -> set[str]:
    """Canonical variables that follow from those known."""
    found = set()
    if {"U_D", "epochs"} <= known:
        found.add("D")
    if {"D", "U_D"} <= known:
        found.add("epochs")
    if {"N", "D"} <= known | found:
        found.add("C")
    return found


def _parents(names_: set[str]) -> set[str]:
    """Variables that a derived one of the cost may be derived from."""
    found = set()
    if "C" in names_:
        found |= {"N", "D", "U_D", "epochs"}
    if names_ & {"D", "epochs"}:
        found |= {"U_D", "epochs", "D"}
    return found


def _limits(fit: FittedLaw, name: str, asked: tuple[float, float] | None) -> tuple[float, float]:
    """Where a variable is sought."""
    if asked is not None:
        low, high = (float(parse_quantity(v)) for v in asked)
        if not low < high:
            raise ArgumentError(f"bounds of {name} are {low:g} and {high:g}: the first has to be the smaller")
        if low <= 0 and name in COMPLETED:
            raise ArgumentError(f"bounds of {name} are {low:g} and {high:g}: {name} is positive")
        return low, high
    if name in fit.fitted_range:
        low, high = fit.fitted_range[name]
        if low > 0 and (name in COMPLETED or high / low >= NARROW):
            return (1.0 if name == "epochs" else low / REACH), high * REACH
        return low, high
    if name in COMPLETED:
        return (1.0, 1e6) if name == "epochs" else (1e3, 1e20)
    raise ArgumentError(
        f"the runs behind {fit.label} do not say where {name} may lie: bounds={{{name!r}: (low, high)}}"
    )
