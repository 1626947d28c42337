"""Starts: what is searched and where, and rows that stand for others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quokka_laws.fitting.starts import GRID, candidates, thin
from quokka_laws.laws import Chinchilla, Kaplan, Law, Skaling

LAW = Chinchilla()
ALL = np.ones(5, dtype=bool)


def no_bounds(law: Law) -> tuple[np.ndarray, np.ndarray]:
    count = len(law.coefficients)
    return np.full(count, -np.inf), np.full(count, np.inf)


def test_two_exponents_get_a_grid_over_their_ranges() -> None:
    found = candidates(LAW, ALL, no_bounds(LAW), count=512, seed=0)
    assert found.shape == (GRID**2, 5)
    assert not found[:, [0, 1, 3]].any()  # amplitudes are solved, not searched
    for j in (2, 4):
        assert len(np.unique(found[:, j])) == GRID
        assert (found[:, j].min(), found[:, j].max()) == LAW.coefficients[j].start


def test_more_than_two_fill_their_box() -> None:
    law = Skaling()
    found = candidates(law, np.ones(6, dtype=bool), no_bounds(law), count=500, seed=3)
    assert len(found) == 512
    for j, c in enumerate(law.coefficients):
        if c.kind == "amplitude":
            continue
        low, high = np.log(c.start) if c.is_log else c.start
        quarter = np.histogram(found[:, j], bins=4, range=(low, high))[0]
        assert quarter.sum() == 512  # none outside
        assert quarter == pytest.approx(128, abs=2)
    again = candidates(law, np.ones(6, dtype=bool), no_bounds(law), count=500, seed=3)
    assert (found == again).all()


def test_bounds_cut_the_range_and_replace_one_that_lies_outside() -> None:
    lower, upper = no_bounds(LAW)
    lower[2], upper[2] = 0.3, 0.4
    lower[4], upper[4] = 2.0, 3.0  # beyond the usual 0.05 to 1.5
    found = candidates(LAW, ALL, (lower, upper), count=512, seed=0)
    assert (found[:, 2].min(), found[:, 2].max()) == (0.3, 0.4)
    assert (found[:, 4].min(), found[:, 4].max()) == (2.0, 3.0)


def test_fixed_coefficients_and_own_ranges() -> None:
    free = ALL.copy()
    free[4] = False
    found = candidates(LAW, free, no_bounds(LAW), count=512, seed=0, ranges={2: (0.2, 0.25)})
    assert len(found) == GRID
    assert (found[:, 2].min(), found[:, 2].max()) == (0.2, 0.25)
    assert not found[:, 4].any()


def test_ranges_of_scales_are_logarithmic() -> None:
    law = Kaplan()
    free = np.array([True, False, False, False])
    found = candidates(law, free, no_bounds(law), count=8, seed=0, ranges={0: (1e12, 1e14)})
    assert np.exp(found[:, 0].min()) == pytest.approx(1e12)
    assert np.median(np.exp(found[:, 0])) == pytest.approx(1e13)


def test_nothing_to_search_is_one_candidate() -> None:
    only_E = np.array([True, False, False, False, False])
    assert candidates(LAW, only_E, no_bounds(LAW), count=512, seed=0).shape == (1, 5)


def test_few_rows_stand_for_themselves() -> None:
    chosen, counts = thin(30, None, np.ones(30), limit=30, seed=0)
    assert chosen.tolist() == list(range(30))
    assert counts.tolist() == [1.0] * 30


@settings(max_examples=20, derandomize=True, deadline=None)
@given(runs=st.integers(1, 12), each=st.integers(20, 60), seed=st.integers(0, 100))
def test_counts_add_up_to_the_rows_of_each_run(runs: int, each: int, seed: int) -> None:
    groups = np.random.default_rng(seed).permutation(np.repeat(np.arange(runs), each))
    order = np.random.default_rng(seed + 1).uniform(1e8, 1e11, len(groups))
    chosen, counts = thin(len(groups), groups, order, limit=runs * 10, seed=seed)
    assert (np.diff(chosen) > 0).all()
    assert len(chosen) <= runs * 10
    for run in range(runs):
        member = groups[chosen] == run
        assert counts[member].sum() == each
        ends = order[groups == run].min(), order[groups == run].max()
        assert set(ends) <= set(order[chosen[member]])  # the ends of a run are kept


def test_many_rows_without_runs_are_drawn_alike() -> None:
    chosen, counts = thin(1000, None, np.ones(1000), limit=100, seed=5)
    assert len(np.unique(chosen)) == 100
    assert counts.tolist() == [10.0] * 100
    again, _ = thin(1000, None, np.ones(1000), limit=100, seed=5)
    assert chosen.tolist() == again.tolist()
