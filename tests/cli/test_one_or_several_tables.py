"""Commands that take one table and commands that take several read the same rows."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from click.testing import CliRunner
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql
from quokka_laws.cli.app import main
from quokka_laws.cli.options import load_runs


def test_one_table_is_given_as_a_path_or_a_list_of_one(tmp_path: Path) -> None:
    path = str(tmp_path / "runs.csv")
    law = ql.laws.Chinchilla()
    sweep(law, TRUE_CHINCHILLA, noise=0.01, runs=40).to_csv(path, index=False)
    options = {
        "columns": {},
        "flops": "6ND",
        "drop": (),
        "keep": None,
        "best_of": None,
        "bytes_per_token": None,
        "state": {},
    }
    pd.testing.assert_frame_equal(load_runs(path, **options), load_runs([path], **options))  # type: ignore[arg-type]
    done = CliRunner().invoke(main, ["compare", path, "--law", "chinchilla", "--holdout", "100", "--bootstrap", "0"])
    assert done.exit_code == 0, done.output
