"""Runs that a cluster launches: sizes of the table, scripts that run, and logs that come back as the same runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws import architectures
from quokka_laws.exceptions import ArgumentError
from quokka_laws.importers import import_runs

TABLE = pd.DataFrame(
    {"N": [2e7, 8e7], "D": [4e8, 1.6e9], "lr": [3e-3, 2e-3], "batch_tokens": [65536, 131072], "seed": [0, 1]}
)
# What torchtitan 0.3 prints, in the form of its metrics and trainer.
STAND_IN = """\
import json, sys
name = sys.argv[sys.argv.index("--config") + 1]
job = next(j for j in json.load(open("sweep_runs/jobs.json")) if j["name"] == name)
total, batch, context = TOTAL[job["run_id"]], job["batch"], job["shape"]["context"]
print(f"[titan] 2026-01-01 00:00:00,000 - root - INFO - Model llama3 {job['run_id']} size: {total:,} total parameters")
print(f"[titan] - root - INFO - Trainer is initialized with local batch size 1, global batch size {batch}, gradient accumulation "
      f"steps 1, sequence length {context}, total steps {job['steps']} (warmup {job['warmup_steps']})")
for step in range(job["log_every"], job["steps"] + 1, job["log_every"]):
    print(f"[titan] - root - INFO - step: {step:2}  loss: {2.0 + 100 / step:7.4f}  grad_norm: 1.0  memory: 1.0GiB(1%)")
print(f"[titan] - root - INFO - validate step: {job['steps']:2}  loss: {2.0 + 1e7 / total:7.4f}  memory: 1.0GiB(1%)")
"""


def runs() -> list[architectures.Launch]:
    return architectures.runs_of(TABLE, vocabulary=32000, context=1024)


def test_sizes_and_steps_are_those_of_the_table() -> None:
    for run, (_, row) in zip(runs(), TABLE.iterrows(), strict=True):
        assert run.facts["N"] == pytest.approx(row["N"], rel=0.03)
        assert run.tokens == pytest.approx(row["D"], rel=run.batch * run.context / row["D"])
        assert run.facts["C"] == architectures.count(run.shape, 1024).training_flops_per_token * run.tokens
        assert run.batch * run.context == row["batch_tokens"]
        assert 1 <= run.warmup <= 2000


def test_torchtitan_scripts_train_and_their_logs_come_back(tmp_path: Path) -> None:
    scripts = architectures.launch(runs(), "torchtitan", tmp_path)
    jobs = json.loads((tmp_path / "sweep_runs" / "jobs.json").read_text())
    assert [j["seed"] for j in jobs] == [0, 1]
    totals = {run.run_id: run.facts["N"] for run in runs()}
    (tmp_path / "stand_in.py").write_text(f"TOTAL = {totals!r}\n{STAND_IN}")
    (tmp_path / "fake").write_text('#!/usr/bin/env bash\nshift 2\nexec "$PYTHON" stand_in.py "$@"\n')
    (tmp_path / "fake").chmod(0o755)
    for script in scripts:
        subprocess.run(
            ["bash", str(script)],
            check=True,
            env={"LAUNCH": "./fake", "PATH": os.environ["PATH"], "PYTHON": sys.executable},
        )
    back = import_runs(tmp_path / "logs", facts=tmp_path / "facts.csv").set_index("run_id")
    read = ql.read_runs(back.reset_index(), flops="as given")
    assert read["N"].tolist() == list(totals.values())
    assert read["D"].tolist() == [run.tokens for run in runs()]
    assert read["C"].tolist() == pytest.approx([run.facts["C"] for run in runs()])
    assert read["loss"].tolist() == pytest.approx([2.0 + 1e7 / n for n in totals.values()], abs=1e-4)


def test_megatron_scripts_are_shell(tmp_path: Path) -> None:
    for script in architectures.launch(runs(), "megatron", tmp_path):
        assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
        text = script.read_text()
        run = next(r for r in runs() if r.run_id == script.stem)
        assert f"--train-iters {run.steps} " in text
        assert f"--num-layers {run.shape.layers} " in text


@pytest.mark.parametrize(
    ("table", "form", "said"),
    [
        (TABLE, "slurm", "form = 'slurm'"),
        (TABLE.assign(D=1e5), "torchtitan", "steps of 65,536 tokens"),
        (TABLE.assign(run_id="a"), "torchtitan", "run_id a is given more than once"),
    ],
)
def test_mistakes(table: pd.DataFrame, form: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=said):
        architectures.launch(architectures.runs_of(table, context=1024), form, tmp_path)


def test_torchtitan_itself_builds_the_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torchtitan", reason="needs torchtitan 0.3 and a torch with triton")
    architectures.launch(runs(), "torchtitan", tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    import torch
    from sweep_runs import config_registry  # type: ignore[import-not-found]

    for run in runs():
        config = getattr(config_registry, f"run_{run.run_id}")()
        with torch.device("meta"):
            model = config.model_spec.model.build()
        assert sum(p.numel() for p in model.parameters()) == run.facts["N"]
    for name in ("sweep_runs", "sweep_runs.config_registry"):  # other exports have a package of this name
        sys.modules.pop(name)
