"""Values a little apart are one level; levels do not chain."""

from __future__ import annotations

import numpy as np

from quokka_laws._numeric.levels import levels


def test_values_within_the_tolerance_of_the_lowest_are_one_level() -> None:
    assert levels(np.array([100.0, 200.0, 100.8, 99.9, 203.0]), 0.01).tolist() == [0, 1, 0, 0, 2]


def test_levels_do_not_chain() -> None:
    steps = 100.0 * 1.008 ** np.arange(5)
    assert levels(steps, 0.01).tolist() == [0, 0, 1, 1, 2]


def test_without_a_tolerance_only_equal_values_are_one() -> None:
    assert levels(np.array([2.0, 1.0, 2.0, 1.0001]), 0.0).tolist() == [2, 0, 2, 1]
    assert levels(np.array([]), 0.01).tolist() == []
