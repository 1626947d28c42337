"""`plan --architecture` and `design --format torchtitan` write folders that a cluster launches."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from simulated_tasks import loss_law

from quokka_laws.cli.app import main


def run(*words: str, code: int = 0) -> None:
    with pytest.raises(SystemExit) as end:
        main(list(words))
    assert end.value.code == code


def test_the_run_of_a_plan(tmp_path: Path) -> None:
    out = tmp_path / "launch"
    run("plan", "-C", "1e19", "--law", "besiroglu-2024", "--architecture", str(out), "--lr", "1e-3", "--batch", "256k")
    (job,) = json.loads((out / "sweep_runs" / "jobs.json").read_text())
    facts = pd.read_csv(out / "facts.csv")
    assert job["lr"] == 1e-3
    assert job["batch"] * job["shape"]["context"] == pytest.approx(256e3, rel=0.01)
    assert facts["C"][0] == pytest.approx(1e19, rel=0.25)  # counted with attention, not 6ND
    assert (out / "runs" / "run01.sh").stat().st_mode & 0o100


@pytest.mark.parametrize("form", ["torchtitan", "megatron"])
def test_the_runs_of_a_design(tmp_path: Path, form: str) -> None:
    loss_law().save(tmp_path / "fit.json")
    out = tmp_path / "launch"
    run("design", str(tmp_path / "fit.json"), "--total", "2e20", "-C", "1e22", "--format", form, "-o", str(out))
    facts = pd.read_csv(out / "facts.csv")
    assert len(list((out / "runs").iterdir())) == len(facts) > 0
    assert facts["run_id"].is_unique


def test_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loss_law().save(tmp_path / "fit.json")
    base = ["plan", "-C", "1e19", "--law", "besiroglu-2024", "--architecture", str(tmp_path / "out")]
    for words, said in (
        ([*base, "--rule", "nobody-1999"], "--rule nobody-1999: there are"),
        ([*base, "--rule", "bjorck-2024"], "says nothing of --batch"),
        ([*base, "--lr", "-1"], "a learning rate is positive"),
        (
            ["design", str(tmp_path / "fit.json"), "--total", "1e19", "-C", "1e22", "--format", "megatron"],
            "writes a folder: give -o",
        ),
    ):
        run(*words, code=2)
        assert said in capsys.readouterr().err
