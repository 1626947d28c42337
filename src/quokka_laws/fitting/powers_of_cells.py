"""A power law through quantities of cells that are each known with an error of their own: ``ln y = ln c + a·ln N + b·ln D``.

This is a meta-regression. A cell weighs ``1/(s² + τ²)``: s is the standard error of its quantity, τ the scatter of cells about
the law that their errors do not explain (Paule & Mandel 1982). A cell whose optimum lies beyond what was tried says only that it
is larger, or smaller, than the end of its sweep: it is a censored observation and counts as the value that is expected there
(Tobin 1958; by the EM algorithm). Leaving such cells out would pull the law towards the middle of the sweeps.

Intervals: refits to the law plus standardised residuals of the cells, drawn with replacement and widened as Student's t for few
cells; every refit sees every cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import log_ndtr

from quokka_laws._typing import Array

ROUNDS, STEPS = 20, 300
SAME = 1e-9
LEAST_ERROR = 1e-6
LEAST_SHARE = 0.5
"""Of the variance of a cell that is taken to be known from the cells alone, so that Student's allowance is never dropped."""
COLLINEAR = 0.995
"""Correlation of ln N and ln D over the cells, from which on their exponents cannot be told apart."""


@dataclass(frozen=True)
class Powers:
    """Coefficients with their refits.

    Parameters
    ----------
    values : array (1 + variables,)
        ln c, then the exponents.
    draws : array (refits, 1 + variables)
    scatter : float
        τ, of the logarithm.
    """

    values: Array
    draws: Array
    scatter: float


def identified(logs: Array, names: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Which variables (columns of ``logs``) the cells tell exponents of, and why not all: ``"constant"``, ``"together"`` or nothing."""
    varies = [j for j in range(logs.shape[1]) if np.ptp(logs[:, j]) > 1e-6]
    if len(varies) < logs.shape[1]:
        return tuple(names[j] for j in varies), "constant"
    if len(varies) == 2 and abs(np.corrcoef(logs[:, 0], logs[:, 1])[0, 1]) > COLLINEAR:
        return (names[varies[0]],), "together"
    return tuple(names[j] for j in varies), ""


def fit_powers(
    logs: Array, y: Array, error: Array, side: Array, ends: tuple[Array, Array], *, refits: int, seed: int
) -> Powers:
    """Fit the law.

    Parameters
    ----------
    logs : array (cells, variables)
        ln N, ln D or whatever the exponents are of.
    y, error : array (cells,)
        The logarithm of the quantity and its standard error.
    side : array (cells,) of int
        1 where it lies above, −1 where it lies below the end of its sweep, by the bowl; 0 within.
    ends : two arrays (cells,)
        Lowest and highest logarithm that was tried; infinite for a quantity that has no ends.
    """
    x = np.column_stack([np.ones(len(y)), logs])
    low, high = ends
    seen = np.where(side > 0, high, np.where(side < 0, low, y))[None]
    error = np.maximum(error, LEAST_ERROR)
    scatter = 0.0
    for _ in range(ROUNDS):
        deviation = np.sqrt(error**2 + scatter**2)
        (values,) = _censored(x, seen, side[None], deviation)
        last, scatter = scatter, _scatter(seen[0] - x @ values, error, side, x.shape[1])
        if abs(scatter - last) < SAME + 1e-3 * scatter:
            break
    deviation = np.sqrt(error**2 + scatter**2)
    rng = np.random.default_rng(seed)
    share = float(np.median(scatter**2 / deviation**2))
    noise = _noise(rng, x, seen[0] - x @ values, deviation, side == 0, share, refits)
    drawn = x @ values + noise
    sides = (drawn > high).astype(int) - (drawn < low).astype(int)
    draws = _censored(x, np.clip(drawn, low, high), sides, deviation)
    return Powers(values, draws, scatter)


def _noise(
    rng: np.random.Generator, x: Array, left: Array, deviation: Array, known: Array, share: float, refits: int
) -> Array:
    """Residuals that cells might as well have had (refits, cells).

    Of their variance the ``share`` that is τ² is known from the cells alone; the errors of the bowls come from many more runs.
    """
    scaled = x[known] / deviation[known, None]
    leverage = np.clip(np.diag(scaled @ np.linalg.pinv(scaled)), 0.0, 0.99)
    standard = left[known] / deviation[known] / np.sqrt(1.0 - leverage)
    standard = standard / max(np.sqrt(np.mean(standard**2)), 1e-12)
    spare = max(int(known.sum()) - x.shape[1], 1) / max(share, LEAST_SHARE)
    widen = np.sqrt(spare / rng.chisquare(spare, size=(refits, 1)))
    drawn = rng.choice(standard, size=(refits, len(left))) * rng.choice([-1.0, 1.0], size=(refits, len(left)))
    return np.asarray(drawn * widen * deviation)


def _scatter(left: Array, error: Array, side: Array, used: int) -> float:
    """τ with which the squares of the residuals are as large as they should be; 0 where the errors explain them.

    The square of a censored one is what is expected beyond the end of its sweep: leaving those out would take the scatter of the
    cells that happened to stay within for that of all.
    """
    spare = len(left) - used
    if int((side == 0).sum()) <= used:
        return 0.0

    def excess(t: float) -> float:
        apart = left / np.sqrt(error**2 + t**2)
        beyond = side * apart
        return float(np.where(side == 0, apart**2, 1.0 + beyond * _hazard(beyond)).sum() - spare)

    if excess(0.0) <= 0:
        return 0.0
    return float(brentq(excess, 0.0, 100.0 * float(np.sqrt((left**2).mean() + (error**2).mean())) + 1e-6))


def _hazard(apart: Array) -> Array:
    """Of the standard normal distribution: φ/(1 − Φ)."""
    return np.asarray(np.exp(-0.5 * apart**2 - 0.5 * np.log(2.0 * np.pi) - log_ndtr(-apart)))


def _censored(x: Array, seen: Array, side: Array, deviation: Array) -> Array:
    """Weighted least squares (problems, coefficients) of observations (problems, cells), some of them only bounds."""
    solve = np.linalg.pinv(x / deviation[:, None]) / deviation
    values = seen @ solve.T
    if not side.any():
        return np.asarray(values)
    for _ in range(STEPS):
        expected = values @ x.T
        apart = side * (seen - expected) / deviation
        filled = np.where(side == 0, seen, expected + side * deviation * _hazard(apart))
        step = filled @ solve.T - values
        values = values + step
        if np.abs(step).max() < 1e-7:
            break
    return np.asarray(values)
