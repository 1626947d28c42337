"""Which rows of a long table are one run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quokka_laws.importers import import_runs
from quokka_laws.importers.attempts import labelled

STEPS = np.arange(100, 1100, 100)


def table(*parts: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True)


def part(steps: np.ndarray, shift: float = 0.0, **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"run": "base", "step": steps, "loss": 5 - steps / 1000 + shift, "n_params": 1e7, **columns})


def test_a_resumed_run_stays_one() -> None:
    labels, notes = labelled(table(part(STEPS[:6]), part(STEPS[3:])), "file", "step", None)
    assert set(labels) == {"base"}
    assert notes == []


@pytest.mark.parametrize("interleaved", [False, True])
def test_two_whole_runs_of_one_name_are_numbered_and_said(interleaved: bool) -> None:
    both = table(part(STEPS), part(STEPS, 0.1))
    if interleaved:
        both = both.sort_values("step", kind="stable", ignore_index=True)
    labels, notes = labelled(both, "file", "step", None)
    assert sorted(set(labels)) == ["base", "base#2"]
    assert both.groupby(labels)["loss"].apply(lambda loss: loss.diff().dropna().round(6).nunique()).tolist() == [1, 1]
    assert [(n.code, n.facts["names"]) for n in notes] == [("renamed", ["base", "base#2"])]


def test_seeds_and_settings_tell_runs_apart_but_a_schedule_does_not() -> None:
    seeds = table(part(STEPS, seed=0), part(STEPS, 0.1, seed=1))
    assert sorted(set(labelled(seeds, "file", "step", None)[0])) == ["base", "base#2"]
    decayed = part(STEPS, lr=1e-3 * (1 - STEPS / 2000))
    assert set(labelled(decayed, "file", "step", None)[0]) == {"base"}


def test_training_and_validation_of_one_step_stay_one_run(tmp_path: Path) -> None:
    rows = [{"run": "a", "step": s, "train_loss": 4.0, "n_params": 1e7} for s in STEPS]
    rows += [{"run": "a", "step": s, "val_loss": 4.1, "n_params": 1e7} for s in STEPS]
    pd.DataFrame(rows).sort_values("step", kind="stable").to_csv(tmp_path / "a.csv", index=False)
    runs = import_runs(tmp_path / "a.csv", tokens_per_step=1e5)
    assert runs[["run_id", "loss", "D"]].to_numpy().tolist() == [["a", 4.1, 1e8]]
