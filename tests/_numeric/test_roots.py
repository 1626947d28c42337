"""Roots: known ones to rounding, a sign on either side, NaN where nothing is bracketed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quokka_laws._numeric.roots import find_root, root_or_end


def test_known_roots_to_rounding() -> None:
    cubes = np.array([1e-9, 2.0, 27.0, 1e15])
    found = find_root(lambda x: x**3 - cubes, np.zeros(4), np.full(4, 1e6))
    np.testing.assert_allclose(found, np.cbrt(cubes), rtol=1e-15)
    falling = find_root(lambda x: np.cos(x) - x, np.array([0.0]), np.array([1.0]))
    assert falling[0] == pytest.approx(0.7390851332151607, rel=1e-15)


@settings(max_examples=30, derandomize=True, deadline=None)
@given(root=st.floats(-50, 50), steep=st.floats(0.01, 20), width=st.floats(0.1, 1e3))
def test_a_monotone_function_changes_sign_at_the_root(root: float, steep: float, width: float) -> None:
    found = find_root(lambda x: np.arctan(steep * (x - root)), np.array([root - width]), np.array([root + 2 * width]))
    assert abs(found[0] - root) <= 1e-14 * max(1.0, abs(root)) + 1e-14 / steep


def test_a_root_at_an_end_is_found() -> None:
    found = find_root(lambda x: x - np.array([0.0, 1.0]), np.zeros(2), np.ones(2))
    assert found.tolist() == [0.0, 1.0]


def test_without_a_change_of_sign_there_is_none() -> None:
    def above(x: np.ndarray) -> np.ndarray:
        return x**2 + np.array([1.0, -4.0])

    low, high = np.zeros(2), np.full(2, 3.0)
    found = find_root(above, low, high)
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(2.0, rel=1e-15)
    assert root_or_end(above, low, high).tolist() == [3.0, found[1]]


def test_shapes_are_broadcast() -> None:
    assert find_root(lambda x: x - 0.25, 0.0, np.ones((2, 3))).shape == (2, 3)
