"""Held-out runs: scores of the largest from the cheaper, in a world where the right curve is known."""

from __future__ import annotations

import pytest
from simulated_tasks import scored, scored_runs

import quokka_laws as ql
from quokka_laws.evaluation.task_holdout import closer_methods


def test_the_right_curve_predicts_the_largest_runs() -> None:
    held = ql.hold_out_tasks(scored(), scored_runs(), [10.0]).held_out
    assert held is not None
    rows = held.set_index(["task", "method"])
    assert rows.loc[("hellaswag", "two-stage"), "error"] < 0.03
    assert rows.loc[("hellaswag", "two-stage"), "fitted"] + rows.loc[("hellaswag", "two-stage"), "held_out"] == 15
    assert rows.loc[("piqa", ""), "why"] == "TASK_AT_CHANCE"


def test_the_other_method_is_named_where_it_was_closer() -> None:
    found = ql.hold_out_tasks(scored(), scored_runs(), [10.0])
    assert found.held_out is not None
    errors = found.held_out.set_index("method")["error"]
    better = errors["direct"] * 1.5 < errors["two-stage"]
    assert [d.code for d in closer_methods(found)] == ["OTHER_METHOD_CLOSER"] * int(better)
    assert closer_methods(scored()) == ()


def test_too_few_runs_to_hold_out() -> None:
    with pytest.raises(ql.ArgumentError, match="no runs can be held out"):
        ql.hold_out_tasks(scored(), scored_runs(), [1.01])
