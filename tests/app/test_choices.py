"""Choices: what was typed as numbers or as faults, and reading with another column or condition."""

from __future__ import annotations

import pickle

import pytest

from quokka_laws.app.choices import File, Question, Reading


def test_budgets_are_read_as_the_command_line_reads_them() -> None:
    asked = Question(C="1e22, 1.5e23", U_D="100B")
    assert (asked.budgets, asked.unique) == ((1e22, 1.5e23), (1e11,))
    assert Question().budgets == ()
    assert asked.faults() == []


@pytest.mark.parametrize("text", ["ten", "1,5", "-1e22", "1e40"])
def test_what_is_no_budget_is_a_fault(text: str) -> None:
    assert len(Question(C=text).faults()) == 1


def test_a_column_is_mapped_once_and_unmapped_by_nothing() -> None:
    choice = Reading((File("a.csv", "1"),)).mapped("N", "p").mapped("N", "q", "M").mapped("D", "t")
    assert dict(choice.columns) == {"N": "q:M", "D": "t"}
    assert dict(choice.mapped("N", "").columns) == {"D": "t"}


def test_options_are_those_of_read_runs_that_are_not_defaults() -> None:
    assert Reading().options == {}
    choice = Reading(flops="as given", keep="N > 1", best_of=("lr",), loss_unit="perplexity").without("D < 1")
    assert choice.without("D < 1") is choice
    assert choice.options == {
        "flops": "as given",
        "keep": "N > 1",
        "best_of": ["lr"],
        "loss_unit": "perplexity",
        "drop": {"drop: D < 1": "D < 1"},
    }


def test_choices_are_values() -> None:
    choice = Reading((File("a.csv", "1"),), drop=("D < 1",))
    assert pickle.loads(pickle.dumps(choice)) == choice
    assert hash(choice) == hash(Reading((File("a.csv", "1"),), drop=("D < 1",)))
