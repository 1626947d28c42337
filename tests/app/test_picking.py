"""Rows that were picked: what is there can be left out, what was left out by hand can come back, and the command line says so."""

from __future__ import annotations

from quokka_laws.app.choices import File, Question, Reading
from quokka_laws.app.commands import command_line, python
from quokka_laws.app.picking import bring_back, named, of_rows


def test_rows_are_left_out_and_brought_back() -> None:
    (leave,) = of_rows(Reading(), [5, 3])
    assert leave.label == "Leave out rows 3, 5"
    gone = leave.changes["reading"]
    assert gone.rows == (3, 5)
    more, back = of_rows(gone, [5, 9], "Fit without")
    assert (more.label, more.changes["reading"].rows) == ("Fit without row 9", (3, 5, 9))
    assert (back.label, back.changes["reading"].rows) == ("Bring back row 5", (3,))
    (every,) = bring_back(gone)
    assert every.changes["reading"] == Reading()
    assert bring_back(Reading()) == of_rows(Reading(), []) == ()


def test_many_are_counted() -> None:
    assert named(range(1, 40)) == "these 39 rows"
    assert named(("run-9", "run-10")) == "rows run-9, run-10"


def test_they_are_a_condition_in_what_reproduces_the_page() -> None:
    choice = Reading((File("a.csv", ""),), drop=("D < 1",), rows=(3, 5))
    assert choice.options["drop"] == {"drop: D < 1": "D < 1", "drop: row in [3, 5]": "row in [3, 5]"}
    assert "--drop 'D < 1' --drop 'row in [3, 5]'" in command_line(choice, Question())
    assert "'row in [3, 5]'" in python(choice, Question())
