"""Rows that lie so far off the law that they are not its noise, and whether they carry the answer.

Rows are taken out one after the other, each time the one with the largest externally studentised residual of a
least-squares fit, as in the generalised extreme studentised deviate test (Rosner 1983): the rows named are all up to the
last that stands out, so rows that mask one another are found together. Least squares, because the heavier the tails of an
objective, the less its residuals say. Of those the fewest are named without which the answer is where it is without all of
them, and only rows that lie at least a sixth as far off as the farthest: in a table whose noise has heavy tails many stand out a
little. None is named where leaving them out moves the answer by less than its noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from quokka_laws._typing import Array
from quokka_laws.fitting.influence import Refits
from quokka_laws.fitting.linearised import Linearised, predictions, with_errors
from quokka_laws.fitting.multistart import optimise
from quokka_laws.fitting.solver import solve
from quokka_laws.objective import LogL2

LEVELS = {"above": 0.04, "below": 0.01}
"""Chance that any row of a lawful table is taken for an outlier, on either side: bad runs lie above."""
LARGEST_SHARE = 0.2  # of the rows: more are no outliers but a law that does not fit
MOST_ROWS = 5000
MASKED = 4  # rows that do not stand out are taken out in a row before the search ends
FAR = 6.0  # times as far off: rows that lie nearer by this factor than the farthest are left to the noise
SETTLED = 0.1  # standard errors: how little the rows after the last named one may move the answer


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
    end, sd, u, off = _without(refits, order, answer)
    predicted, _ = predictions(refits.space, refits.data, u, off)
    residuals = (np.log(refits.data.loss) - predicted[0])[order]
    near = np.abs(residuals) * FAR < np.abs(residuals).max()
    last = int(np.flatnonzero(np.abs(path - path[-1]) <= SETTLED * sd)[0])
    last = min([last, *np.flatnonzero(near)])
    if not abs(path[0] - path[last]) > sd:
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
    at = Linearised.at(space, data, refits.objective, u, off, np.log(data.loss))
    value, sd = with_errors(at, space, u, off, lambda v: answer({k: x[:, 0] for k, x in v.items()})[:, None])
    return float(value[0, 0]), float(sd[0, 0]), u, off


def standing_out(refits: Refits) -> Array:
    """Positions of the rows that stand out from the law, the farthest first."""
    problem = refits.space.problem(refits.data, LogL2())
    log_loss = np.log(refits.data.loss)
    kept = np.ones(len(log_loss), dtype=bool)
    u, off = refits.best.u[None], refits.best.off[None]
    order, found = [], 0
    for _ in range(max(1, int(LARGEST_SHARE * len(log_loss)))):
        solved = solve(problem, u, kept[None] * refits.data.weights, off=off, begin="warm")
        u, off = solved.u, solved.off
        predicted, J = predictions(refits.space, refits.data, u, off)
        t, spare = _studentised((log_loss - predicted[0])[kept], J[0][kept], refits.data.weights[kept])
        if spare < 1:
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


def _studentised(residuals: Array, J: Array, weights: Array) -> tuple[Array, int]:
    """Externally studentised residuals and their degrees of freedom."""
    root = np.sqrt(weights)
    size = np.sqrt((J**2).sum(axis=0))
    Q, R = np.linalg.qr(J[:, size > 0] * root[:, None] / size[size > 0])
    Q = Q[:, np.abs(np.diag(R)) > 1e-10]
    e, spare = residuals * root, len(residuals) - Q.shape[1] - 1
    left = np.clip(1.0 - (Q**2).sum(axis=1), 1e-12, None)
    variance = ((e**2).sum() - e**2 / left) / max(spare, 1)
    return e / np.sqrt(np.maximum(variance, 1e-300) * left), spare
