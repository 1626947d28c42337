"""`compare` and `average` give what the library gives, on a table as people have it."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql
from quokka_laws.cli.app import main

READING = ["--columns", "N=weights_", "--drop", "loss > 10", "--law", "chinchilla", "--law", "kaplan"]


def table(*args: str) -> pd.DataFrame:
    done = CliRunner().invoke(main, list(args))
    assert done.exit_code == 0, done.output
    return pd.read_csv(io.StringIO(done.stdout))


@pytest.fixture
def odd_table(tmp_path: Path) -> Path:
    """Runs in columns that nobody could guess, with one that crashed."""
    runs = sweep(ql.laws.Chinchilla(), TRUE_CHINCHILLA, runs=40, noise=0.003)[["N", "D", "loss"]]
    path = tmp_path / "runs.csv"
    pd.concat([runs, pd.DataFrame({"N": [1e9], "D": [1e10], "loss": [11.0]})]).rename(columns={"N": "weights_"}).to_csv(
        path, index=False
    )
    return path


def test_compare(odd_table: Path) -> None:
    rows = table("compare", str(odd_table), *READING, "--bootstrap", "0", "--format", "csv")
    runs = ql.read_runs(odd_table, columns={"N": "weights_"}, drop="loss > 10")
    same = ql.compare([ql.laws.Chinchilla(), ql.laws.Kaplan()], runs, bootstrap=0)
    assert rows["error"].tolist() == pytest.approx(same.table["error"].tolist(), rel=1e-9)
    wrong = CliRunner().invoke(main, ["compare", str(odd_table), "--law", "chinchila"])
    assert wrong.exit_code == 2
    assert "did you mean 'chinchilla'" in wrong.stderr


def test_average(odd_table: Path) -> None:
    args = ["average", str(odd_table), *READING, "--format", "csv"]
    done = CliRunner().invoke(main, args)
    assert "of budgets they had not seen" in done.stderr
    assert set(pd.read_csv(io.StringIO(done.stdout))["distance"]) >= {"×1 to ×3"}
    assert CliRunner().invoke(main, [*args, "-N", "1B"]).exit_code == 2


def test_sensitivity_and_checklist(fitted: Path) -> None:
    rows = table("sensitivity", str(fitted), "-C", "1e22", "--format", "csv")
    assert rows["N"].iloc[0] == pytest.approx(ql.plan.compute_optimal(ql.read_fit(fitted), 1e22)["N"].iloc[0], rel=1e-6)
    assert len(rows) > 3
    said = CliRunner().invoke(main, ["checklist", str(fitted)])
    assert said.exit_code == 0
    assert "87 rows" in said.stdout
