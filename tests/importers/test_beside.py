"""Settings beside a log are facts of its run, and a run that is written twice is read once."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from quokka_laws.importers import import_runs
from quokka_laws.importers.beside import is_side, settings


def log(size: int, steps: int = 10) -> pd.DataFrame:
    return pd.DataFrame(
        {"step": range(1, steps + 1), "val_loss": [3 + size / 1e9 + 1 / step for step in range(1, steps + 1)]}
    )


def test_ray_tunes_folder_of_a_trial(tmp_path: Path) -> None:
    for k, size in enumerate((20_000_000, 80_000_000)):
        folder = tmp_path / f"trial_{k}_n_params={size}"
        folder.mkdir()
        table = log(size).assign(trial_id=f"t{k}", training_iteration=range(1, 11))
        (folder / "params.json").write_text(json.dumps({"n_params": size, "lr": 1e-3}))
        table.to_csv(folder / "progress.csv", index=False)
        table.to_json(folder / "result.json", orient="records", lines=True)
    runs = import_runs(tmp_path, tokens_per_step=1e6)
    assert runs["run_id"].tolist() == ["t0", "t1"]
    assert runs["N"].tolist() == [2e7, 8e7]
    assert runs["D"].tolist() == [1e7, 1e7]
    assert [note["code"] for note in runs.attrs["notes"]].count("written_twice") == 1
    assert runs.attrs["unread"] == []


def test_a_configuration_of_the_same_name(tmp_path: Path) -> None:
    for size in (10_000_000, 30_000_000):
        log(size).to_csv(tmp_path / f"run{size}.csv", index=False)
        (tmp_path / f"run{size}.json").write_text(json.dumps({"model": {"n_params": size}, "seed": 1}))
    runs = import_runs(tmp_path, tokens_per_step=1e6)
    assert sorted(runs["N"]) == [1e7, 3e7]


def test_settings_of_another_kind_of_folder_are_not_taken(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"n_params": 5}')
    (tmp_path / "a.json").write_text('[{"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.0}]')
    assert settings(tmp_path / "b.csv", alone=False) == {}
    assert settings(tmp_path / "a.csv", alone=False) == {}
    (tmp_path / "a.csv").write_text("step,loss\n1,3\n")
    assert is_side(tmp_path / "config.json")
    assert not is_side(tmp_path / "a.json")
