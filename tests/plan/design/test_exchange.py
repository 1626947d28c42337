"""Sets keep their budget, and are no worse than the best of all small sets."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from quokka_laws.plan.design.exchange import best_set, in_order
from quokka_laws.plan.design.expected_error import Beliefs, Trained


@pytest.fixture(scope="module")
def start() -> Trained:
    rng = np.random.default_rng(3)
    J, g = rng.standard_normal((2, 9, 3)), rng.standard_normal((2, 2, 3))
    return Beliefs(
        J, g, np.stack([np.eye(3)] * 2), np.full(2, 0.5), 0.3, np.zeros((9, 9)), np.zeros((9, 2)), np.zeros(2)
    ).with_none()


def test_as_good_as_the_best_of_all_sets_within_a_tenth(start: Trained) -> None:
    cost = np.array([1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0])
    end = best_set(start, cost, 5.0)
    assert cost[end.chosen].sum() <= 5.0
    best = np.inf
    for size in (1, 2, 3, 4):
        for some in combinations(range(9), size):
            if cost[list(some)].sum() <= 5.0:
                now = start
                for i in some:
                    now = now.change(i, 1.0)
                best = min(best, now.error())
    assert end.error() <= 1.1 * best


def test_order_is_by_what_helps_most(start: Trained) -> None:
    end = best_set(start, np.ones(9), 4.0)
    order = in_order(start, end)
    assert sorted(order) == sorted(np.flatnonzero(end.chosen).tolist())
    assert start.change(order[0], 1.0).error() == pytest.approx(min(start.errors(1.0, np.array(order))))


def test_at_least_so_many(start: Trained) -> None:
    assert best_set(start, np.ones(9), 9.0, fewest=7).chosen.sum() >= 7
    assert best_set(start, np.ones(9), 3.0, fewest=7).chosen.sum() <= 3
