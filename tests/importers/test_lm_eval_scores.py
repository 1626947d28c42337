"""From the harness's results to task accuracy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws import import_runs


def result(path: Path, model: str, **tasks: tuple[dict[str, float], int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = {
        "results": {task: values for task, (values, _) in tasks.items()},
        "n-samples": {task: {"original": n, "effective": n} for task, (_, n) in tasks.items()},
        "versions": {},
        "config": {"model": "hf", "model_args": f"pretrained={model}", "model_num_parameters": 7},
        "model_name": model,
    }
    path.write_text(json.dumps(data))


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Training runs, and the harness's results of each in two files, named by the paths of checkpoints."""
    rng = np.random.default_rng(0)
    N, ratio = (v.ravel() for v in np.meshgrid(np.geomspace(5e7, 2e9, 4), [5.0, 20.0, 80.0]))
    loss = (1.7 + 400 / N**0.34 + 410 / (N * ratio) ** 0.28) * np.exp(0.004 * rng.standard_normal(len(N)))
    runs = pd.DataFrame({"run_id": [f"m{i}" for i in range(len(N))], "N": N, "D": N * ratio, "loss": loss})
    runs.to_csv(tmp_path / "runs.csv", index=False)
    for name, value in zip(runs["run_id"], loss, strict=True):
        score = 0.25 + 0.7 / (1 + np.exp((value - 2.4) / 0.3))
        both = {"acc,none": score - 0.05, "acc_norm,none": score, "acc_norm_stderr,none": 0.004, "alias": "hellaswag"}
        result(tmp_path / "evals" / name / "results_1.json", f"ckpt/{name}/final", hellaswag=(both, 10042))
        result(tmp_path / "evals" / name / "results_2.json", f"ckpt/{name}/final", piqa=({"acc,none": 0.5}, 1838))
    return tmp_path


def test_scores_questions_and_the_loss_of_training(sweep: Path) -> None:
    table = import_runs(sweep / "evals", facts=sweep / "runs.csv")
    runs = pd.read_csv(sweep / "runs.csv")
    assert len(table) == len(runs)
    assert sorted(table["loss"]) == pytest.approx(sorted(runs["loss"]))
    assert set(table["hellaswag_questions"]) == {10042}
    assert (table["hellaswag_acc_norm"] - table["hellaswag_acc"]).tolist() == pytest.approx([0.05] * len(runs))
    assert "hellaswag_acc_norm_stderr" not in table


def test_from_import_to_a_prediction(sweep: Path) -> None:
    runs = ql.read_runs(import_runs(sweep / "evals", facts=sweep / "runs.csv"))
    fit = ql.fit("chinchilla", runs, objective="auto", bootstrap=100)
    found = ql.downstream(runs, fit)
    assert [t.name for t in found.tasks] == ["hellaswag_acc_norm", "piqa_acc"]
    assert [t.why for t in found.tasks] == ["", "TASK_AT_CHANCE"]
    assert found.tasks[0].questions == 10042
    row = found.predict(metric="hellaswag_acc_norm", N=6e9, D=3e11).iloc[0]
    loss = 1.7 + 400 / 6e9**0.34 + 410 / 3e11**0.28
    assert row["accuracy"] == pytest.approx(0.25 + 0.7 / (1 + np.exp((loss - 2.4) / 0.3)), abs=0.01)


def test_scores_without_a_loss_say_what_is_missing(sweep: Path) -> None:
    table = import_runs(sweep / "evals")
    assert "loss" not in table
    assert [note["code"] for note in table.attrs["notes"]] == ["scores_without_loss"]
