"""Roots of many monotone functions at once, bracketed: inverse quadratic steps where safe, halves where not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from quokka_laws._typing import Array


def find_root(f: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Elementwise root of ``f`` between ``low`` and ``high`` (Chandrupatla 1997), to rounding.

    Parameters
    ----------
    f : callable
        Array → array of the same shape; elementwise.
    low, high : array
        Of one shape. NaN is returned where ``f`` has the same sign at both.

    Returns
    -------
    array
    """
    low, high = np.broadcast_arrays(np.asarray(low, dtype=float), np.asarray(high, dtype=float))
    x1, x2 = low.copy(), high.copy()
    f1, f2 = f(x1), f(x2)
    bracketed = np.sign(f1) * np.sign(f2) <= 0
    x3, f3 = x1.copy(), f1.copy()
    t = np.full(x1.shape, 0.5)
    for _ in range(120):
        x = x1 + t * (x2 - x1)
        fx = f(x)
        same = np.sign(fx) == np.sign(f1)
        x3, f3 = np.where(same, x1, x2), np.where(same, f1, f2)
        x2, f2 = np.where(same, x2, x1), np.where(same, f2, f1)
        x1, f1 = x, fx
        nearest = np.where(np.abs(f2) < np.abs(f1), x2, x1)
        tolerance = 4e-16 * np.abs(nearest) + 1e-300
        with np.errstate(all="ignore"):
            relative = 0.5 * tolerance / np.abs(x2 - x1)
            if np.all((relative > 0.5) | (f1 == 0) | (f2 == 0) | ~bracketed):
                break
            xi, phi = (x1 - x2) / (x3 - x2), (f1 - f2) / (f3 - f2)
            quadratic = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
            step = f1 / (f1 - f2) * f3 / (f3 - f2) - (x3 - x1) / (x2 - x1) * f1 / (f3 - f1) * f2 / (f2 - f3)
        t = np.where(quadratic & np.isfinite(step), step, 0.5)
        relative = np.where(np.isfinite(relative), np.minimum(relative, 0.5), 0.5)
        t = np.clip(t, relative, 1 - relative)
    return np.where(bracketed, np.where(np.abs(f2) < np.abs(f1), x2, x1), np.nan)


def root_or_end(f: Callable[[Array], Array], inside: Array, outside: Array) -> Array:
    """:func:`find_root`, or ``outside`` where there is none on the way there."""
    found = find_root(f, inside, outside)
    return np.where(np.isnan(found), outside, found)
