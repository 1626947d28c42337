"""CSV, JSON lines and Parquet: one run per file or many in one, curves or points."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from logs import RUNS, TOKENS_PER_STEP, jsonl
from synthetic import TRUE_CHINCHILLA

import quokka_laws as ql
from quokka_laws.importers import import_runs


def recovered(runs: pd.DataFrame) -> None:
    assert ql.fit(ql.laws.Chinchilla(), ql.read_runs(runs)).values == pytest.approx(TRUE_CHINCHILLA, rel=1e-6)


def test_one_file_per_run(tmp_path: Path) -> None:
    jsonl(tmp_path / "logs")
    (tmp_path / "logs" / "config.json").write_text("{}")  # not a log
    runs = import_runs(tmp_path / "logs", columns={"loss": "val/ce"})
    assert sorted(runs["run_id"]) == sorted(f"{run.N / 1e6:g}M-{run.steps}" for run in RUNS)
    recovered(runs)
    files = sorted((tmp_path / "logs").glob("*.jsonl"))
    recovered(import_runs(files, columns={"loss": "val/ce"}))


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_many_runs_in_a_long_table(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"log.{suffix}"
    table = pd.concat(
        pd.DataFrame({"run": run.name, "step": run.step, "loss": run.loss, "n_params": run.N, "note": "é"})
        for run in RUNS
    )
    if suffix == "csv":
        table.to_csv(path, index=False, sep=";", decimal=",")
    elif suffix == "parquet":
        table.to_parquet(path)
    else:
        table.to_json(path, orient="records", lines=True)
    runs = import_runs(path, tokens_per_step=TOKENS_PER_STEP)
    assert set(runs["note"]) == {"é"}
    recovered(runs)


def test_names_of_files_and_folders(tmp_path: Path) -> None:
    for run in RUNS[:2]:
        folder = tmp_path / f"N{run.N:.0f}"
        folder.mkdir(exist_ok=True)
        pd.DataFrame({"iter": run.step, "val_loss": run.loss}).to_csv(folder / f"d{run.steps}.csv", index=False)
    runs = import_runs(tmp_path, name="N{N}/d{}", tokens_per_step=TOKENS_PER_STEP)
    assert runs["run_id"].tolist() == ["N30000000/d1000", "N30000000/d4000"]
    assert runs["D"].tolist() == [run.D for run in RUNS[:2]]
    for i, run in enumerate(RUNS[:2]):
        (tmp_path / "b" / f"run-{i}").mkdir(parents=True)
        pd.DataFrame({"iter": run.step, "val_loss": run.loss}).to_csv(tmp_path / "b" / f"run-{i}" / "metrics.csv")
    ids = import_runs(tmp_path / "b", tokens_per_step=1e6, name="run-{N}")["run_id"]
    assert ids.tolist() == ["run-0", "run-1"]


def test_points_pass_through(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"  # as the reference trainer writes it
    rows = [
        {"run_id": "a", "N": 1e8, "D": d, "loss": 3.0 - d / 1e11, "status": "ok", "phase": "cooled"} for d in (1e9, 2e9)
    ]
    path.write_text("\n".join(json.dumps(r) for r in [*rows, {"run_id": "b", "N": 1e8, "status": "diverged"}]))
    runs = import_runs(path)
    assert runs["D"].tolist()[:2] == [1e9, 2e9]
    assert runs["status"].tolist() == ["ok", "ok", "diverged"]
    assert runs.attrs["notes"][0]["code"] == "points"
    curves = import_runs(path, columns={"step": "D", "D": "D"})
    assert curves["run_id"].tolist() == ["a", "b"]


def test_points_without_a_status(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    table = pd.DataFrame({"params": ["1M", "2M"], "tokens": ["1B", "2B"], "val_loss": [3.1, 3.0]})
    table.to_csv(path, index=False)
    assert import_runs(path)["N"].tolist() == ["1M", "2M"]


def test_planned_tokens_that_are_the_same_in_every_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    pd.DataFrame({"step": np.arange(1, 101), "tokens": 5e9, "n_params": 1e8, "loss": 3.0}).to_csv(path, index=False)
    assert import_runs(path).loc[0, "D"] == 5e9
    short = import_runs(path, tokens_per_step=1e7).loc[0]
    assert (short["status"], short["reason"]) == ("stopped", "stopped after 1e+09 of 5e+09 tokens")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("step,loss\n", "no rows"),
        ("step,loss\n1,3.4\n2,oops\n", r"a\.csv: column loss, row 2: 'oops' is not a number"),
        ("step,speed\n1,3.4\n", "no loss that is recognised; it has step, speed. Say --columns loss=NAME"),
        ("when,loss\n1,3.4\n", "nothing says how many"),
        ("when,speed\n1,3.4\n", "no column of steps and none of the loss"),
        ("step,tokens,total_tokens,loss\n1,2,3,3.4\n", r"tokens, total_tokens could all be D; say which"),
    ],
)
def test_what_cannot_be_read_is_explained(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(ql.RunsError, match=said):
        import_runs(path)


def test_facts_from_a_table(tmp_path: Path) -> None:
    path, facts = tmp_path / "log.csv", tmp_path / "facts.csv"
    pd.DataFrame({"run": ["a"] * 9, "step": range(9), "loss": 3.0}).to_csv(path, index=False)
    facts.write_text("run_id;N;D\na;1,3B;26B\n")
    assert import_runs(path, facts=facts).loc[0, ["N", "D"]].tolist() == [1.3e9, 2.6e10]
    for text, said in (
        ("size;N\na;1\n", "no column names the run"),
        ("run_id,N\na,1\na,2\n", "a occurs more than once"),
        ("run_id,N\na,big\n", "row 1: 'big' is not a number"),
    ):
        facts.write_text(text)
        with pytest.raises(ql.RunsError, match=said):
            import_runs(path, facts=facts)


def test_two_folders_with_runs_of_one_name(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        jsonl(tmp_path / folder, RUNS[:1])
    runs = import_runs([tmp_path / "a", tmp_path / "b"], columns={"loss": "val/ce"})
    assert runs["run_id"].tolist() == ["30M-1000", "30M-1000#2"]
    assert runs.attrs["notes"] == [{"code": "another", "name": "30M-1000", "became": "30M-1000#2"}]
