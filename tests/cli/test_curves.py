"""The command `curves`: a forecast a line, and a table for programs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from click.testing import CliRunner

from quokka_laws.cli.app import main


def write(path: Path, share: float) -> str:
    at = np.linspace(0.01, 1.0, 100)
    parts = [
        pd.DataFrame(
            {
                "run": str(N),
                "params": N,
                "tokens": at * 20 * N,
                "val_loss": 1.8 + 480 / N**0.35 + 2100 / (at * 20 * N) ** 0.37,
            }
        )
        for N in (3e7, 6e7, 1.2e8)
    ]
    table = pd.concat(parts).assign(D_final=lambda t: 20 * t["params"])
    table[(table["params"] < 1e8) | (table["tokens"] <= share * table["D_final"])].to_csv(path, index=False)
    return str(path)


def test_a_line_a_run_and_a_table_for_programs(tmp_path: Path) -> None:
    path = write(tmp_path / "logs.csv", 0.3)
    done = CliRunner().invoke(main, ["curves", path, "--schedule", "constant", "--json"])
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)
    assert row["share"] < 0.31
    assert row["loss_lower"] < row["loss"] < row["loss_upper"]
    told = CliRunner().invoke(main, ["curves", path, "--schedule", "constant"])
    assert told.stdout.startswith("120000000.0: ")


def test_finished_runs_show_the_law(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["curves", write(tmp_path / "logs.csv", 1.0), "--schedule", "constant"])
    assert done.exit_code == 0, done.output
    assert "3 finished runs" in done.stdout


def test_refusals(tmp_path: Path) -> None:
    path = write(tmp_path / "logs.csv", 0.3)
    assert CliRunner().invoke(main, ["curves", path, "--schedule", "sine"]).exit_code == 2
    done = CliRunner().invoke(main, ["curves", path])
    assert done.exit_code == 1
    assert "has no learning rates" in " ".join(done.stderr.split())
