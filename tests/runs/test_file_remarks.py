"""Remarks of files: every code has a sentence with its facts in it."""

from __future__ import annotations

import string

import pytest

from quokka_laws.runs.file_remarks import ROUTINE, SENTENCES, sentence, sentences


@pytest.mark.parametrize("code", list(SENTENCES))
def test_every_fact_is_said(code: str) -> None:
    fields = [name for _, name, _, _ in string.Formatter().parse(SENTENCES[code]) if name]
    facts = {name: f"fact{i}" for i, name in enumerate(fields)}
    said = sentence({"code": code, **facts}, "runs.csv")
    assert said.startswith("runs.csv: ")
    assert all(fact in said for fact in facts.values())


def test_lists_are_joined_and_routine_ones_left_out() -> None:
    assert "a, b" in sentence({"code": "shared", "names": ["a", "b"]})
    said = sentences([{"code": "shape", "shape": "a list"}, {"code": "comments", "n": 7}])
    assert {"shape"} == ROUTINE
    assert len(said) == 1
    assert "7" in said[0]
