"""Which rows are one run."""

from __future__ import annotations

import numpy as np
import pandas as pd

import quokka_laws as ql


def test_seeds_of_one_name_are_runs_of_their_own() -> None:
    table = pd.DataFrame({"name": ["a"] * 3 + ["b"] * 3, "N": [1e7] * 3 + [3e7] * 3, "D": 2e8, "seed": [0, 1, 2] * 2})
    runs = ql.read_runs(table.assign(loss=np.linspace(5, 4, 6)))
    assert runs["run_id"].tolist() == ["a", "a#2", "a#3", "b", "b#2", "b#3"]
    assert "seeds" in [note["code"] for note in runs.attrs["notes"]]
    unnamed = ql.read_runs(table.drop(columns="seed").assign(loss=np.linspace(5, 4, 6)))
    assert unnamed["run_id"].nunique() == 6


def test_checkpoints_of_a_run_stay_together_whatever_its_learning_rate_does() -> None:
    D = np.arange(1, 6) * 1e8
    table = pd.DataFrame({"run_name": "a", "N": 1e7, "D": D, "lr": 1e-3 * (1 - D / 6e8), "loss": 5 - D / 1e9})
    runs = ql.read_runs(pd.concat([table, table.assign(run_name="b", N=3e7, loss=table["loss"] - 0.3)]))
    assert runs["run_id"].tolist() == ["a"] * 5 + ["b"] * 5


def test_an_id_comes_before_a_name() -> None:
    table = pd.DataFrame({"Name": ["x", "x", "y"], "ID": ["p", "q", "r"], "N": [1e7, 1e7, 2e7], "D": [2e8, 4e8, 2e8]})
    assert ql.read_runs(table.assign(loss=[5.0, 4.9, 4.8]))["run_id"].tolist() == ["x (p)", "x (q)", "y"]


def test_names_of_an_index_survive_to_messages_and_to_the_table() -> None:
    table = pd.DataFrame(
        {"N": [1e7, 2e7, 4e7], "D": 2e8, "loss": [5.0, np.nan, 4.6]}, index=["small", "middle", "large"]
    )
    runs = ql.read_runs(table)
    assert runs.index.tolist() == ["small", "large"]
    assert [e["row"] for e in runs.attrs["excluded"]] == ["middle"]
    named = ql.read_runs(table.rename_axis("run_id"))
    assert named["run_id"].tolist() == ["small", "large"]


def test_a_column_of_checkpoints_makes_the_rows_of_a_model_one_run() -> None:
    rows = [
        {"model": f"m{n:g}", "params": n, "checkpoint": step, "tokens": step * 2e6, "loss": 4 - 0.1 * step / 1000}
        for n in (7e7, 1.6e8)
        for step in (1000, 2000, 4000)
    ]
    runs = ql.read_runs(pd.DataFrame(rows))
    assert runs["run_id"].nunique() == 2
    unordered = pd.DataFrame(rows).assign(checkpoint=[3, 1, 2, 3, 1, 2])  # does not rise with the tokens
    assert "run_id" not in ql.read_runs(unordered)
    assert "run_id" not in ql.read_runs(pd.DataFrame(rows).drop(columns="checkpoint"))
