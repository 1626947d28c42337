"""Values that were meant to be one level: a few per cent apart, as tokens are that were rounded to whole batches."""

from __future__ import annotations

import numpy as np

from quokka_laws._typing import Array


def levels(values: Array, tolerance: float) -> Array:
    """Number of each value's level, from the lowest; a level reaches from its lowest value to ``1 + tolerance`` times it."""
    values = np.asarray(values, dtype=float)
    order = np.argsort(values, kind="stable")
    number, lowest, level = np.empty(len(values), dtype=int), -np.inf, -1
    for i in order:
        if not values[i] <= lowest * (1.0 + tolerance):
            level, lowest = level + 1, values[i]
        number[i] = level
    return number
