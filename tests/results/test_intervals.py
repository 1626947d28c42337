"""Intervals: quantiles of known draws, failed refits left out, "never" kept apart, levels checked."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quokka_laws.exceptions import ArgumentError
from quokka_laws.results.intervals import (
    bounds,
    check_level,
    interval_with_never,
    percentile_interval,
    standard_error,
    usable_level,
    with_level,
)


def test_quantiles_of_known_draws() -> None:
    draws = np.column_stack([np.arange(101.0), 10 * np.arange(101.0)])
    lower, upper = percentile_interval(draws, 0.9)
    assert lower.tolist() == pytest.approx([5.0, 50.0])
    assert upper.tolist() == pytest.approx([95.0, 950.0])


def test_failed_refits_are_left_out() -> None:
    draws = np.r_[np.arange(101.0), np.full(50, np.nan)]
    assert percentile_interval(draws, 0.9) == (pytest.approx(5.0), pytest.approx(95.0))


def test_the_standard_error_of_normal_draws_is_their_deviation() -> None:
    draws = np.random.default_rng(0).normal(3.0, 0.2, 50_000)
    assert standard_error(draws) == pytest.approx(0.2, rel=0.02)
    wild = draws.copy()
    wild[:500] = 1e6  # one in a hundred
    assert standard_error(wild) == pytest.approx(0.2, rel=0.05)


@settings(max_examples=30, derandomize=True, deadline=None)
@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=40), st.sampled_from([0.5, 0.9, 0.95]))
def test_without_never_it_encloses_the_percentiles(values: list[float], level: float) -> None:
    draws = np.array(values)[:, None]
    lower, upper = interval_with_never(draws, level)
    inner_lower, inner_upper = percentile_interval(draws, level)
    assert lower[0] <= inner_lower[0] + 1e-9
    assert upper[0] >= inner_upper[0] - 1e-9
    assert {lower[0], upper[0]} <= set(values)


def test_never_is_an_end_and_not_averaged() -> None:
    few = np.r_[np.arange(1.0, 100.0), [np.inf]][:, None]
    lower, upper = interval_with_never(few, 0.9)
    assert np.isfinite([lower[0], upper[0]]).all()
    many = np.r_[np.arange(1.0, 91.0), [np.inf] * 10][:, None]
    assert interval_with_never(many, 0.9)[1][0] == np.inf
    with_nan = np.r_[many.ravel(), [np.nan] * 30][:, None]
    assert interval_with_never(with_nan, 0.9)[0][0] == interval_with_never(many, 0.9)[0][0]


def test_columns_that_are_ends_of_intervals() -> None:
    table = pd.DataFrame([[0.0] * 5], columns=["N", "N_lower", "N_upper", "N_flat_lower", "loss"])
    assert bounds(table) == ["N_lower", "N_upper"]
    assert list(with_level(table.copy(), 0.9)) == ["N", "N_lower", "N_upper", "level", "N_flat_lower", "loss"]
    assert "level" not in with_level(table.copy(), None)
    assert "level" not in with_level(table[["N", "N_flat_lower"]].copy(), 0.9)


def test_a_level_is_used_where_there_are_draws() -> None:
    with_draws, without = SimpleNamespace(has_intervals=True), SimpleNamespace()
    assert usable_level(with_draws, 0.9) == 0.9
    assert usable_level(with_draws, None) is None
    assert usable_level(without, 0.9) is None


@pytest.mark.parametrize("level", [0.0, 1.0, 95, -0.5, float("nan")])
def test_levels_that_are_none(level: float) -> None:
    with pytest.raises(ArgumentError):
        check_level(level)
    with pytest.raises(ArgumentError):
        usable_level(None, level)


def test_where_every_refit_failed_there_is_no_interval_and_no_warning() -> None:
    draws = np.array([[1.0, np.nan], [2.0, np.nan], [3.0, np.nan]])
    lower, upper = percentile_interval(draws, 0.9)
    assert np.isfinite([lower[0], upper[0]]).all()
    assert np.isnan([lower[1], upper[1]]).all()
