"""Remarks: values inside, sentences with them, advice as Python or as options, rows shortened."""

from __future__ import annotations

import json

import pytest

from quokka_laws._spelling import on_command_line
from quokka_laws.runs.remarks import LISTED, ROUTINE, SENTENCES, Remark, named, row_of, sentence, tried


def test_back_from_plain_data() -> None:
    remark = Remark("read_as", {"column": "params", "canonical": "N"}, ("1", "2"), ({"drop": "D / N < 4"},))
    plain = remark.to_dict()
    assert plain["code"] == "read_as"
    assert json.loads(json.dumps(plain)) == plain
    assert remark.routine
    assert {"read_as", "derived"} <= ROUTINE


def test_many_rows_are_shortened() -> None:
    few, many = [f"r{i}" for i in range(LISTED)], [f"r{i}" for i in range(LISTED + 5)]
    assert all(row in named(few) for row in few)
    said = named(many)
    assert f"r{LISTED}" not in said.replace(",", " ").split()
    assert "5" in said


def test_advice_as_python_and_as_options() -> None:
    advice = [{"drop": "D / N < 4"}, {"flops": "2ND"}]
    python = tried(advice)
    with on_command_line():
        options = tried(advice)
    assert "drop='D / N < 4'" in python
    assert "flops='2ND'" in python
    assert '--drop "D / N < 4"' in options
    assert "--flops 2ND" in options
    assert "--" not in python


def test_codes_of_a_newer_version_are_shown_with_their_facts() -> None:
    said = sentence(Remark("no such code", {"n": 7}))
    assert "no such code" in said
    assert "7" in said
    assert Remark.from_dict("as older files hold it").to_dict()["text"] == "as older files hold it"
    assert Remark.from_dict(Remark("read_as", {"column": "a", "name": "N"}, ("1",)).to_dict()).rows == ("1",)


def test_a_fact_that_is_missing_is_no_error() -> None:
    for code, template in SENTENCES.items():
        assert sentence(Remark(code)), template


@pytest.mark.parametrize(
    ("record", "text"),
    [({"row": 3, "name": "base"}, "row 3 (base)"), ({"row": 3}, "row 3"), ({"run_id": "a"}, "run a"), ({}, "a row")],
)
def test_rows_by_number_and_name(record: dict, text: str) -> None:
    assert row_of(record) == text
