"""The array script is one that Slurm takes, and its jobs train all runs, each once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from reference_trainer.export import export
from reference_trainer.records import read_rows
from reference_trainer.spec import RunSpec

# Long options of sbatch (https://slurm.schedmd.com/sbatch.html) that the script may use.
KNOWN = {"job-name", "array", "output", "open-mode", "cpus-per-task", "mem", "time", "signal", "requeue", "gpus"}


@pytest.mark.slow
def test_jobs_train_all_runs(text_file: Path, tmp_path: Path) -> None:
    base = RunSpec(
        objective="autoregressive", width=8, depth=1, batch=8, context=32, tokens=4096, eval_sequences=16,
        corpus=str(text_file),
    )  # fmt: skip
    runs = [replace(base, width=width) for width in (8, 16)]
    export(runs, "slurm", tmp_path / "gpu", device="cuda")
    script = (tmp_path / "gpu" / "sweep.sbatch").read_text()
    assert "#SBATCH --gpus=1\n" in script
    assert "#SBATCH --array=0-1\n" in script
    out = tmp_path / "cpu"
    export(runs, "slurm", out, device="cpu")
    script = (out / "sweep.sbatch").read_text()
    assert {o.partition("=")[0] for o in re.findall(r"^#SBATCH --(\S+)$", script, re.M)} <= KNOWN
    assert "--gpus" not in script
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name, line in (("srun", 'exec "$@"'), ("python", f'exec {sys.executable} "$@"')):
        (bin_ / name).write_text(f"#!/bin/sh\n{line}\n")
        (bin_ / name).chmod(0o755)
    for task in (0, 1, 1):  # one is submitted twice
        subprocess.run(
            ["bash", "sweep.sbatch"], cwd=out, check=True, capture_output=True,
            env={**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}", "SLURM_ARRAY_TASK_ID": str(task)},
        )  # fmt: skip
    rows = list(read_rows(out / "runs" / "runs.jsonl"))
    assert sorted(row["run_id"] for row in rows) == sorted(run.run_id for run in runs)
    assert {row["status"] for row in rows} == {"ok"}
