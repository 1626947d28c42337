"""Roots of many monotone functions at once, between two ends: scipy's ``elementwise.find_root`` on functions of whole arrays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import elementwise

from quokka_laws._typing import Array

TO_ROUNDING = {"xatol": 1e-300, "xrtol": 4e-16, "fatol": 0.0, "frtol": 0.0}
SAME_SIGN = -1  # scipy's status


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

    def some(x: Array, index: Array) -> Array:
        """scipy goes on with those that have not converged; ours take all, since they hold arrays of their own."""
        whole = low.flatten()
        whole[index] = x
        return np.asarray(f(whole.reshape(low.shape))).ravel()[index]

    index = np.arange(low.size)
    with np.errstate(all="ignore"):
        found = elementwise.find_root(
            some, (low.ravel(), high.ravel()), args=(index,), tolerances=TO_ROUNDING, maxiter=120
        )
    return np.where(found.status == SAME_SIGN, np.nan, found.x).reshape(low.shape)


def root_or_end(f: Callable[[Array], Array], inside: Array, outside: Array) -> Array:
    """:func:`find_root`, or ``outside`` where there is none on the way there."""
    found = find_root(f, inside, outside)
    return np.where(np.isnan(found), outside, found)
