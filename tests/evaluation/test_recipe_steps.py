"""Frontiers in closed form, and steps that begin where the one before ended."""

from __future__ import annotations

import numpy as np
import pytest

from quokka_laws.evaluation.recipe_steps import Frontiers


@pytest.fixture
def two() -> Frontiers:
    return Frontiers(np.array([[1.7, 1.7]]), np.array([[100.0, 90.0]]), np.array([[0.1, 0.1]]))


def test_compute_is_the_inverse_of_loss(two: Frontiers) -> None:
    C = np.geomspace(1e18, 1e24, 7)
    for recipe in (0, 1):
        assert two.compute(two.loss(C, recipe), recipe)[0] == pytest.approx(C)


def test_multiplier_of_one_exponent_is_a_ratio_of_sizes(two: Frontiers) -> None:
    assert two.multiplier(np.array([1e18, 1e25]), 1)[0] == pytest.approx([(100 / 90) ** 10] * 2)


def test_a_loss_below_the_floor_of_the_baseline_is_never_reached() -> None:
    lower = Frontiers(np.array([[1.7, 1.5]]), np.array([[100.0, 100.0]]), np.array([[0.2, 0.2]]))
    assert lower.multiplier(np.array([1e30]), 1)[0, 0] == np.inf
