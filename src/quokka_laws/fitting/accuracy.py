"""Curves of accuracy fitted to runs: one by lmfit, and many at once for resamples.

Weighted least squares on the accuracy. Steps are Levenberg–Marquardt's within bounds, for all problems of a batch together.
"""

from __future__ import annotations

from collections.abc import Mapping

import lmfit
import numpy as np

from quokka_laws._typing import Array
from quokka_laws.laws.accuracy import AccuracyCurve

STEPS = 60
SETTLED = 1e-9  # relative change of the sum of squares
FIRST_DAMPING, MOST_DAMPING = 1e-2, 1e12


def solve_curves(
    curve: AccuracyCurve, x: Mapping[str, Array], y: Array, weights: Array, start: Array
) -> tuple[Array, Array]:
    """Coordinates that minimise Σ weight·(accuracy − curve)², problem by problem.

    Parameters
    ----------
    curve : AccuracyCurve
    x : mapping of str to array (rows,)
    y, weights : array (problems, rows)
        Or broadcast to it.
    start : array (problems, coordinates)

    Returns
    -------
    array (problems, coordinates), array (problems,)
        The second: sums of squares.
    """
    low, high = curve.bounds
    theta = np.clip(start, low, high)
    y, weights = np.broadcast_to(y, (len(theta), y.shape[-1])), np.broadcast_to(weights, (len(theta), y.shape[-1]))

    def misfit(t: Array, rows: Array) -> Array:
        return np.asarray((weights[rows] * (y[rows] - curve.at(t, x)[0]) ** 2).sum(axis=1))

    everyone = np.arange(len(theta))
    cost = misfit(theta, everyone)
    damping = np.full(len(theta), FIRST_DAMPING)
    active = everyone
    for _ in range(STEPS):
        if not active.size:
            break
        t = theta[active]
        value, J = curve.at(t, x)
        w = weights[active]
        g = np.einsum("kr,krp->kp", w * (y[active] - value), J)
        H = np.einsum("kr,krp,krq->kpq", w, J, J)
        at_wall = ((t <= low) & (g < 0)) | ((t >= high) & (g > 0))
        g = np.where(at_wall, 0.0, g)
        H = np.where(at_wall[:, :, None] | at_wall[:, None, :], 0.0, H)
        diagonal = np.einsum("kpp->kp", H)
        scale = np.maximum(diagonal, 1e-9 * diagonal.max(axis=1, keepdims=True) + 1e-300)
        A = H + np.eye(t.shape[1]) * (damping[active, None] * scale + at_wall)[:, :, None]
        new = np.clip(t + np.linalg.solve(A, g[:, :, None])[:, :, 0], low, high)
        after = misfit(new, active)
        better = after <= cost[active]
        done = better & (cost[active] - after <= SETTLED * np.maximum(cost[active], 1e-300))
        theta[active[better]], cost[active[better]] = new[better], after[better]
        damping[active] = np.where(better, np.maximum(damping[active] / 5.0, 1e-12), damping[active] * 8.0)
        active = active[~done & (damping[active] < MOST_DAMPING)]
    return theta, cost


def fit_curve(
    curve: AccuracyCurve, x: Mapping[str, Array], y: Array, weights: Array
) -> lmfit.minimizer.MinimizerResult:
    """The best fit of all starts, finished by lmfit; errors come from refits, not from it."""
    begun, cost = solve_curves(curve, x, y[None], weights[None], curve.starts())
    best = begun[np.argmin(cost)]
    low, high = curve.bounds
    params = lmfit.Parameters()
    for name, value, a, b in zip(curve.names, best, low, high, strict=True):
        inside = 1e-6 * (b - a)
        params.add(name, value=float(np.clip(value, a + inside, b - inside)), min=float(a), max=float(b))

    def residual(p: lmfit.Parameters) -> Array:
        theta = np.array([[p[k].value for k in curve.names]])
        return np.asarray(np.sqrt(weights) * (y - curve.at(theta, x)[0][0]))

    with np.errstate(invalid="ignore", divide="ignore"):  # lmfit's standard errors at a wall, which nobody reads
        found = lmfit.minimize(residual, params, method="least_squares")
    if found.chisqr > cost.min():  # at a wall, which lmfit's coordinates never reach
        for name, value in zip(curve.names, best, strict=True):
            found.params[name].value = float(value)
    return found
