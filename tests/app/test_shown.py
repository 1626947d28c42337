"""What the page is given: plain values that pass between processes."""

from __future__ import annotations

import pickle

from quokka_laws.app.shown import Finding, Look, Offer


def test_they_pass_between_processes() -> None:
    look = Look(refused="no", offers=(Offer("try", {"reading": None}),))
    again = pickle.loads(pickle.dumps((look, Finding("so", "note"))))
    assert again[0].offers == look.offers
    assert again[0].left_out.empty
    assert again[1] == Finding("so", "note")
