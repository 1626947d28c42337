"""Rows that lie so far off the law that they are not its noise, and whether they carry the answer.

Rows are taken out one after the other, each time the one whose leaving lowers the sum of squares most, in units of the noise
that is left (the externally studentised residual), as in the generalised extreme studentised deviate test (Rosner 1983): the rows
named are all up to the last that stands out, so rows that mask one another are found together. Least squares, because the heavier
the tails of an objective, the less its residuals say. Of few runs each is left out in truth, for a law that bends to a bad run
shows it elsewhere; and their noise is not estimated from the few degrees of freedom that they have alone.

Of those the fewest are named without which the answer is where it is without all of them, and only rows that lie at least a sixth
as far off as the farthest: in a table whose noise has heavy tails many stand out a little. None is named where leaving them
out hardly moves the answer. ``FAR`` and ``SETTLED`` were set with Epoch AI's table of the Chinchilla runs in view, the noise by
``benchmarks/influence.py``, which measures how often bad and lawful runs are named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from quokka_laws._typing import Array
from quokka_laws.fitting.influence import Refits
from quokka_laws.fitting.linearised import Linearised, estimates, predictions
from quokka_laws.fitting.multistart import optimise
from quokka_laws.fitting.problem import Data
from quokka_laws.fitting.solver import solve
from quokka_laws.objective import LogL2, Objective

LEVELS = {"above": 0.04, "below": 0.01}
"""Chance that any row of a lawful table is taken for an outlier, on either side: bad runs lie above."""
USUAL_NOISE = 0.006
USUAL_DEGREES = 3
"""What is believed of the noise of a run before seeing any, as a share of its loss, and how many degrees of freedom that is worth."""
FEW_ROWS = 24  # up to so many a single one bends the law, and each is left out in truth rather than by derivatives
LARGEST_SHARE = 0.2  # of the rows: more are no outliers but a law that does not fit
MOST_ROWS = 5000
MASKED = 4  # rows that do not stand out are taken out in a row before the search ends
FAR = 6.0  # times as far off: rows that lie nearer by this factor than the farthest are left to the noise
WORTH = 0.5  # standard errors: how much rows have to move the answer to be named
SETTLED = 0.2  # standard errors: how little the rows after the last named one may move the answer


@dataclass(frozen=True)
class Outliers:
    """Rows that stand out, in the order in which they were taken out.

    Parameters
    ----------
    rows : array of int
        Positions of the rows that carry the answer.
    others : array of int
        Rows that stand out too, but lie far less off or change nothing more.
    residuals : array
        ln(observed / predicted) of ``rows`` against what all rows but the outlying ones predict.
    with_all, without, without_all : float
        The answer with all rows, without ``rows``, and without ``others`` as well.
    sd : float
        Standard error of the answer without ``rows``.
    """

    rows: Array
    others: Array
    residuals: Array
    with_all: float
    without: float
    without_all: float
    sd: float


def outliers(refits: Refits, answer: Callable[..., Array]) -> Outliers | None:
    """Outlying rows that carry the answer, or None.

    Parameters
    ----------
    refits : Refits
        Of the fit; its rows must be runs of their own.
    answer : callable
        Coefficients by name, arrays (problems,) → the answer (problems,), such as the logarithm of the best N.
    """
    if refits.data.groups is not None or len(refits.data.loss) > MOST_ROWS:
        return None
    order = standing_out(refits)
    if not len(order):
        return None
    # The answer as one row after the other is left out, by the fit's own objective.
    weights = np.ones((len(order) + 1, len(refits.data.loss)))
    for k in range(len(order)):
        weights[k + 1 :, order[k]] = 0.0
    start, off = (np.repeat(v[None], len(weights), axis=0) for v in (refits.best.u, refits.best.off))
    problem = refits.space.problem(refits.data, refits.objective)
    solved = solve(problem, start, weights * refits.data.weights, off=off, begin="warm")
    path = answer(refits.space.batch_values(solved.u, solved.off))
    end, _, u, off = _without(refits, order, answer)
    residuals, noise = _residuals_and_noise(refits, order, u, off, answer)
    near = np.abs(residuals) * FAR < np.abs(residuals).max()
    last = int(np.flatnonzero(np.abs(path - path[-1]) <= SETTLED * noise)[0])
    last = min([last, *np.flatnonzero(near)])
    if not abs(path[0] - path[last]) > WORTH * noise:
        return None
    without, sd, _, _ = _without(refits, order[:last], answer)
    return Outliers(order[:last], order[last:], residuals[:last], float(path[0]), without, end, sd)


def _without(refits: Refits, rows: Array, answer: Callable[..., Array]) -> tuple[float, float, Array, Array]:
    """The answer without some rows, its standard error, and the optimum (free coordinates, terms at zero)."""
    kept = np.setdiff1d(np.arange(len(refits.data.loss)), rows)
    data, space = refits.data.take(kept), refits.space
    near = refits.best.u[None], refits.best.off[None]
    best = optimise(refits.law, data, space, refits.objective, n_starts=None, seed=refits.seed, near=near, briefly=True)
    u, off = best.u[None], best.off[None]
    value, sd = _with_error(refits, data, np.log(data.loss), refits.objective, u, off, answer)
    return value, sd, u, off


def _residuals_and_noise(
    refits: Refits, rows: Array, u: Array, off: Array, answer: Callable[..., Array]
) -> tuple[Array, float]:
    """How far off ``rows`` are from an optimum without them, and the standard error that the answer would have if they were not.

    The design is that of all rows, by least squares; the noise is that of the others.
    """
    predicted, _ = predictions(refits.space, refits.data, u, off)
    residuals = np.log(refits.data.loss) - predicted[0]
    usual = residuals.copy()
    usual[rows] = np.sqrt(np.mean(np.delete(residuals, rows) ** 2))
    _, sd = _with_error(refits, refits.data, predicted[0] + usual, LogL2(), u, off, answer)
    return residuals[rows], sd


def _with_error(
    refits: Refits,
    data: Data,
    log_losses: Array,
    objective: Objective,
    u: Array,
    off: Array,
    answer: Callable[..., Array],
) -> tuple[float, float]:
    """The answer at an optimum, and its standard error."""
    at = Linearised.at(refits.space, data, objective, u, off, log_losses)
    of = lambda values: answer({k: v[:, 0] for k, v in values.items()})[:, None]  # noqa: E731
    found = estimates(at, refits.space, u, off, of)
    return float(found.value[0, 0]), float(found.error[0, 0])


def standing_out(refits: Refits) -> Array:
    """Positions of the rows that stand out from the law, the farthest first."""
    count = len(refits.data.loss)
    kept = np.ones(count, dtype=bool)
    u, off = refits.best.u[None], refits.best.off[None]
    measure = _deleted if count <= FEW_ROWS else _linearised
    order, found = [], 0
    for _ in range(max(1, int(LARGEST_SHARE * count))):
        t, spare, u, off = measure(refits, kept, u, off)
        if spare <= USUAL_DEGREES:
            break
        limits = {side: student.isf(level / kept.sum(), spare) for side, level in LEVELS.items()}
        far = np.where(t > 0, t / limits["above"], -t / limits["below"])
        worst = int(far.argmax())
        order.append(np.flatnonzero(kept)[worst])
        kept[order[-1]] = False
        if far[worst] > 1.0:
            found = len(order)
        elif len(order) > found + MASKED:
            break
    return np.array(order[:found], dtype=int)


def _deleted(refits: Refits, kept: Array, u: Array, off: Array) -> tuple[Array, int, Array, Array]:
    """Studentised residuals of kept rows by leaving each out in turn, their degrees of freedom, and the optimum of all kept."""
    weights = np.concatenate([kept[None], kept[None] & ~np.eye(len(kept), dtype=bool)[kept]]) * refits.data.weights
    start, terms = (np.repeat(v, len(weights), axis=0) for v in (u, off))
    solved = solve(refits.space.problem(refits.data, LogL2()), start, weights, off=terms, begin="warm")
    predicted, J = predictions(refits.space, refits.data, solved.u, solved.off)
    e = np.log(refits.data.loss) - predicted
    squares = (e**2 * weights).sum(axis=1)
    spare = int(kept.sum()) - np.linalg.matrix_rank(_scaled(J[0][kept])) - 1
    sign = np.sign(e[1:][np.arange(kept.sum()), np.flatnonzero(kept)])
    t = sign * np.sqrt(np.maximum(squares[0] - squares[1:], 0.0) / _variance(squares[1:], spare))
    return t, spare + USUAL_DEGREES, solved.u[:1], solved.off[:1]


def _linearised(refits: Refits, kept: Array, u: Array, off: Array) -> tuple[Array, int, Array, Array]:
    """The same from the derivatives at the optimum, where one row among many bends the law little."""
    solved = solve(
        refits.space.problem(refits.data, LogL2()), u, kept[None] * refits.data.weights, off=off, begin="warm"
    )
    predicted, J = predictions(refits.space, refits.data, solved.u, solved.off)
    root = np.sqrt(refits.data.weights[kept])
    e = (np.log(refits.data.loss) - predicted[0])[kept] * root
    Q, R = np.linalg.qr(_scaled(J[0][kept]) * root[:, None])
    Q = Q[:, np.abs(np.diag(R)) > 1e-10]
    spare = len(e) - Q.shape[1] - 1
    left = np.clip(1.0 - (Q**2).sum(axis=1), 1e-12, None)
    squares = np.maximum((e**2).sum() - e**2 / left, 0.0)
    return e / np.sqrt(_variance(squares, spare) * left), spare + USUAL_DEGREES, solved.u, solved.off


def _scaled(J: Array) -> Array:
    """Columns of derivatives at unit length, without those that are zero."""
    size = np.sqrt((J**2).sum(axis=0))
    return np.asarray(J[:, size > 0] / size[size > 0])


def _variance(squares: Array, spare: int) -> Array:
    """Of a run's noise, from a sum of squares and what is believed before."""
    return np.asarray((squares + USUAL_DEGREES * USUAL_NOISE**2) / max(spare + USUAL_DEGREES, 1))
