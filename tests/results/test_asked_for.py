"""A name that a fit does not have ends in one that it has, and what is said of it works."""

from __future__ import annotations

import copy
import pickle

import pytest

import quokka_laws as ql
from quokka_laws.results.asked_for import ELSEWHERE

LAW = ql.FittedLaw(ql.laws.Chinchilla(), {"E": 1.7, "A": 400.0, "alpha": 0.34, "B": 410.0, "beta": 0.28})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("alpha", r"fit\.values\['alpha'\]"),
        ("optimal", r"ql\.plan\.compute_optimal"),
        ("predicts", "did you mean predict"),
        ("q", "'q'$"),
    ],
)
def test_what_was_meant_is_said(name: str, said: str) -> None:
    with pytest.raises(AttributeError, match=said):
        getattr(LAW, name)
    assert not hasattr(LAW, name)


def test_what_is_said_is_there(noisy_fit: ql.FitResult) -> None:
    for name, how in ELSEWHERE.items():
        assert not hasattr(ql.FitResult, name), name
        for part in how.split(", or "):
            if part.startswith(("fit.", "ql.")) and "save" not in part:
                eval(part.split(",  ")[0].partition(", of ")[0], {"fit": noisy_fit, "ql": ql})


def test_a_property_that_fails_says_why_itself() -> None:
    class Failing(ql.FittedLaw):
        """A law with a fault of its own."""

        @property
        def broken(self) -> float:
            return self.values.nothing  # type: ignore[attr-defined]

    with pytest.raises(AttributeError, match="'dict' object has no attribute 'nothing'"):
        Failing(LAW.law, LAW.values).broken  # noqa: B018


def test_copies_and_pickles_are_as_before() -> None:
    assert copy.deepcopy(LAW) == pickle.loads(pickle.dumps(LAW)) == LAW
