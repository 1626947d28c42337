"""The lowest loss along a budget: bounded Newton in coordinates of which one variable pays what the others leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from quokka_laws._typing import Array
from quokka_laws.laws.jet import Jet, variables
from quokka_laws.plan.minimise import derivatives
from quokka_laws.plan.question import Question

THRIFT = 1e-12  # least share of the budget that may be spent
GRID = 33  # positions along each coordinate from which the best is refined
SHARES = 7  # of the budget among them
MOST_POINTS = 60_000
STEPS = 100
ROUNDING = 1e-14  # of log loss: steps that change it by less are judged by the gradient


@dataclass(frozen=True)
class Found:
    """Optima of a batch of coefficients: coordinates of the variables, log loss, and what is at a limit."""

    z: Array  # (problems, variables of over)
    log_loss: Array
    thrift: Array  # log of the share of the budget that is spent
    hessian: Array  # of the first problem, in (z without the payer, thrift)
    payer: int
    paying: Array  # d payer/d others of the first problem


def solve(
    question: Question,
    values: Mapping[str, Array],
    budget: float | None,
    chosen: dict[str, float],
    start: Array | None = None,
) -> Found | None:
    """The optimum of each problem, whichever variable pays; None where nothing is finite."""
    theta = question.fit.law.to_theta(values)
    if budget is None:
        return _descend(question, theta, None, -1, chosen, start)
    priced = question.priced
    payers = [i for i, n in enumerate(question.over) if n in priced]
    if not payers:
        fixed = plain(question.log_cost(question.inputs(np.zeros((1, len(question.over))), chosen)))
        affordable = float(fixed.ravel()[0]) <= np.log(budget) + 1e-9
        return _descend(question, theta, None, -1, chosen, start) if affordable else None
    found = [f for i in payers if (f := _descend(question, theta, budget, i, chosen, start)) is not None]
    if not found:
        return None
    lowest = np.argmin([f.log_loss for f in found], axis=0)
    first = found[int(lowest[0])]
    z, log_loss, thrift = (
        np.stack([getattr(f, name) for f in found])[lowest, np.arange(len(theta))]
        for name in ("z", "log_loss", "thrift")
    )
    return Found(z, log_loss, thrift, first.hessian, first.payer, first.paying)


def _descend(
    question: Question, theta: Array, budget: float | None, payer: int, chosen: dict[str, float], start: Array | None
) -> Found | None:
    """Bounded Newton over the coordinates that are left when ``payer`` spends what the others leave."""
    path = _Path(question, theta, budget, payer, chosen)
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
        flatter = np.where(held, 0.0, np.abs(then[1])).max(axis=1, initial=0.0) <= np.abs(g).max(axis=1, initial=0.0)
        better = (then[0] <= value) | (flatter & (then[0] <= value + ROUNDING * (1.0 + np.abs(value))))
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
    return Found(z, value, thrift, hessian[0], payer, path.paying)


class _Path:
    """Coordinates y of a batch: those of the variables but the payer's, then the log of the share of the budget spent."""

    def __init__(
        self, question: Question, theta: Array, budget: float | None, payer: int, chosen: dict[str, float]
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
            return np.broadcast_to(plain(found), (len(z), 1))[:, 0] - wanted, slope

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
        values = [np.broadcast_to(plain(t), (len(self.theta), 1))[:, 0] for t in terms]
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


def plain(x: Any) -> Array:
    """The value of a jet, or an array as it is."""
    return np.asarray(x.value if isinstance(x, Jet) else x, dtype=float)
