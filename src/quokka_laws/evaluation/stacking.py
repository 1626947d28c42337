"""Weights and interval of a stack of laws, learned from budgets that were held out. Arrays only.

A *fold* fits every law to the cheapest runs and predicts the dearer ones. Rows of one fold share its error (the law is
off in one direction), so what counts is a held-out *budget* of a fold, not a row. In log-loss the error of a run at a
distance d (its compute over the largest fitted) is taken to have the variance

    noise² + disagreement² + growth²·(ln d)²

residual noise (of the fitted runs, weighted as in the fits), the weighted spread of the laws' predictions, and an error that grows
as a drift of the slope would. The growth is estimated as ``(mean square error of a budget − noise² − disagreement²)/(ln d)²``, the
median over budgets (a fold of few runs can be wild) over 0.455, the median of the square of a standard normal variable; beside the
folds stand two imagined ones whose growth is 1 % for every factor e, since a few folds say little, and what is averaged is the
logarithm: a growth is a scale. The interval is Student's with twice as many degrees of freedom as folds. Weights are the inverse of
each law's held-out error.

``docs/truth.md`` scores this rule. It was chosen on more hold-outs of the same sweeps and of the project's own (by compute, by N, from half of
the cheap runs), where all runs counting the same, no priors, and Chinchilla's law besides do worse on every sweep. Nothing hangs on the
numbers: other powers of C as weights, other shares for E and wider priors change little. Skaling's law alone errs little more, but its
intervals hold too few, for nothing disagrees. The median of the laws, equal weights, a shift by the last residuals or a Gaussian process of
them gain next to nothing, and not on every sweep. Where a candidate cannot be the truth (a bounded loss; beta = .28 where one holds 1) the
rule does worse than three laws fitted to all runs alike, whose biases happen to cancel.

:func:`nested` repeats all of this within the folds: each is an outer one whose held-out budgets nothing has seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import t as student

from quokka_laws._typing import Array
from quokka_laws.evaluation.leaning import lean

MEDIAN_OF_SQUARE = 0.455
TYPICAL_GROWTH, LEAST_GROWTH, IMAGINED_FOLDS = 0.01, 0.002, 2.0
LEAST_FREEDOM = 3
BUDGET = 1.35
"""Runs whose compute is within this factor count as one budget."""
_NEAR = np.log(1.2)  # a budget nearer than this says nothing about growth


@dataclass(frozen=True)
class Folds:
    """Predictions of all laws, fitted to the cheapest runs up to several budgets; rows sorted by compute.

    Parameters
    ----------
    log_observed, log_C : array (rows,)
    log_predicted : array (folds + 1, laws, rows)
        The last is fitted to all rows.
    fitted : array (folds + 1,)
        How many rows each was fitted to, increasing.
    """

    log_observed: Array
    log_C: Array
    log_predicted: Array
    fitted: Array

    def __len__(self) -> int:
        return len(self.fitted) - 1

    def until(self, k: int) -> Folds:
        """What is known with the rows of fold k alone."""
        n = self.fitted[k]
        return Folds(self.log_observed[:n], self.log_C[:n], self.log_predicted[: k + 1, :, :n], self.fitted[: k + 1])

    def beyond(self, k: int) -> tuple[Array, Array, Array]:
        """Held-out rows of fold k: predictions (laws, rows), observations, ln distance."""
        n = self.fitted[k]
        reach = np.maximum(self.log_C[n:] - self.log_C[:n].max(), 0.0)
        return self.log_predicted[k][:, n:], self.log_observed[n:], reach

    def budgets(self, k: int) -> list[Array]:
        """Held-out rows of fold k by budget, as positions."""
        log_C = self.log_C[self.fitted[k] :]
        label = np.floor((log_C - self.log_C.min()) / np.log(BUDGET) + 1e-6).astype(int)
        return [np.flatnonzero(label == b) for b in np.unique(label)]


@dataclass(frozen=True)
class Stack:
    """Weights of the laws and what the interval of their average is made of.

    Parameters
    ----------
    weights : array (laws,)
        Non-negative, summing to 1.
    errors : array (laws,)
        Root mean square held-out error of each law, each fold counting the same; ones if nothing could be held out.
    noise, growth : float
        See the module.
    folds : int
        How many the growth is known from; 0 if nothing could be held out.
    """

    weights: Array
    errors: Array
    noise: float
    growth: float
    folds: int

    def half_width(self, log_predicted: Array, log_distance: Array, level: float) -> Array:
        """Half of the interval of one run's log-loss, from predictions (laws, rows)."""
        variance = self.noise**2 + self.spread(log_predicted) ** 2 + (self.growth * log_distance) ** 2
        return np.asarray(student.ppf(0.5 + 0.5 * level, max(2 * self.folds, LEAST_FREEDOM)) * np.sqrt(variance))

    def spread(self, log_predicted: Array) -> Array:
        """Weighted standard deviation of the laws."""
        return np.asarray(np.sqrt(self.weights @ (log_predicted - self.weights @ log_predicted) ** 2))


