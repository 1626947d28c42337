"""Budgets of compute: runs that were meant to cost the same."""

from __future__ import annotations

import numpy as np

from quokka_laws.jet import Array

BUDGET_TOLERANCE = 0.1


def group_budgets(C: Array, tolerance: float) -> Array:
    """Budget of each run: runs whose sorted C differ by less than ``tolerance`` from the next share their median."""
    order = np.argsort(C)
    starts = np.concatenate([[True], np.diff(np.log(C[order])) > np.log1p(tolerance)])
    label = np.empty(len(C), dtype=int)
    label[order] = np.cumsum(starts) - 1
    median = np.array([np.median(C[label == k]) for k in range(label.max() + 1)])
    return np.asarray(median[label])
