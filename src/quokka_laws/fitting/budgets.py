"""Budgets of compute: runs that were meant to cost the same."""

from __future__ import annotations

import numpy as np
import pandas as pd

from quokka_laws._typing import Array

BUDGET_TOLERANCE = 0.1
WIDEST_BUDGET = 1.25  # largest over smallest C of one budget


def group_budgets(C: Array, tolerance: float) -> Array:
    """Budget of each run, the median C of its group.

    Runs whose sorted C differ by less than ``tolerance`` from the next share a group, up to a ratio of ``WIDEST_BUDGET``:
    checkpoints, whose C are dense, do not become one budget.
    """
    order = np.argsort(C)
    label = np.empty(len(C), dtype=int)
    group, lowest, last = -1, 0.0, 0.0
    for i in order:
        if C[i] > last * (1 + tolerance) or C[i] > lowest * WIDEST_BUDGET:
            group, lowest = group + 1, C[i]
        label[i], last = group, C[i]
    median = pd.Series(C).groupby(label).transform("median")
    return median.to_numpy()
