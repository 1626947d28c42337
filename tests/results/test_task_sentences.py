"""Each code of task accuracy has a sentence that says its numbers, and advice in the spelling of the door."""

from __future__ import annotations

import inspect

import pytest

from quokka_laws._spelling import on_command_line
from quokka_laws.results.diagnostic import Diagnostic
from quokka_laws.results.sentences import SENTENCES
from quokka_laws.results.task_sentences import SENTENCES as OF_TASKS

TEXTS = {
    "task": "quiz",
    "names": ["quiz", "other"],
    "better": "two-stage",
    "worse": "direct",
    "closer": "direct",
    "holdout": "×3",
}


@pytest.mark.parametrize("code", OF_TASKS)
def test_numbers_are_said(code: str) -> None:
    words = [p for p in inspect.signature(OF_TASKS[code]).parameters if p not in ("rows", "tries")]
    numbers = {k: TEXTS.get(k, 7 if k in ("of", "runs", "above") else 0.123) for k in words}
    said = Diagnostic(code, numbers=numbers, rows=("r1", "r2")).sentence()
    assert SENTENCES[code] is OF_TASKS[code]
    assert said.endswith((".", "?"))
    assert "{" not in said
    assert all(str(TEXTS[k]) in said for k in words if k in ("task", "better", "worse"))


def test_advice_is_spelt_for_the_door() -> None:
    told = Diagnostic("QUESTIONS_UNKNOWN", numbers={"task": "quiz"})
    assert "questions=10042" in told.sentence()
    with on_command_line():
        assert "--questions 10042" in told.sentence()
