"""Series downloaded from TensorBoard's page, one file each."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from quokka_laws.exceptions import RunsError
from quokka_laws.importers import import_runs


def series(path: Path, losses: list[float], start: int = 100) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    steps = [start * (k + 1) for k in range(len(losses))]
    pd.DataFrame({"Wall time": [1.7e9 + s for s in steps], "Step": steps, "Value": losses}).to_csv(path, index=False)


def test_a_folder_is_a_run_and_its_files_are_series(tmp_path: Path) -> None:
    for size, low in (("30M", 3.2), ("90M", 3.0)):
        series(tmp_path / size / "eval_loss.csv", [low + 1 / k for k in range(1, 9)])
        series(tmp_path / size / "train_loss.csv", [low - 0.1 + 1 / k for k in range(1, 17)], start=50)
    runs = import_runs(tmp_path, name="{N}", tokens_per_step=1e5)
    assert runs["run_id"].tolist() == ["30M", "90M"]
    assert runs["loss"].tolist() == pytest.approx([3.325, 3.125])
    assert runs["D"].tolist() == [8e7, 8e7]


def test_run_and_tag_in_the_name_of_the_file(tmp_path: Path) -> None:
    for tag, low in (("val_loss", 3.0), ("train_loss", 2.9)):
        series(tmp_path / f"run-base_N40M-tag-{tag}.csv", [low + 1 / k for k in range(1, 9)])
    runs = import_runs(tmp_path, name="{}_N{N}", tokens_per_step=1e5)
    assert runs["run_id"].tolist() == ["base_N40M"]
    assert runs["metric"].tolist() == ["val_loss"]


def test_names_that_do_not_match_are_said_when_nothing_can_be_used(tmp_path: Path) -> None:
    series(tmp_path / "run-base-tag-val_loss.csv", [3.0, 2.9])
    with pytest.raises(RunsError, match="1 of 1 run names do not match"):
        import_runs(tmp_path, name="run-{N}", tokens_per_step=1e5)
