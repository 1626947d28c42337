"""Limits: from the environment, where it says any."""

from __future__ import annotations

import pytest

from quokka_laws.app.limits import LARGEST_FILE, LONGEST, Limits


def test_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LARGEST_FILE, raising=False)
    monkeypatch.setenv(LONGEST, "30")
    assert Limits.of_environment() == Limits(seconds=30.0)
    monkeypatch.setenv(LARGEST_FILE, "5M")
    assert Limits.of_environment() == Limits(5e6, 30.0)
