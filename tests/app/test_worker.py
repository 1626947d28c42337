"""The worker's pieces: what came of a task as a message, progress told now and then."""

from __future__ import annotations

import io
import pickle

from quokka_laws.app.worker import _done, _Teller
from quokka_laws.exceptions import ArgumentError, OutputError


def fails(error: Exception) -> None:
    raise error


def test_results_refusals_and_faults() -> None:
    assert _done(abs, (-3,)) == ("done", 3)
    assert _done(fails, (ArgumentError("C is no budget"),)) == ("refused", "C is no budget")
    assert _done(fails, (OutputError("full"),)) == ("refused", "full")
    assert _done(fails, (MemoryError(),))[0] == "refused"
    kind, said = _done(fails, (KeyError("ours"),))
    assert kind == "fault"
    assert "KeyError" in said


def test_progress_is_told_at_its_ends_and_now_and_then() -> None:
    out = io.BytesIO()
    teller = _Teller(out)
    for done in range(1001):
        teller("refits", done, 1000)
    out.seek(0)
    told = []
    while out.tell() < len(out.getbuffer()):
        told.append(pickle.load(out))
    assert told[0] == ("progress", "refits", 0, 1000)
    assert told[-1] == ("progress", "refits", 1000, 1000)
    assert len(told) < 100
