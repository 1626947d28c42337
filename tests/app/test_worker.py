"""What the worker makes of a task: a message of what came of it, progress told now and then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quokka_laws.app.tasks import TASKS
from quokka_laws.app.worker import Teller, work
from quokka_laws.exceptions import ArgumentError, OutputError


def fails(error: Exception) -> None:
    raise error


def test_results_refusals_and_faults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(TASKS, "abs", abs)
    monkeypatch.setitem(TASKS, "fails", fails)

    def done(task: str, argument: object) -> tuple[str, object]:
        return work(task, (argument,), 1e6, str(tmp_path / "told"))

    assert done("abs", -3) == ("done", 3)
    assert done("fails", ArgumentError("C is no budget")) == ("refused", "C is no budget")
    assert done("fails", OutputError("full")) == ("refused", "full")
    assert done("fails", MemoryError())[0] == "refused"
    kind, said = done("fails", KeyError("ours"))
    assert kind == "fault"
    assert "KeyError" in str(said)


def test_progress_is_told_at_its_ends_and_now_and_then(tmp_path: Path) -> None:
    told = set()
    teller = Teller(tmp_path / ".look.progress")
    for done in range(1001):
        teller("refits", done, 1000)
        told.add(tuple(json.loads(teller.file.read_text())))
    assert {("refits", 0.0), ("refits", 1.0)} <= told
    assert len(told) < 100
