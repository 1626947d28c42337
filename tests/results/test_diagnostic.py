"""Diagnostics are data: plain, equal after a round trip, worded for Python or for the command line."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import quokka_laws as ql
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
    assert DROP.advice[0].python() in DROP.sentence()
    words = shlex.split(DROP.advice[0].command())
    assert words == ["--keep", "sweep == 'x y'"]
    assert DROP.advice[0].command() in DROP.sentence(command_line=True)


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
