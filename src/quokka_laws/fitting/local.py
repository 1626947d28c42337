"""Many problems at a point: value, gradient, curvature, and how residuals bend along a step. Knows no law, no pandas.

The model is ``Σ_k exp(T_k)``. With ``q_k`` the share of term k (of the prediction itself for residuals in levels), the
residual's derivatives are::

    ∂r  = J = Σ_k q_k ∂T_k
    ∂²r = Σ_k q_k (∂T_k ∂T_kᵀ + ∂²T_k) − [log residuals] J Jᵀ

so the exact Hessian costs little more than the gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from quokka_laws._typing import Array
from quokka_laws.laws.jet import Jet
from quokka_laws.objective import Objective

TermsAt = Callable[..., list[Jet]]

REACH = 5.0
"""No single step moves a log-amplitude or an exponent farther."""
CELLS = 120_000
"""Rows × problems worked on at once: keeps the arrays of one pass inside the cache."""
_BLOCK = 16_384  # rows × problems of one block, where they are more than that


@dataclass(frozen=True)
class Problem:
    """The model on its rows, and what is free.

    Parameters
    ----------
    terms_at : callable
        ``terms_at(theta, x, order=…) -> list[Jet]`` for theta of shape (problems, coefficients).
    x : mapping of str to array (rows,)
        Passed through to ``terms_at``.
    loss : array (rows,) or (problems, rows)
        Observed, or simulated anew for each problem of a batch.
    objective : Objective
    basis, offset : array (coefficients, free), array (coefficients,)
        ``theta = basis @ u + offset``: fixed coefficients and linear ties.
    lower, upper : array (free,)
        Bounds on ``u``.
    amplitudes : dict of int to int
        Coefficient index → the index of the one term it scales. Only those that may vanish.
    reach : array (free,) or float
        The longest step in each coordinate.
    expected : array (free,) or (problems, free), optional
        Where a prior expects the free coordinates; ``half precision·(u − expected)²`` is added to the objective.
    precision : array (free,), optional
        Of the prior, in units of the objective; 0 for a coordinate without one.
    """

    terms_at: TermsAt
    x: Mapping[str, Array]
    loss: Array
    objective: Objective
    basis: Array
    offset: Array
    lower: Array
    upper: Array
    amplitudes: Mapping[int, int] = field(default_factory=dict)
    reach: Array | float = REACH
    expected: Array | None = None
    precision: Array | None = None

    @property
    def count_rows(self) -> int:
        """Rows of one problem."""
        return self.loss.shape[-1]

    def rows(self, keep: Array | slice) -> Problem:
        """The same problem on some of its rows."""
        return replace(self, x={k: v[keep] for k, v in self.x.items()}, loss=self.loss[..., keep])

    def part(self, which: Any) -> Problem:
        """Some problems of the batch."""
        loss = self.loss[which] if self.loss.ndim == 2 else self.loss
        expected = self.expected
        if expected is not None and expected.ndim == 2:
            expected = expected[which]
        return replace(self, loss=loss, expected=expected)

    def theta(self, u: Array) -> Array:
        """Free coordinates (problems, free) → solver coordinates (problems, coefficients)."""
        return u @ self.basis.T + self.offset

    def prior_value(self, u: Array) -> Array | float:
        """What a prior adds to the objective of each problem."""
        if self.precision is None:
            return 0.0
        return np.asarray(0.5 * (self.precision * (u - self.expected) ** 2).sum(axis=1))

    def switch(self, term: int) -> int:
        """The free coordinate that is the log-amplitude of a term, or −1."""
        for j, k in self.amplitudes.items():
            if k == term:
                free = np.flatnonzero(self.basis[j])
                if len(free) == 1 and np.count_nonzero(self.basis[:, free[0]]) == 1:
                    return int(free[0])
        return -1


@dataclass
class Local:
    """Value, gradient and curvature of each problem at a point."""

    value: Array
    gradient: Array
    hessian: Array
    share: Array  # largest share of any prediction, per term


class Batch:
    """Problems with their row weights and switched-off terms.

    Parameters
    ----------
    problem : Problem
    weights : array (rows,) or (problems, rows)
    off : array (problems, terms) of bool
    """

    def __init__(self, problem: Problem, weights: Array, off: Array) -> None:
        self.problem, self.weights = problem, weights
        self.off = off.copy()
        self.log_loss = np.log(problem.loss)

    def evaluate(self, who: Array, u: Array, objective: Objective, *, newton: bool) -> Local:
        """Value and derivatives; many rows are added up block by block, so that each block stays in the cache."""
        problem = self.problem
        first, *others = self._blocks(len(u))
        here = self._block(first, who, u, objective, newton)
        for rows_of in others:
            more = self._block(rows_of, who, u, objective, newton)
            here.value += more.value
            here.gradient += more.gradient
            here.hessian += more.hessian
            np.maximum(here.share, more.share, out=here.share)
        M = problem.basis
        here.gradient, here.hessian = here.gradient @ M, M.T @ here.hessian @ M
        if problem.precision is not None and problem.expected is not None:
            away = u - (problem.expected if problem.expected.ndim == 1 else problem.expected[who])
            here.value = here.value + 0.5 * (problem.precision * away**2).sum(axis=1)
            here.gradient = here.gradient + problem.precision * away
            here.hessian = here.hessian + np.diag(problem.precision)
        return here

    def _block(self, rows: slice | None, who: Array, u: Array, objective: Objective, newton: bool) -> Local:
        """What some of the rows add, with derivatives by all coefficients."""
        problem = self.problem if rows is None else self.problem.rows(rows)
        terms = problem.terms_at(problem.theta(u), problem.x, order=2 if newton else 1)
        q, log_prediction = _shares(terms, self.off[who], (len(u), problem.count_rows))
        share = q.max(axis=2).T
        if objective.log:
            r = log_prediction - self._each(self.log_loss, who, rows)
        else:
            prediction = np.exp(log_prediction)
            r = prediction - self._each(problem.loss, who, None)
            q = q * prediction
        w = self._each(self.weights, who, rows)
        value = (objective.value(r) * w).sum(axis=1)
        psi = objective.score(r) * w

        P = problem.basis.shape[0]
        J = np.empty((len(u), P, r.shape[1]))
        begun = set()
        for k, t in enumerate(terms):
            for j, g in t.grad.items():
                if j in begun:
                    J[:, j] += q[k] * g
                else:
                    np.multiply(q[k], g, out=J[:, j])
                    begun.add(j)
        J[:, [j for j in range(P) if j not in begun]] = 0.0
        gradient = np.matmul(J, psi[:, :, None])[..., 0]
        if newton:
            inner = objective.curvature(r) * w - (psi if objective.log else 0.0)
        else:
            inner = objective.irls_weight(r) * w
        hessian = np.matmul(J * inner[:, None, :], J.transpose(0, 2, 1))
        if newton:
            for k, t in enumerate(terms):
                _add_term_curvature(hessian, psi * q[k], t)
        return Local(value, gradient, hessian, share)

    def bend(self, who: Array, u: Array, along: Array, turning: Array, objective: Objective) -> Array:
        """How the gradient turns where residuals curve along a step: ``Σ_i w_i ρ''(r_i) ∂r_i r_i''``, (problems, free).

        Parameters
        ----------
        who, u : array (problems,), array (problems, free)
            Of the batch, and where.
        along, turning : array (problems, free)
            First and second derivative of the path of the free coordinates.
        objective : Objective
        """
        problem = self.problem
        along, turning = along @ problem.basis.T, turning @ problem.basis.T
        found = np.zeros((len(u), len(problem.basis)))
        for rows in self._blocks(len(u)):
            found += self._block_bend(rows, who, u, along, turning, objective)
        return np.asarray(found @ problem.basis)

    def _block_bend(
        self, rows: slice | None, who: Array, u: Array, along: Array, turning: Array, objective: Objective
    ) -> Array:
        """What some of the rows add to :meth:`bend`, by all coefficients."""
        problem = self.problem if rows is None else self.problem.rows(rows)
        terms = problem.terms_at(problem.theta(u), problem.x, order=2)
        q, log_prediction = _shares(terms, self.off[who], (len(u), problem.count_rows))
        r = log_prediction - self._each(self.log_loss, who, rows)
        if not objective.log:
            prediction = np.exp(log_prediction)
            r = prediction - self._each(problem.loss, who, None)
            q = q * prediction
        first, second = np.zeros_like(r), np.zeros_like(r)
        for share, t in zip(q, terms, strict=True):
            slope, bent = np.zeros_like(r), np.zeros_like(r)
            for j, g in t.grad.items():
                slope += along[:, [j]] * g
                bent += turning[:, [j]] * g
            for (i, j), h in t.hess.items():
                bent += (1.0 if i == j else 2.0) * along[:, [i]] * along[:, [j]] * h
            first += share * slope
            second += share * (slope**2 + bent)
        if objective.log:
            second -= first**2
        push = self._each(self.weights, who, rows) * objective.curvature(r) * second
        found = np.zeros((len(u), len(problem.basis)))
        for share, t in zip(q, terms, strict=True):
            for j, g in t.grad.items():
                found[:, j] += (push * share * g).sum(axis=1)
        return found

    def _blocks(self, count: int) -> list[slice | None]:
        """Rows to work on at once, for so many problems; None for all of them."""
        rows = self.problem.count_rows
        if rows * count <= CELLS:
            return [None]
        size = max(1, _BLOCK // count)
        return [slice(first, first + size) for first in range(0, rows, size)]

    @staticmethod
    def _each(values: Array, who: Array, rows: slice | None = None) -> Array:
        """Values of rows: shared by all problems as they are, those of each problem for the problems asked."""
        some = values if rows is None else values[..., rows]
        return some if some.ndim == 1 else some[who]


def _shares(terms: list[Jet], off: Array, shape: tuple[int, int]) -> tuple[Array, Array]:
    """Share of each term in the predictions, (terms, problems, rows), and the logarithm of the predictions."""
    q = np.empty((len(terms), *shape))
    for k, t in enumerate(terms):
        q[k] = t.value
    q[off.T] = -np.inf
    peak = q.max(axis=0)
    q -= peak
    np.exp(q, out=q)
    total = q.sum(axis=0)
    q /= total
    return q, np.log(total) + peak


def log_predictions(problem: Problem, u: Array, off: Array) -> Array:
    """Logarithms of the predictions, (problems, rows)."""
    with np.errstate(over="ignore", invalid="ignore"):
        terms = problem.terms_at(problem.theta(u), problem.x)
        T = np.stack([np.broadcast_to(t.value, (len(u), problem.count_rows)) for t in terms])
        T[off.T] = -np.inf
        return np.asarray(np.logaddexp.reduce(T, axis=0))


def _add_term_curvature(hessian: Array, weight: Array, term: Jet) -> None:
    """Add ``Σ_i weight_i (∂T ∂Tᵀ + ∂²T)`` for one term; shared derivatives become one matrix product."""
    active = sorted(term.grad)
    pairs = [(i, j) for a, i in enumerate(active) for j in active[a:]]
    for i, j in pairs:
        entry = term.grad[i] * term.grad[j]
        second = term.hess.get((i, j))
        if second is not None:
            entry = entry + second
        entry = np.asarray(entry)
        if entry.ndim == 0:
            total = weight.sum(axis=1) * entry
        elif entry.ndim == 1 or entry.shape[0] == 1:
            total = weight @ np.broadcast_to(entry.reshape(-1), weight.shape[1])
        else:
            total = np.einsum("si,si->s", weight, np.broadcast_to(entry, weight.shape))
        hessian[:, i, j] += total
        if i != j:
            hessian[:, j, i] += total
