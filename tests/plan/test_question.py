"""What is asked of a law: variables that the cost depends on, limits where none are given, coordinates."""

from __future__ import annotations

import numpy as np
import pytest

import quokka_laws as ql
from quokka_laws.exceptions import ArgumentError
from quokka_laws.plan.question import REACH, Question

FIT = ql.published["besiroglu-2024"]


def test_the_cost_depends_on_what_its_names_follow_from() -> None:
    asked = Question.of(FIT, ["N", "D"], "6*N*D", {}, {}, {})
    assert asked.priced >= {"N", "D"}
    x = asked.inputs(np.log([[1e9, 2e10]]), {})
    assert float(np.exp(asked.log_cost(x)).item()) == pytest.approx(1.2e20)
    assert not Question.of(FIT, ["N", "D"], None, {}, {}, {}).priced


def test_limits_reach_beyond_the_runs_unless_they_are_given() -> None:
    asked = Question.of(FIT, ["N", "D"], "6*N*D", {}, {"N": (1e8, 1e9)}, {})
    assert asked.limits["N"] == (1e8, 1e9)
    assert asked.at_limit("N", float(np.log(1e9)))
    low, high = FIT.fitted_range.get("D", (None, None)) if "D" in FIT.fitted_range else (1e3 * REACH, 1e20 / REACH)
    assert asked.limits["D"] == pytest.approx((low / REACH, high * REACH))
    with pytest.raises(ArgumentError, match="smaller"):
        Question.of(FIT, ["N", "D"], "6*N*D", {}, {"N": (1e9, 1e8)}, {})


def test_what_is_neither_chosen_nor_given_is_asked_for() -> None:
    with pytest.raises(ArgumentError, match="D"):
        Question.of(FIT, ["N"], None, {}, {}, {})
    with pytest.raises(ArgumentError, match="not both"):
        Question.of(FIT, ["N", "D"], None, {"N": 1e9}, {}, {})
