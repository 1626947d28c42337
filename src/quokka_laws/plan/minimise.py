"""Continuous minimisation of a law along a path, for many draws at once: bracket on a grid, Newton on exact derivatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from quokka_laws._typing import Array
from quokka_laws.laws import Law
from quokka_laws.laws.jet import Jet, variables

Path = Callable[[Any], Mapping[str, Any]]
"""Position (array or jet) → inputs of the law."""


def derivatives(terms: list[Any], count: int) -> tuple[Array, Array]:
    """Gradient (problems, count) and Hessian (problems, count, count) of log Σ exp(T_k) in the seeded variables.

    Terms that are no jets are left out: a constant moves no minimum, though it changes the logarithm.
    """
    T = np.stack([np.broadcast_to(t.value, _shape(terms))[:, 0] for t in terms if isinstance(t, Jet)])
    share = np.exp(T - T.max(axis=0))
    share /= share.sum(axis=0)
    gradient = np.zeros((T.shape[1], count))
    hessian = np.zeros((T.shape[1], count, count))
    for q, t in zip(share, (t for t in terms if isinstance(t, Jet)), strict=True):
        g = np.stack([_column(t.grad.get(i, 0.0), T.shape[1]) for i in range(count)], axis=1)
        second = np.zeros_like(hessian)
        for (i, j), h in t.hess.items():
            second[:, i, j] = second[:, j, i] = _column(h, T.shape[1])
        alive = q > 0  # a switched-off term has no derivatives worth adding (0 · inf)
        gradient[alive] += q[alive, None] * g[alive]
        hessian[alive] += q[alive, None, None] * (second + g[:, :, None] * g[:, None, :])[alive]
    return gradient, hessian - gradient[:, :, None] * gradient[:, None, :]


def _shape(terms: list[Any]) -> tuple[int, ...]:
    return np.broadcast_shapes(*(t.value.shape for t in terms if isinstance(t, Jet)))


def _column(value: Any, size: int) -> Array:
    value = np.asarray(value, dtype=float)
    return np.broadcast_to(value if value.ndim == 0 else value.reshape(value.shape[0], -1)[:, 0], size)


def minimise_between(law: Law, theta: Array, path: Path, low: Array, here: Array, high: Array) -> Array:
    """Minimum of each problem inside its bracket, to rounding.

    Parameters
    ----------
    theta : array (problems, coefficients)
    low, here, high : array (problems,)
        ``here`` has the lowest loss of the three.
    """
    p = {c.coordinate: theta[:, [j]] for j, c in enumerate(law.coefficients)}
    low, here, high = low.copy(), here.copy(), high.copy()
    for _ in range(100):
        (t,) = variables(here[:, None])
        with np.errstate(all="ignore"):
            gradient, hessian = derivatives(law.log_terms(p, path(t)), 1)
            slope, curvature = gradient[:, 0], hessian[:, 0, 0]
            step = here - slope / curvature
        low, high = np.where(slope < 0, here, low), np.where(slope < 0, high, here)
        good = (curvature > 0) & (step > low) & (step < high)
        moved = np.where(good, step, 0.5 * (low + high))
        still = np.abs(moved - here) <= 1e-13 * (1.0 + np.abs(here))
        here = np.where(slope == 0, here, moved)
        if (still | (slope == 0)).all():
            break
    return here


def lowest(law: Law, theta: Array, path: Path, grid: Array, *, interior: bool) -> tuple[Array, Array]:
    """Lowest minimum along a path.

    Parameters
    ----------
    grid : array (points,)
        Increasing positions, fine enough to separate minima.
    interior : bool
        Only minima strictly inside the grid; else an end counts too and is returned as it is.

    Returns
    -------
    position : array (problems,)
        NaN where there is no interior minimum (``interior``).
    at_end : array (problems,) of int
        −1 or 1 where the loss is lowest at the lower or upper end of the grid, else 0.
    """
    values = law.to_values(theta)
    loss = law.log_loss(values, path(grid))
    inside = np.full(loss.shape, np.inf)
    middle = loss[:, 1:-1]
    is_minimum = (middle <= loss[:, :-2]) & (middle < loss[:, 2:])
    inside[:, 1:-1] = np.where(is_minimum, middle, np.inf)
    best = inside.argmin(axis=1) if interior else loss.argmin(axis=1)
    overall = loss.argmin(axis=1)
    at_end = np.where(overall == 0, -1, np.where(overall == len(grid) - 1, 1, 0))
    exists = np.isfinite(inside.min(axis=1)) if interior else (best > 0) & (best < len(grid) - 1)
    bracket = np.clip(best, 1, len(grid) - 2)
    found = minimise_between(law, theta, path, grid[bracket - 1], grid[bracket], grid[bracket + 1])
    return np.where(exists, found, np.nan if interior else grid[best]), at_end


def minimise_plane(law: Law, theta: Array, path: Path, start: Array) -> tuple[Array, Array]:
    """Minimum over two coordinates by damped Newton, from (problems, 2) starts; returns positions and convergence."""
    p = {c.coordinate: theta[:, [j]] for j, c in enumerate(law.coefficients)}
    values = law.to_values(theta)

    def loss(at: Array) -> Array:
        plain = {k: np.asarray(v) for k, v in path(at[:, [0]], at[:, [1]]).items()}  # type: ignore[call-arg]
        return law.log_loss(values, plain)[:, 0]

    here, damping = start.copy(), np.full(len(start), 1e-3)
    now = loss(here)
    converged = np.zeros(len(start), dtype=bool)
    for _ in range(200):
        u, v = variables(here)
        with np.errstate(all="ignore"):
            gradient, hessian = derivatives(law.log_terms(p, path(u, v)), 2)  # type: ignore[call-arg]
        hessian, gradient = np.nan_to_num(hessian), np.nan_to_num(gradient)
        eigenvalues, vectors = np.linalg.eigh(hessian)
        along = np.einsum("sji,sj->si", vectors, gradient)
        size = np.abs(eigenvalues)
        size = size + (damping * size.max(axis=1))[:, None] + 1e-300
        step = -np.einsum("sij,sj->si", vectors, along / size)
        step *= np.minimum(1.0, 1.0 / np.maximum(np.abs(step).max(axis=1, keepdims=True), 1e-300))
        then = loss(here + step)
        better = then <= now
        converged |= (np.abs(gradient).max(axis=1) < 1e-9) & (eigenvalues.min(axis=1) > 0)
        here = np.where(better[:, None], here + step, here)
        now = np.where(better, then, now)
        damping = np.clip(np.where(better, damping * 0.2, damping * 10), 1e-15, 1e6)
        if converged.all():
            break
    return here, converged
