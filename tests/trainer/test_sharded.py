"""A model in parts, trained by two processes, is the one that a single process trains."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from reference_trainer.errors import TrainerError
from reference_trainer.execution import Execution
from reference_trainer.kept import load_model
from reference_trainer.spec import RunSpec
from reference_trainer.train import Interrupted, Trainer

SHARDED = Path(__file__).with_name("sharded_train.py")


@pytest.fixture
def spec(text_file: Path) -> RunSpec:
    """Sizes that two processes do not divide evenly: 13 sorts of letters and one more, times 18."""
    return RunSpec(
        corpus=str(text_file), width=18, depth=2, context=32, batch=8, tokens=8 * 32 * 40, evaluated_at=(8 * 32 * 20,),
        cooled_at=(8 * 32 * 40,), eval_sequences=32, eval_passes=2, init="mup", clip=0.1, head_size=6,
    )  # fmt: skip


def stop_at(spec: RunSpec, step: int, folder: Path) -> None:
    polls = iter(range(10_000))
    with pytest.raises(Interrupted):
        Trainer([spec], folder, stop=lambda: next(polls) >= step).run()


def losses(rows: list[dict]) -> dict[str, float]:
    return {row["row_id"]: row["loss"] for row in rows}


@pytest.mark.slow
def test_two_processes_with_a_part_each_equal_one(spec: RunSpec, tmp_path: Path, environment: dict[str, str]) -> None:
    """Whole runs of each objective, whatever else saves memory, and both ways through a checkpoint.

    In a cool-down branch, so that the trunk put aside is in parts as well. Gradients add in another order, hence 1e-4.
    """
    specs = {objective: replace(spec, objective=objective) for objective in ("masked", "uniform", "autoregressive")}
    rows = {name: Trainer([each], tmp_path / name, keep=tmp_path / name).run() for name, each in specs.items()}
    stop_at(spec, 38, tmp_path)  # what one process began, two go on with
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(SHARDED)]
    command = [*launch, str(tmp_path), *(json.dumps(each.to_dict()) for each in specs.values())]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    (said,) = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    for name in specs:
        for how in (name, f"{name} in parts"):
            assert losses(said[how]) == pytest.approx(losses(rows[name]), rel=1e-4)
        kept, alone = (load_model(tmp_path / at / rows[name][-1]["row_id"])[0] for at in (f"{name} kept", name))
        torch.testing.assert_close(kept.flat, alone.flat, rtol=1e-3, atol=1e-4)
    assert losses(said["continued"]) == pytest.approx(losses(rows["masked"]), rel=1e-4)
    # What two began, one goes on with.
    assert losses(Trainer([spec], tmp_path / "begun by two").run()) == pytest.approx(losses(rows["masked"]), rel=1e-4)
    # Parts are parts: two hold the weights, padding aside, and the moments are of their sizes.
    assert said["numbers"] == 3 * rows["masked"][0]["N_allocated"]


def test_one_process_has_nothing_to_share(spec: RunSpec, tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match=r"shard is for one run that several processes train: torchrun"):
        Trainer([spec], tmp_path, execution=Execution(shard=True))
    with pytest.raises(TrainerError, match="shard and compile do not go together"):
        Execution(shard=True, compile=True)