def learn(folds: Folds) -> Stack:
    """Weights, noise and growth from folds."""
    count = folds.log_predicted.shape[1]
    if not len(folds):
        stack = Stack(np.full(count, 1.0 / count), held_out_errors(folds), 0.0, TYPICAL_GROWTH, 0)
        return replace(stack, noise=_noise(folds, stack))
    stack = Stack(_weights(folds), held_out_errors(folds), 0.0, 0.0, len(folds))
    stack = replace(stack, noise=_noise(folds, stack))
    found = []
    for k in range(len(folds)):
        predicted, observed, reach = folds.beyond(k)
        square = (stack.weights @ predicted - observed) ** 2 - stack.noise**2 - stack.spread(predicted) ** 2
        near = [(square[b].mean(), np.mean(reach[b] ** 2)) for b in folds.budgets(k)]
        found += [max(excess, 0.0) / far for excess, far in near if far > _NEAR**2]
    seen = float(np.median(found)) / MEDIAN_OF_SQUARE if found else 0.0
    log_growth = 0.5 * np.log(max(seen, LEAST_GROWTH**2))
    weight = len(folds) / (IMAGINED_FOLDS + len(folds))
    return replace(stack, growth=float(np.exp((1.0 - weight) * np.log(TYPICAL_GROWTH) + weight * log_growth)))


def nested(folds: Folds, level: float) -> pd.DataFrame:
    """How the interval does on budgets it has not seen.

    Returns
    -------
    DataFrame
        One row per held-out budget of an outer fold: ``fitted`` (rows of the fold), ``distance``, ``rows``, ``inside``
        (share of rows in an interval learned from the fold's own rows), ``half_width`` (median), ``error`` (root mean
        square).
    """
    found = []
    for k in range(len(folds)):
        inner = folds.until(k)
        if not len(inner):
            continue
        stack = learn(inner)
        predicted, observed, reach = folds.beyond(k)
        error = np.abs(stack.weights @ predicted - observed)
        half = stack.half_width(predicted, reach, level)
        for b in folds.budgets(k):
            found.append(
                {
                    "fitted": int(folds.fitted[k]),
                    "distance": float(np.exp(reach[b].mean())),
                    "rows": len(b),
                    "inside": float(np.mean(error[b] <= half[b])),
                    "half_width": float(np.median(half[b])),
                    "error": float(np.sqrt(np.mean(error[b] ** 2))),
                }
            )
    return pd.DataFrame(found, columns=["fitted", "distance", "rows", "inside", "half_width", "error"])


def held_out_errors(folds: Folds) -> Array:
    """Root mean square error of each law in log-loss, each fold counting the same; ones without folds."""
    if not len(folds):
        return np.ones(folds.log_predicted.shape[1])
    found = []
    for k in range(len(folds)):
        predicted, observed, _ = folds.beyond(k)
        found.append(((predicted - observed) ** 2).mean(axis=1))
    return np.asarray(np.sqrt(np.mean(found, axis=0)))


def _weights(folds: Folds) -> Array:
    """By the inverse of the held-out error."""
    say = 1.0 / np.maximum(held_out_errors(folds), 1e-12)
    return np.asarray(say / say.sum())


def _noise(folds: Folds, stack: Stack) -> float:
    """Root mean square residual of the stack where it was fitted, as the runs were weighted there."""
    square = (stack.weights @ folds.log_predicted[-1] - folds.log_observed) ** 2
    return float(np.sqrt(np.average(square, weights=lean(folds.log_C))))
