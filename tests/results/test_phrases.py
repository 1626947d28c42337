"""Pieces of sentences."""

from __future__ import annotations

import pytest

from quokka_laws.results.phrases import CELLS_NAMED, cells_named, chance, listed, to_try


def test_rows_and_cells_are_cut_short_with_their_number() -> None:
    assert listed(["a"]) == "row a"
    assert listed([str(k) for k in range(10)]).endswith("and 2 more")
    assert cells_named([f"N = {k}" for k in range(CELLS_NAMED + 4)]).endswith("and 4 more")


@pytest.mark.parametrize(("p", "text"), [(0.0312, "p = 0.031"), (1e-7, "p < 0.001")])
def test_chances(p: float, text: str) -> None:
    assert chance(p) == text


def test_what_to_try_or_a_full_stop() -> None:
    assert to_try(["--drop x", "--keep y"]) == " Try --drop x or --keep y."
    assert to_try([]) == ""
    assert to_try([], ":") == "."
    assert to_try(["a"], ":") == ": a."
