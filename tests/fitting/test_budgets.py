"""Budgets: runs of nearly equal C are one, whatever their order; dense checkpoints are not."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quokka_laws.fitting.budgets import BUDGET_TOLERANCE, WIDEST_BUDGET, group_budgets


def test_medians_of_groups() -> None:
    C = np.array([1e19, 1.05e18, 1e18, 0.98e18, 1.01e19])
    found = group_budgets(C, BUDGET_TOLERANCE)
    np.testing.assert_allclose(found, [1.005e19, 1e18, 1e18, 1e18, 1.005e19], rtol=1e-12)


@settings(max_examples=30, derandomize=True, deadline=None)
@given(st.lists(st.floats(1e17, 1e22), min_size=1, max_size=30), st.integers(0, 99))
def test_order_does_not_matter_and_no_budget_is_wide(costs: list[float], seed: int) -> None:
    C = np.array(costs)
    found = group_budgets(C, BUDGET_TOLERANCE)
    shuffled = np.random.default_rng(seed).permutation(len(C))
    assert (group_budgets(C[shuffled], BUDGET_TOLERANCE) == found[shuffled]).all()
    for budget in np.unique(found):
        member = C[found == budget]
        assert member.max() <= member.min() * WIDEST_BUDGET * (1 + 1e-12)


def test_dense_costs_do_not_chain_into_one_budget() -> None:
    C = np.geomspace(1e18, 1e20, 200)  # neighbours 2.3 % apart
    assert len(np.unique(group_budgets(C, 0.1))) >= np.log(100) / np.log(WIDEST_BUDGET) - 1


def test_costs_farther_apart_than_the_tolerance_are_budgets_of_their_own() -> None:
    C = np.array([1.0, 1.11, 1.3, 2.0])
    assert group_budgets(C, 0.1).tolist() == C.tolist()
