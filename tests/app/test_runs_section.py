"""Names of dropped files that are equal stay apart."""

from __future__ import annotations

import pytest

pytest.importorskip("streamlit", reason="the application needs quokka-laws[app]")

from quokka_laws.app.runs_section import CANONICAL, _free
from quokka_laws.runs.columns import ALIASES


def test_equal_names() -> None:
    assert _free("a.csv", set()) == "a.csv"
    assert _free("a.csv.gz", {"a.csv.gz", "a-2.csv.gz"}) == "a-3.csv.gz"
    assert _free("a", {"a"}) == "a-2"


def test_selects_are_of_canonical_columns() -> None:
    assert set(CANONICAL) <= set(ALIASES)
