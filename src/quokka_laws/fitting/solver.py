"""Batched robust Newton over many problems at once: starts × resamples in, optima out. Knows no law, no pandas.

Each problem minimises ``Σ_i w_i ρ(r_i)``. Two matrices are used: iteratively reweighted Gauss–Newton (always positive) from
a poor start, then the exact Hessian with its eigenvalues made positive (:mod:`quokka_laws.fitting.local`). Huber
objectives are piecewise quadratic, so Newton ends in a few steps.

Amplitudes at zero are ordinary: a term whose share of every prediction has become negligible is switched off and
its amplitude reported as zero, if the objective does not fall when it grows from zero (the Karush–Kuhn–Tucker
condition); if it does, the term is switched back on. Where a descent reaches no minimum each amplitude is tried at zero,
since its logarithm would creep there for ever. Parameters at a bound are held there while the gradient points outwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from quokka_laws._parallel import run_all
from quokka_laws._typing import Array
from quokka_laws.fitting.bootstrap import Multiplicities
from quokka_laws.fitting.local import CELLS, Batch, Local, Problem, log_predictions
from quokka_laws.fitting.newton import Chart, newton_step
from quokka_laws.objective import Objective

NEGLIGIBLE_SHARE = 1e-6
DECREMENT = 1e-14
RUNNER_UP = 1e-3
"""A start whose objective is farther above the best than this share is not the best for want of a step."""
STRAIGHT = 10
"""Steps of one descent before they bend: most descents have ended by then."""
AT_ZERO = 60
"""Steps of a descent that tries an amplitude at zero: it begins beside its minimum or is in vain."""
MAX_ITERATIONS = 200
"""Of one descent."""
_LARGE = 8_000  # rows: above, one problem at a time fills the cache, and rows of weight zero can be left out


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
    size = 1 if rows > _LARGE else max(1, CELLS // max(1, rows))
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
    size = max(1, CELLS // max(1, problem.count_rows))
    parts = []
    for first in range(0, len(u), size):
        part = slice(first, first + size)
        log_prediction = log_predictions(problem, u[part], off[part])
        r = log_prediction - np.log(problem.loss) if problem.objective.log else np.exp(log_prediction) - problem.loss
        value = (problem.objective.value(r) * weights).sum(axis=1)
        parts.append(value + problem.prior_value(u[part]))
    return np.concatenate(parts)


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
    state = _Descent(problem, u, w, off)

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


class _Descent(Batch):
    """Working state of one chunk of problems."""

    def __init__(self, problem: Problem, u: Array, weights: Array, off: Array) -> None:
        super().__init__(problem, weights, off)
        self.u = np.clip(u, problem.lower, problem.upper)
        self.converged = np.zeros(len(u), dtype=bool)
        self.switches = [problem.switch(k) for k in range(off.shape[1])]
        self.released = np.zeros_like(self.off)
        self.last: Local | None = None  # at ``u``, where the last descent ended there

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
        here: Local | None = None
        chart = Chart.around(self, self.u)
        metric = np.ones((count, free))
        stalled = np.zeros(count, dtype=int)
        for taken in range(max_iterations):
            if not len(active):
                break
            if here is None:
                here = self._evaluate_mixed(active, self.u[active], objective, newton[active])
                metric[active] = chart.of(active).curvature(here, newton[active])
            how = {"damping": damping[active], "metric": metric[active], "newton": newton[active]}
            step, decrement = self._step(here, active, chart, objective, bends=taken >= STRAIGHT, **how)
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
                None if refresh else Local(*(getattr(here, n)[stay] for n in ("value", "gradient", "hessian", "share")))
            )
            irls = irls if not newton[active].all() else 0

    def _rounding(self, objective: Objective) -> Array:
        """The objective of an exact fit, which has nothing left to be relative to: residuals of 1e-12 are zero."""
        return np.broadcast_to(self.weights.sum(axis=-1) * objective.value(np.full(1, 1e-12)), len(self.u))

    def _evaluate_mixed(self, who: Array, u: Array, objective: Objective, newton: Array) -> Local:
        if newton.all() or not newton.any():
            return self.evaluate(who, u, objective, newton=bool(newton.all()))
        out = self.evaluate(who, u, objective, newton=False)
        exact = self.evaluate(who[newton], u[newton], objective, newton=True)
        out.hessian[newton] = exact.hessian
        return out

    def _step(
        self, here: Local, who: Array, chart: Chart, objective: Objective, *, bends: bool, **how: Array
    ) -> tuple[Array, Array]:
        """Damped step on the free coordinates that are not held, and its undamped decrement."""

        def bend(along: Array, turning: Array) -> Array:
            return self.bend(who, self.u[who], along, turning, objective)

        return newton_step(
            here,
            chart.of(who),
            held=self._held(who, here),
            reach=self.problem.reach,
            bend=bend if bends else None,
            **how,
        )

    def _held(self, who: Array, here: Local) -> Array:
        """Coordinates at a bound where the gradient points outwards, and those of switched-off terms."""
        u, g = self.u[who], here.gradient
        held = ((u <= self.problem.lower) & (g > 0)) | ((u >= self.problem.upper) & (g < 0))
        for k, j in enumerate(self.switches):
            if j >= 0:
                held[:, j] |= self.off[who, k]
        return np.asarray(held)

    # ---- amplitudes at zero -----------------------------------------------------------------------------------

    def _switch_off(self, who: Array, here: Local) -> Array:
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
            log_prediction = log_predictions(problem, self.u[who], self.off[who])
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
            trial = _Descent(self.problem.part(who), self.u[who], w, off)
            trial.minimise(objective, irls=2, tolerance=DECREMENT, max_iterations=min(AT_ZERO, max_iterations))
            before = self.evaluate(who, self.u[who], objective, newton=False).value
            after = trial.evaluate(np.arange(len(who)), trial.u, objective, newton=False).value
            trial.release(objective, race=False)  # no minimum where it wants to grow
            kept = trial.converged & trial.off[:, k] & (after <= before * (1 + 1e-9))
            for name in ("u", "off", "converged"):
                getattr(self, name)[who[kept]] = getattr(trial, name)[kept]

    def report(self, wanted: Objective, solved: Objective) -> tuple[Array, Array, Array]:
        """Objective value, scaled gradient and Hessian at the end."""
        everyone = np.arange(len(self.u))
        last = self.last or self.evaluate(everyone, self.u, solved, newton=True)
        value = last.value
        if wanted != solved:
            value = self.evaluate(everyone, self.u, wanted, newton=False).value
        held = self._held(everyone, last)
        norm = np.abs(np.where(held, 0.0, last.gradient)).max(axis=1, initial=0.0) / np.maximum(value, 1e-300)
        return value, norm, last.hessian
