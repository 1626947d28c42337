"""Warnings become sentences of the command line: each once, in order, none leaks."""

from __future__ import annotations

import warnings

import pytest

from quokka_laws.cli.heard import heard
from quokka_laws.exceptions import FarOutside


def test_an_answer_and_its_warnings() -> None:
    def ask() -> int:
        for text in ("first", "second", "first"):
            warnings.warn(text, FarOutside, stacklevel=1)
        return 7

    assert heard(ask) == (7, ["first", "second"])
    assert heard(lambda: 1) == (1, [])


def test_errors_pass() -> None:
    with pytest.raises(KeyError):
        heard(lambda: {}["x"])
