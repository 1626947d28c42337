"""Starts by projection: non-negative least squares against scipy, exact sizes, floors below every loss."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from quokka_laws.laws.projection import floors, nnls, positive_sizes


@settings(max_examples=25, derandomize=True, deadline=None)
@given(seed=st.integers(0, 10_000), columns=st.integers(1, 4), rows=st.integers(5, 20))
def test_nnls_is_scipys(seed: int, columns: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    basis, target = rng.uniform(0, 1, (3, rows, columns)), rng.normal(0.3, 1, (3, rows))
    weights = rng.uniform(0.1, 2.0, rows)
    found = nnls(basis, target, weights)
    root = np.sqrt(weights)
    for i in range(3):
        exact, _ = optimize.nnls(basis[i] * root[:, None], target[i] * root)
        np.testing.assert_allclose(found[i], exact, atol=1e-8)


def test_signed_columns_may_be_negative() -> None:
    rng = np.random.default_rng(1)
    basis = rng.uniform(0, 1, (1, 12, 3))
    truth = np.array([2.0, 0.5, -1.5])
    target = (basis @ truth[:, None])[..., 0]
    np.testing.assert_allclose(nnls(basis, target, np.ones(12), signed=1)[0], truth, rtol=1e-8)
    assert nnls(basis, target, np.ones(12))[0, 2] == 0.0


def test_columns_of_very_different_sizes() -> None:
    rng = np.random.default_rng(2)
    size = np.array([1.0, 1e-9, 1e9])
    basis = rng.uniform(0.5, 1, (1, 10, 3)) * size
    truth = np.array([1.8, 4e9, 3e-9])
    target = (basis @ truth[:, None])[..., 0]
    np.testing.assert_allclose(nnls(basis, target, np.ones(10))[0], truth, rtol=1e-6)


def test_sizes_that_sum_to_the_target() -> None:
    rng = np.random.default_rng(3)
    log_columns = rng.normal(0, 2, (2, 15, 2))
    truth = np.array([[3.0, 0.2], [0.5, 7.0]])
    log_target = np.log((np.exp(log_columns) * truth[:, None]).sum(axis=2))
    np.testing.assert_allclose(positive_sizes(log_columns, log_target, np.ones(15)), truth, rtol=1e-8)


def test_a_vanishing_size_keeps_a_logarithm() -> None:
    log_columns = np.stack([np.zeros((1, 8)), np.linspace(0, 2, 8)[None]], axis=2)
    found = positive_sizes(log_columns, np.full((1, 8), np.log(5.0)), np.ones(8))
    assert found[0, 0] == pytest.approx(5.0, rel=1e-6)
    assert found[0, 1] * np.exp(1.0) == pytest.approx(1e-3 * 5.0, rel=1e-6)  # one per mille of the typical row


def test_floors_lie_below_the_lowest_loss_and_spread() -> None:
    found = floors(np.array([3.0, 2.0, 4.0]), 40)
    assert (found >= 0).all()
    assert (found < 0.95 * 2.0).all()
    assert np.diff(np.sort(found)).max() < 3 * 1.9 / 40
