"""Options of a law: held, tied, started and bounded, for named laws as for formulas."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from quokka_laws.cli.options import load_runs, with_settings
from quokka_laws.laws import Chinchilla, Formula

NOTHING: dict = {"fix": {}, "tie": {}, "start": {}, "bounds": {}, "variables": None}


def test_settings_of_a_named_law() -> None:
    given = {"fix": {"E": "1.8"}, "tie": {"beta": "alpha"}, "start": {"alpha": ".2:.4"}, "bounds": {"A": "1:1e4"}}
    law, params = with_settings(Chinchilla(), **{**NOTHING, **given})
    assert law == Chinchilla()
    assert params is not None
    assert (params["E"].value, params["E"].vary) == (1.8, False)
    assert params["beta"].expr == "alpha"
    assert params["alpha"].user_data == (0.2, 0.4)
    assert (params["A"].min, params["A"].max) == (1.0, 1e4)


def test_one_number_is_a_start_and_not_a_range() -> None:
    _, params = with_settings(Chinchilla(), **{**NOTHING, "start": {"alpha": "0.3"}})
    assert params is not None
    assert (params["alpha"].value, params["alpha"].user_data) == (0.3, None)


def test_settings_of_a_formula_are_its_own() -> None:
    law, params = with_settings(Formula("E + A/N^a"), **{**NOTHING, "fix": {"E": "1.8"}, "start": {"a": ".2:.4"}})
    assert params is None
    assert isinstance(law, Formula)
    assert (law.fixed, law.start) == ((("E", 1.8),), (("a", 0.2, 0.4),))


@pytest.mark.parametrize(
    "given", [{"fix": {"E": "1"}, "tie": {"E": "A"}}, {"variables": "N"}, {"fix": {"E": "low"}}], ids=str
)
def test_contradictions(given: dict) -> None:
    with pytest.raises(click.UsageError):
        with_settings(Chinchilla(), **{**NOTHING, **given})


def test_runs_from_one_path_or_several(tmp_path: Path) -> None:
    """A path alone is text, which is a sequence of letters, too."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("N,D,loss\n1e8,2e9,3.0\n2e8,4e9,2.9\n", encoding="utf-8")
    reading: dict = {"columns": {}, "flops": "6ND", "drop": (), "keep": None, "best_of": None, "bytes_per_token": None}
    one = str(tmp_path / "a.csv")
    assert len(load_runs(one, **reading, state={})) == 2
    assert len(load_runs((one,), **reading, state={})) == 2
