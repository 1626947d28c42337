"""The lowest loss along a budget: the closed form of Chinchilla's law, to rounding, for many coefficients at once."""

from __future__ import annotations

import numpy as np
import pytest

import quokka_laws as ql
from quokka_laws.plan.budget_path import solve
from quokka_laws.plan.question import Question

FIT = ql.published["besiroglu-2024"]


@pytest.mark.parametrize("budget", [1e18, 1e22, 1e26])
def test_the_closed_form(budget: float) -> None:
    asked = Question.of(FIT, ["N", "D"], "6*N*D", {}, {}, {})
    alpha = np.array([0.30, 0.348, 0.40])
    values = {k: np.full(3, v) for k, v in FIT.values.items()} | {"alpha": alpha}
    found = solve(asked, values, budget, {})
    assert found is not None
    v = FIT.values
    G = (alpha * v["A"] / (v["beta"] * v["B"])) ** (1 / (alpha + v["beta"]))
    N = G * (budget / 6) ** (v["beta"] / (alpha + v["beta"]))
    assert np.exp(found.z[:, 0]) == pytest.approx(N, rel=1e-9)
    assert np.exp(found.z).prod(axis=1) * 6 == pytest.approx(budget, rel=1e-9)


def test_nothing_is_affordable() -> None:
    asked = Question.of(FIT, ["N"], "6*D*1e9", {"D": 1e12}, {}, {})
    assert solve(asked, {k: np.array([v]) for k, v in FIT.values.items()}, 1e10, {}) is None
