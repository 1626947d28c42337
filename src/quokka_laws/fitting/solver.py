"""Batched robust Newton over many problems at once: starts × resamples in, optima out. Knows no law, no pandas.

Each problem minimises ``Σ_i w_i ρ(r_i)`` where the model is ``Σ_k exp(T_k)``. With ``q_k`` the share of term k
(of the prediction itself for residuals in levels), the residual's derivatives are::

    ∂r  = J = Σ_k q_k ∂T_k
    ∂²r = Σ_k q_k (∂T_k ∂T_kᵀ + ∂²T_k) − [log residuals] J Jᵀ

so the exact Hessian costs little more than the gradient. Two matrices are used: iteratively reweighted
Gauss–Newton (always positive) from a poor start, then the exact Hessian with its eigenvalues made positive.
Huber objectives are piecewise quadratic, so Newton ends in a few steps.

Amplitudes at zero are ordinary: a term whose share of every prediction has become negligible is switched off and
its amplitude reported as zero, if the objective does not fall when it grows from zero (the Karush–Kuhn–Tucker
condition); if it does, the term is switched back on. Where a descent reaches no minimum each amplitude is tried at zero,
since its logarithm would creep there for ever. Parameters at a bound are held there while the gradient points outwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from quokka_laws._parallel import run_all
from quokka_laws._typing import Array
from quokka_laws.fitting.bootstrap import Multiplicities
from quokka_laws.laws.jet import Jet
from quokka_laws.objective import Objective

TermsAt = Callable[..., list[Jet]]

NEGLIGIBLE_SHARE = 1e-6
DECREMENT = 1e-14
REACH = 5.0
"""No single step moves a log-amplitude or an exponent farther."""
RUNNER_UP = 1e-3
"""A start whose objective is farther above the best than this share is not the best for want of a step."""
MAX_ITERATIONS = 200
"""Of one descent."""
_CELLS = 120_000  # rows × problems worked on at once: keeps the arrays of one pass inside the cache

_BLOCK = 16_384  # rows × problems of one block, where they are more than that
_LARGE = 8_000  # rows: above, one problem at a time fills the cache, and rows of weight zero can be left out


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

    def switch(self, term: int) -> int:
        """The free coordinate that is the log-amplitude of a term, or −1."""
        for j, k in self.amplitudes.items():
            if k == term:
                free = np.flatnonzero(self.basis[j])
                if len(free) == 1 and np.count_nonzero(self.basis[:, free[0]]) == 1:
                    return int(free[0])
        return -1


@dataclass(frozen=True)
class Solution:
    """Optima of a batch; arrays have one entry per problem.

    ``off`` marks terms whose amplitude is zero; ``gradient_norm`` is the largest component of the gradient with
    respect to the free coordinates that are not held, divided by the objective.
    """

    u: Array
    value: Array
    off: Array
    converged: Array
    gradient_norm: Array
    hessian: Array


def solve(
    problem: Problem,
    u: Array,
    weights: Array | Multiplicities,
    *,
    off: Array | None = None,
    begin: Literal["far", "near", "warm"] = "far",
    max_iterations: int = MAX_ITERATIONS,
    tolerance: float = DECREMENT,
    race: bool = False,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Solution:
    """Minimise every problem of a batch.

    Parameters
    ----------
    problem : Problem
    u : array (problems, free)
        Starts.
    weights : array (rows,) or (problems, rows), or Multiplicities
        Non-negative row weights; bootstrap counts are weights.
    off : array (problems, terms) of bool, optional
        Terms whose amplitude starts at zero.
    begin : {"far", "near", "warm"}
        ``far``: through smoother objectives, which leads most starts to one optimum; ``near``: reweighting, then
        Newton on the objective itself, which finds the minimum nearest to each start; ``warm``: Newton at once.
    tolerance : float
        Decrease that a further step would bring, relative to the objective, at which a problem is solved.
    race : bool
        All are starts of one problem, and only the best matters: others that get stuck are left there.
    workers : int
        Processes; the batch is cut into the same parts whatever their number.
    progress : callable, optional
        Told how many problems have been finished, as they are.

    Returns
    -------
    Solution
    """
    u = np.atleast_2d(np.asarray(u, dtype=float))
    count, rows = len(u), problem.count_rows
    if not isinstance(weights, Multiplicities):
        weights = np.asarray(weights, dtype=float)
    if off is None:
        off = np.zeros((count, len(problem.terms_at(problem.theta(u[:1]), problem.x))), dtype=bool)
    size = 1 if rows > _LARGE else max(1, _CELLS // max(1, rows))
    slices = [slice(first, min(first + size, count)) for first in range(0, count, size)]
    pieces = [
        (problem.part(part), u[part], weights[part] if weights.ndim == 2 else weights, off[part], begin, max_iterations, tolerance, race)
        for part in slices
    ]  # fmt: skip

    def done(number: int) -> None:
        if progress:
            progress(slices[number].stop - slices[number].start)

    parts = run_all(_solve_part, pieces, workers=workers, done=done)
    return Solution(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def objective_values(problem: Problem, u: Array, weights: Array, *, off: Array) -> Array:
    """Objective at given points, shape (problems,); ``weights`` (rows,) are shared. Used to rank starts."""
    size = max(1, _CELLS // max(1, problem.count_rows))
    parts = []
    for first in range(0, len(u), size):
        part = slice(first, first + size)
        log_prediction = _log_prediction(problem, u[part], off[part])
        r = log_prediction - np.log(problem.loss) if problem.objective.log else np.exp(log_prediction) - problem.loss
        value = (problem.objective.value(r) * weights).sum(axis=1)
        parts.append(value + _prior_value(problem, u[part]))
    return np.concatenate(parts)


def _prior_value(problem: Problem, u: Array) -> Array | float:
    """What a prior adds to the objective of each problem."""
    if problem.precision is None:
        return 0.0
    return np.asarray(0.5 * (problem.precision * (u - problem.expected) ** 2).sum(axis=1))


def _log_prediction(problem: Problem, u: Array, off: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        terms = problem.terms_at(problem.theta(u), problem.x)
        T = np.stack([np.broadcast_to(t.value, (len(u), problem.count_rows)) for t in terms])
        T[off.T] = -np.inf
        return np.asarray(np.logaddexp.reduce(T, axis=0))


def _solve_part(
    problem: Problem,
    u: Array,
    weights: Array | Multiplicities,
    off: Array,
    begin: str,
    max_iterations: int,
    tolerance: float,
    race: bool,
) -> tuple[Any, ...]:
    """A part of a batch, small enough for the cache."""
    w = weights.of_rows() if isinstance(weights, Multiplicities) else weights
    if w.ndim == 2 and len(w) == 1 and (w == 0).mean() > 0.1:
        keep = w[0] > 0  # one large resample at a time: leave out the rows it does not contain
        problem, w = problem.rows(keep), w[:, keep]
    state = _Batch(problem, u, w, off)

    def descend(objective: Objective, irls: int, tolerance: float) -> None:
        state.minimise(objective, irls=irls, tolerance=tolerance, max_iterations=max_iterations)

    with np.errstate(all="ignore"):  # a trial step may leave the law's domain: it is rejected
        if begin == "far":
            for objective in problem.objective.continuation():
                descend(objective, 6, 1e-4)
        *smoother, final = problem.objective.refinement()
        if begin == "near":
            descend((*smoother, final)[0], 6, 1e-4)
        for objective in smoother:
            descend(objective, 0, 1e-10)
        descend(final, 0, tolerance)
        for _ in range(3):  # verify switched-off terms; each release is a new descent
            if not state.release(final, race):
                break
            descend(final, 2, tolerance)
        state.settle_at_zero(final, max_iterations, race)
        value, gradient, hessian = state.report(problem.objective, final)
    return state.u, value, state.off, state.converged, gradient, hessian


@dataclass
class _Local:
    """Value, gradient and curvature of each problem at a point."""

    value: Array
    gradient: Array
    hessian: Array
    share: Array  # largest share of any prediction, per term


class _Batch:
    """Working state of one chunk of problems."""

    def __init__(self, problem: Problem, u: Array, weights: Array, off: Array) -> None:
        self.problem, self.weights = problem, weights
        self.u = np.clip(u, problem.lower, problem.upper)
        self.off = off.copy()
        self.converged = np.zeros(len(u), dtype=bool)
        self.log_loss = np.log(problem.loss)
        self.switches = [problem.switch(k) for k in range(off.shape[1])]
        self.released = np.zeros_like(self.off)
        self.last: _Local | None = None  # at ``u``, where the last descent ended there

    # ---- one evaluation ---------------------------------------------------------------------------------------

    def evaluate(self, who: Array, u: Array, objective: Objective, *, newton: bool) -> _Local:
        """Value and derivatives; many rows are added up block by block, so that each block stays in the cache."""
        problem = self.problem
        rows = problem.count_rows
        size = rows if rows * len(u) <= _CELLS else max(1, _BLOCK // len(u))
        blocks = [slice(first, first + size) for first in range(0, rows, size)]
        here = self._block(blocks[0] if len(blocks) > 1 else None, who, u, objective, newton)
        for rows_of in blocks[1:]:
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

    def _block(self, rows: slice | None, who: Array, u: Array, objective: Objective, newton: bool) -> _Local:
        """What some of the rows add, with derivatives by all coefficients."""
        problem = self.problem if rows is None else self.problem.rows(rows)
        terms = problem.terms_at(problem.theta(u), problem.x, order=2 if newton else 1)
        shape = (len(u), problem.count_rows)
        q = np.empty((len(terms), *shape))
        for k, t in enumerate(terms):
            q[k] = t.value
        q[self.off[who].T] = -np.inf
        peak = q.max(axis=0)
        q -= peak
        np.exp(q, out=q)
        total = q.sum(axis=0)
        q /= total
        log_prediction = np.log(total) + peak
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
        J = np.empty((len(u), P, shape[1]))
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
        return _Local(value, gradient, hessian, share)

    @staticmethod
    def _each(values: Array, who: Array, rows: slice | None = None) -> Array:
        """Values of rows: shared by all problems as they are, those of each problem for the problems asked."""
        some = values if rows is None else values[..., rows]
        return some if some.ndim == 1 else some[who]

    # ---- descent ----------------------------------------------------------------------------------------------

    def minimise(self, objective: Objective, *, irls: int, tolerance: float, max_iterations: int) -> None:
        """Damped steps until the predicted decrease is negligible."""
        count, free = self.u.shape
        used = np.zeros(count, dtype=int)
        self.converged[:] = False
        self.last = None
        if free == 0:
            self.converged[:] = True
            return
        damping = np.full(count, 1e-3 if irls else 1e-8)
        newton = np.full(count, irls == 0)
        rounding_floor = self._rounding(objective)
        active = np.arange(count)
        here: _Local | None = None
        metric = np.ones((count, free))
        stalled = np.zeros(count, dtype=int)
        for _ in range(max_iterations):
            if not len(active):
                break
            if here is None:
                here = self._evaluate_mixed(active, self.u[active], objective, newton[active])
                diagonal = np.abs(np.einsum("sii->si", here.hessian))
                metric[active] = np.maximum(diagonal, 1e-12 * diagonal.max(axis=1, keepdims=True) + 1e-300)
            step, decrement = self._step(here, active, damping[active], metric[active])
            floor = rounding_floor[active]
            done = decrement <= tolerance * here.value + floor
            ready = done & newton[active]
            if tolerance > DECREMENT and not irls and ready.all():  # good enough: no last step
                self.converged[active] = True
                self.last = here if len(active) == count else None
                break
            newton[active[done]] = True
            trial_u = np.clip(self.u[active] + step, self.problem.lower, self.problem.upper)
            trial = self._evaluate_mixed(active, trial_u, objective, newton[active])
            with np.errstate(invalid="ignore"):
                better = np.isfinite(trial.value) & (trial.value <= here.value)
                better &= np.isfinite(trial.hessian).all(axis=(1, 2))
                small = here.value - trial.value <= 1e-3 * here.value
            used[active] += 1
            accepted = active[better]
            self.u[accepted] = trial_u[better]
            damping[active] = np.where(better, damping[active] * 0.1, np.maximum(damping[active], 1e-6) * 10.0)
            damping[active] = np.clip(damping[active], 1e-12, 1e12)
            # Leave reweighting for Newton once it slows down.
            newton[active[(better & small) | (used[active] >= irls)]] = True
            stalled[active] = np.where(better & ~small, 0, stalled[active] + 1)
            for name in ("value", "gradient", "hessian", "share"):
                getattr(here, name)[better] = getattr(trial, name)[better]
            vanished = self._switch_off(active, here)
            # At the limit of rounding no step is better: that is convergence too, if the model says so.
            rounding = ~better & (decrement <= 1e-9 * here.value + floor) & newton[active] & (stalled[active] > 6)
            finished = (ready | rounding | (damping[active] >= 1e12)) & ~vanished
            self.converged[active[ready | rounding]] = True
            self.converged[active[vanished]] = False
            stay = ~finished
            # A switched matrix or a switched-off term needs a fresh evaluation.
            refresh = vanished.any() or (newton[active[stay]].any() and irls)
            active = active[stay]
            here = (
                None
                if refresh
                else _Local(*(getattr(here, n)[stay] for n in ("value", "gradient", "hessian", "share")))
            )
            irls = irls if not newton[active].all() else 0

    def _rounding(self, objective: Objective) -> Array:
        """The objective of an exact fit, which has nothing left to be relative to: residuals of 1e-12 are zero."""
        return np.broadcast_to(self.weights.sum(axis=-1) * objective.value(np.full(1, 1e-12)), len(self.u))

    def _evaluate_mixed(self, who: Array, u: Array, objective: Objective, newton: Array) -> _Local:
        if newton.all() or not newton.any():
            return self.evaluate(who, u, objective, newton=bool(newton.all()))
        out = self.evaluate(who, u, objective, newton=False)
        exact = self.evaluate(who[newton], u[newton], objective, newton=True)
        out.hessian[newton] = exact.hessian
        return out

    def _step(self, here: _Local, who: Array, damping: Array, metric: Array) -> tuple[Array, Array]:
        """Damped Newton step on the free coordinates that are not held, and its undamped decrement."""
        u, lower, upper = self.u[who], self.problem.lower, self.problem.upper
        g = here.gradient
        held = ((u <= lower) & (g > 0)) | ((u >= upper) & (g < 0))
        for k, j in enumerate(self.switches):
            if j >= 0:
                held[:, j] |= self.off[who, k]
        scale = 1.0 / np.sqrt(metric)
        g = np.where(held, 0.0, g * scale)
        H = here.hessian * scale[:, :, None] * scale[:, None, :]
        keep = ~held
        H = H * (keep[:, :, None] & keep[:, None, :])
        H = np.where(np.isfinite(H), H, 0.0)
        eigenvalues, vectors = np.linalg.eigh(H)
        size = np.maximum(np.abs(eigenvalues), 1e-14 * np.abs(eigenvalues).max(axis=1, keepdims=True) + 1e-300)
        along = np.matmul(vectors.transpose(0, 2, 1), g[..., None])[..., 0]
        floor = 1e-10 * np.abs(eigenvalues).max(axis=1, keepdims=True) + 1e-300
        decrement = 0.5 * (along**2 / np.maximum(size, floor)).sum(axis=1)
        step = -np.matmul(vectors, (along / (size + damping[:, None]))[..., None])[..., 0] * scale
        longest = (np.abs(step) / self.problem.reach).max(axis=1, keepdims=True)
        return step / np.maximum(longest, 1.0), decrement

    # ---- amplitudes at zero -----------------------------------------------------------------------------------

    def _switch_off(self, who: Array, here: _Local) -> Array:
        changed = np.zeros(len(who), dtype=bool)
        for k, j in enumerate(self.switches):
            if j < 0:
                continue
            gone = (here.share[:, k] < NEGLIGIBLE_SHARE) & ~self.off[who, k] & ~self.released[who, k]
            gone &= (~self.off[who]).sum(axis=1) > 1  # the last term standing is the law itself
            self.off[who[gone], k] = True
            changed |= gone
        return changed

    def contenders(self, objective: Objective, race: bool) -> Array:
        """Problems worth more steps: all of them; in a race those that are as low as the best, (problems,) of bool."""
        if not race:
            return np.ones(len(self.u), dtype=bool)
        value = self.evaluate(np.arange(len(self.u)), self.u, objective, newton=False).value
        return np.asarray(~(value > (1.0 + RUNNER_UP) * np.nanmin(value, initial=np.inf)))

    def release(self, objective: Objective, race: bool) -> bool:
        """Switch terms back on whose amplitude wants to grow from zero; returns whether any did."""
        problem, any_released = self.problem, False
        allowed = self.contenders(objective, race and bool(self.off.any()))
        for k, j in enumerate(self.switches):
            if j < 0:
                continue
            who = np.flatnonzero(allowed & self.off[:, k] & ~self.released[:, k])
            if not len(who):
                continue
            log_unit = problem.terms_at(problem.theta(self.u[who]), problem.x)[k].value - self.u[who][:, [j]]
            log_prediction = _log_prediction(problem, self.u[who], self.off[who])
            log_loss = self._each(self.log_loss, who)
            r = log_prediction - log_loss if objective.log else np.exp(log_prediction) - np.exp(log_loss)
            w = self._each(self.weights, who)
            relative = np.exp(log_unit - log_prediction) if objective.log else np.exp(log_unit)
            slope = (objective.score(r) * w * relative).sum(axis=1)
            size = (np.abs(objective.score(r)) * w * relative).sum(axis=1)
            inexact = (objective.value(r) * w).sum(axis=1) > self._rounding(objective)[who]
            grow = (slope < -1e-9 * size) & inexact
            self.off[who[grow], k] = False
            self.released[who[grow], k] = True
            small = np.median(log_prediction - log_unit, axis=1) + np.log(1e-3)
            self.u[who[grow], j] = np.clip(small[grow], problem.lower[j], problem.upper[j])
            any_released |= bool(grow.any())
        return any_released

    def settle_at_zero(self, objective: Objective, max_iterations: int, race: bool) -> None:
        """Where no minimum was reached, descend with each amplitude at zero and keep that if it is no higher."""
        stuck = ~self.converged
        if stuck.any():
            stuck &= self.contenders(objective, race)
        for k, j in enumerate(self.switches):
            who = np.flatnonzero(stuck & ~self.converged & ~self.off[:, k] & ((~self.off).sum(axis=1) > 1))
            if j < 0 or not len(who):
                continue
            off = self.off[who]
            off[:, k] = True
            w = self._each(self.weights, who)
            trial = _Batch(self.problem.part(who), self.u[who], w, off)
            trial.minimise(objective, irls=2, tolerance=DECREMENT, max_iterations=max_iterations)
            before = self.evaluate(who, self.u[who], objective, newton=False).value
            after = trial.evaluate(np.arange(len(who)), trial.u, objective, newton=False).value
            kept = trial.converged & (after <= before * (1 + 1e-9))
            for name in ("u", "off", "converged"):
                getattr(self, name)[who[kept]] = getattr(trial, name)[kept]

    def report(self, wanted: Objective, solved: Objective) -> tuple[Array, Array, Array]:
        """Objective value, scaled gradient and Hessian at the end."""
        everyone = np.arange(len(self.u))
        last = self.last or self.evaluate(everyone, self.u, solved, newton=True)
        value = last.value
        if wanted != solved:
            value = self.evaluate(everyone, self.u, wanted, newton=False).value
        held = ((self.u <= self.problem.lower) & (last.gradient > 0)) | (
            (self.u >= self.problem.upper) & (last.gradient < 0)
        )
        for k, j in enumerate(self.switches):
            if j >= 0:
                held[:, j] |= self.off[:, k]
        norm = np.abs(np.where(held, 0.0, last.gradient)).max(axis=1, initial=0.0) / np.maximum(value, 1e-300)
        return value, norm, last.hessian


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
