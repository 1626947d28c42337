"""Minima of parabolas and their errors: exact without noise, right in simulation with it."""

from __future__ import annotations

import numpy as np
import pytest

from quokka_laws.fitting.isoflop_errors import Minima

BUDGETS = np.array([1e18, 1e19, 1e20, 1e21])
OFFSETS = np.linspace(-1.0, 1.2, 6)
BEST = np.log(0.1) + 0.5 * np.log(BUDGETS)
LOG_N = (BEST[:, None] + OFFSETS).ravel()
C = np.repeat(BUDGETS, 6)
LOSSES = (3.0 + 0.1 * OFFSETS**2 - np.zeros((4, 1))).ravel()


def test_exact_minima_and_power_law() -> None:
    found = Minima.of(LOG_N, C, LOSSES[None])
    assert found is not None
    np.testing.assert_allclose(found.log_N[0], BEST, rtol=1e-10)
    assert found.spare == 4 * 3
    at, error = found.power_law(np.log([1e22, 1e24]))
    np.testing.assert_allclose(at[0], np.log(0.1) + 0.5 * np.log([1e22, 1e24]), rtol=1e-9)
    np.testing.assert_allclose(error, 0.0, atol=1e-6)


def test_errors_are_the_scatter_of_simulated_tables() -> None:
    noise = 1.0 + 0.002 * np.random.default_rng(0).standard_normal((4000, len(LOSSES)))
    found = Minima.of(LOG_N, C, LOSSES * noise)
    assert found is not None
    scatter = found.log_N.std(axis=0)
    assert np.median(found.error, axis=0) == pytest.approx(scatter, rel=0.1)
    at, error = found.power_law(np.log([1e22]))
    # Birge's ratio widens some tables and narrows none, so the typical error is a little above the scatter.
    assert 0.95 < np.median(error) / at.std() < 1.5
    assert at.mean() == pytest.approx(np.log(0.1) + 0.5 * np.log(1e22), abs=4 * at.std() / np.sqrt(4000))


def test_curves_without_a_minimum_inside_are_left_out() -> None:
    losses = LOSSES.copy()
    losses[:6] = 3.0 - 0.1 * OFFSETS**2  # opens downwards
    losses[6:12] = 3.0 + 0.1 * (OFFSETS - 5.0) ** 2  # lowest far outside
    found = Minima.of(LOG_N, C, losses[None])
    assert found is not None
    assert np.isnan(found.log_N[0]).tolist() == [True, True, False, False]
    at, _ = found.power_law(np.log([1e22]))
    assert at[0, 0] == pytest.approx(np.log(0.1) + 0.5 * np.log(1e22), rel=1e-9)
    losses[12:18] = losses[:6]
    alone = Minima.of(LOG_N, C, losses[None])
    assert alone is not None
    assert np.isnan(alone.power_law(np.log([1e22]))[0]).all()


def test_too_few_sizes_or_budgets() -> None:
    assert Minima.of(LOG_N[:6], C[:6], LOSSES[None, :6]) is None
    three = np.tile([True, True, True, False, False, False], 4)
    assert Minima.of(LOG_N[three], C[three], LOSSES[None, three]) is None
