"""`downstream`, and `predict --metric`, `report` of what it writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from simulated_tasks import loss_law, scored_runs

from quokka_laws.cli.app import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    scored_runs().to_csv("runs.csv", index=False)
    loss_law().save("fit.json")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[str, str]:
    with pytest.raises(SystemExit) as end:
        main(list(words))
    told = capsys.readouterr()
    assert end.value.code == code, told.err
    return told.out, told.err


def test_from_runs_to_a_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["downstream", "runs.csv", "--fit", "fit.json", "-N", "7B", "-D", "140B"]
    out, _ = run(capsys, *words, "-o", "d.json", "--figure", "f.png")
    assert out.startswith("hellaswag: accuracy 0.")
    assert Path("f.png").stat().st_size > 10_000
    rows = json.loads(run(capsys, *words, "--json")[0])
    assert [r["task"] for r in rows] == ["hellaswag", "piqa"]
    again = json.loads(run(capsys, "predict", "d.json", "--metric", "hellaswag", "-N", "7B", "-D", "140B", "--json")[0])
    assert again == rows[:1]
    run(capsys, "report", "d.json", "-o", "r.md")
    page = Path("r.md").read_text()
    assert "## Task accuracy" in page
    assert "Accuracy: piqa" in page


def test_values_by_task_and_in_per_cent(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["downstream", "runs.csv", "--fit", "fit.json", "--metric", "hellaswag", "-C", "1e22", "--json"]
    plain = run(capsys, *base)[0]
    assert run(capsys, *base, "--chance", "hellaswag=25%", "--questions", "10042")[0] == plain
    other = json.loads(run(capsys, *base, "--chance", "0.2")[0])
    assert other[0]["accuracy"] != json.loads(plain)[0]["accuracy"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--metric", "boolq"], 2, "no such column"),
        (["--chance", "a lot"], 2, "expected a share such as 0.25"),
        (["--chance", "piqa="], 2, "write one value, or task=value"),
        (["--hold-out", "much"], 2, "factors of compute"),
        (["--metric", "hellaswag", "--ceiling", "0.1"], 2, "expected a share above chance"),
    ],
)
def test_mistakes(folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str) -> None:
    assert said in run(capsys, "downstream", "runs.csv", "--fit", "fit.json", *words, code=code)[1]


def test_a_law_alone_has_no_accuracy(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        "a law of the loss alone"
        in run(capsys, "predict", "fit.json", "-N", "7B", "-D", "1B", "--metric", "hellaswag", code=2)[1]
    )


def test_runs_of_one_ratio_by_a_law_of_compute(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    N = np.geomspace(5e7, 2e9, 9)
    loss = (1.7 + 200.0 * (120 * N**2) ** -0.115) * np.exp(0.002 * rng.standard_normal(9))
    score = 0.25 + 0.7 / (1.0 + np.exp((loss - 2.9) / 0.3))
    pd.DataFrame({"N": N, "D": 20 * N, "loss": loss, "hellaswag": score}).to_csv("one.csv", index=False)
    words = ["downstream", "one.csv", "--law", "E + K/C^kappa", "--bootstrap", "100", "-C", "1e22", "--json"]
    (row,) = json.loads(run(capsys, *words)[0])
    truth = 0.25 + 0.7 / (1.0 + np.exp((1.7 + 200.0 * 1e22**-0.115 - 2.9) / 0.3))
    assert row["C"] == 1e22
    assert abs(row["accuracy"] - truth) < 0.05
    assert "give one" in run(capsys, *words, "--fit", "fit.json", code=2)[1]
