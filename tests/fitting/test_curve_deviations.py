"""Sizes of what runs are off by are found again, and a run's lag is carried on as its correlation says."""

from __future__ import annotations

import numpy as np
import pytest

from quokka_laws.fitting.curve_deviations import LEVEL, Deviations, Places

NO_COEFFICIENTS = np.zeros((1, 1))


def places(slope: float = 0.2, rate: float = 1.0) -> Places:
    log_T = np.linspace(0.0, 2.3, 60)
    return Places(log_T, rate * np.linspace(1.0, 0.1, 60), slope * np.exp(-0.5 * log_T))


def test_covariance_of_two_points_is_that_of_the_formula() -> None:
    at = Places(np.array([1.0, 1.5]), np.array([1.0, 0.5]), np.array([0.2, 0.1]))
    root = Deviations(lag=0.1, memory=0.5, still=0.01, hot=0.02).root(at)
    across = 0.1**2 * 0.2 * 0.1 * np.exp(-1.0)
    lags = [[0.02**2 + 0.01**2 + 0.02**2, across], [across, 0.01**2 + 0.01**2 + 0.01**2]]
    assert root @ root.T == pytest.approx(np.array(lags) + LEVEL**2)


def test_sizes_that_made_the_curves_are_found_again() -> None:
    truth = Deviations(lag=0.12, memory=1.5, still=0.001, hot=0.006)
    rng = np.random.default_rng(0)
    runs = [places() for _ in range(40)]
    blocks = [(truth.root(at) @ rng.standard_normal(60))[:, None] for at in runs]
    found = Deviations().learned(runs, blocks, NO_COEFFICIENTS)
    assert found.lag == pytest.approx(truth.lag, rel=0.2)
    assert found.memory == pytest.approx(truth.memory, rel=0.4)
    assert found.still == pytest.approx(truth.still, rel=0.3)
    assert found.hot == pytest.approx(truth.hot, rel=0.1)


def test_what_coefficients_may_take_up_is_no_lag() -> None:
    """Runs that are all off by one amount, which a coefficient without a prior explains."""
    rng = np.random.default_rng(1)
    runs = [places() for _ in range(10)]
    noise = [0.003 * at.rate * rng.standard_normal(60) for at in runs]
    explained = [np.column_stack([at.slope, 0.5 * at.slope + e]) for at, e in zip(runs, noise, strict=True)]
    unexplained = [block[:, 1:] for block in explained]
    vague = np.array([[1e-3, 0.0]])
    assert Deviations().learned(runs, explained, vague).lag < 0.02
    assert Deviations().learned(runs, unexplained, NO_COEFFICIENTS).lag > 0.1


def test_exact_curves_end_at_a_bound_and_not_at_nothing() -> None:
    found = Deviations().learned([places()], [np.zeros((60, 1))], NO_COEFFICIENTS)
    assert found.lag > 0
    assert found.noise > 0
