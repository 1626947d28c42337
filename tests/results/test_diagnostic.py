"""Diagnostics are data: plain, equal after a round trip, worded for Python or for the command line."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import quokka_laws as ql
from quokka_laws._spelling import on_command_line
from quokka_laws.results.diagnostic import Diagnostic, Known, Option, Severity

DROP = Diagnostic(
    "MISFIT",
    Severity.WARNING,
    {"rms": 0.08, "column": "sweep", "share": 0.7},
    ("a", "b"),
    (Option("keep", "sweep == 'x y'"),),
)


def test_round_trip_through_json() -> None:
    assert Diagnostic.from_dict(json.loads(json.dumps(DROP.to_dict()))) == DROP
    assert hash(Diagnostic.from_dict(DROP.to_dict())) == hash(DROP)


def test_what_to_try_is_written_for_the_reader() -> None:
    assert str(DROP.advice[0]) in DROP.sentence()
    with on_command_line():
        assert shlex.split(str(DROP.advice[0])) == ["--keep", "sweep == 'x y'"]
        assert str(DROP.advice[0]) in DROP.sentence()


def test_diagnostics_are_found_when_asked_for_and_kept(noisy_fit: ql.FitResult) -> None:
    asked = []

    def diagnose(fit: object) -> tuple[Diagnostic, ...]:
        asked.append(fit)
        return (DROP,)

    fit = replace(noisy_fit, diagnose=diagnose)
    assert asked == []
    assert fit.diagnostics == fit.diagnostics == (DROP,)
    assert len(asked) == 1
    assert replace(noisy_fit, diagnose=Known((DROP,))).diagnostics == (DROP,)
