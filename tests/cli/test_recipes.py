"""``speedup`` reads one table and answers for every recipe but the baseline."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql
from quokka_laws.cli.app import main


@pytest.fixture
def table(tmp_path: Path) -> str:
    runs = sweep(ql.laws.Chinchilla(), TRUE_CHINCHILLA, runs=30, noise=0.002)[["N", "D", "loss"]]
    better = runs.assign(recipe="new", loss=runs["loss"] * 0.99)
    pd.concat([runs.assign(recipe="old"), better]).to_csv(tmp_path / "runs.csv", index=False)
    return str(tmp_path / "runs.csv")


def test_a_recipe_of_lower_loss_saves_compute(table: str) -> None:
    args = ["speedup", table, "--by", "recipe", "--baseline", "old", "--format", "json"]
    done = CliRunner().invoke(main, args)
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)
    assert {row["recipe"] for row in rows} == {"new"}
    for row in rows:
        assert row["multiplier"] > 1.0
        assert row["p_better"] > 0.99
    inside = rows[0]
    assert 0.005 < inside["loss_gain"] / inside["loss"] < 0.015  # every loss is one hundredth lower


def test_a_baseline_that_is_not_there(table: str) -> None:
    done = CliRunner().invoke(main, ["speedup", table, "--by", "recipe", "--baseline", "none"])
    assert done.exit_code in (1, 2)
    assert "none" in done.output
