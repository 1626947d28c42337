"""Training: what a run is does not depend on packing, processes, kills or evaluation batches."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from reference_trainer import corpus as corpora
from reference_trainer.errors import TrainerError
from reference_trainer.execution import Execution
from reference_trainer.records import read_rows
from reference_trainer.spec import RunSpec
from reference_trainer.train import Interrupted, Trainer


@pytest.fixture
def spec(text_file: Path) -> RunSpec:
    return RunSpec(
        corpus=str(text_file), width=16, depth=1, context=32, batch=8, tokens=8 * 32 * 60, cooled_at=(8 * 32 * 60,),
        evaluated_at=(8 * 32 * 30,), eval_sequences=32, eval_passes=2,
    )  # fmt: skip


def numbers(rows: list[dict]) -> list[dict]:
    """Rows without what may differ between two times of the same run."""
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def train(specs: RunSpec | list[RunSpec], folder: Path, **options: object) -> list[dict]:
    return Trainer(specs if isinstance(specs, list) else [specs], folder, **options).run()  # type: ignore[arg-type]


@pytest.mark.parametrize("objective", ["masked", "uniform", "autoregressive"])
def test_learns_and_repeats_bit_for_bit(spec: RunSpec, tmp_path: Path, objective: str) -> None:
    spec = replace(spec, objective=objective)
    first, second = (train(spec, tmp_path) for _ in range(2))
    assert numbers(first) == numbers(second)
    assert first[-1]["loss"] < np.log(256) - 1.0
    assert first[-1]["cooled_loss"] == first[-1]["loss"]
    assert "cooled_loss" not in first[0]  # a trunk row has no annealed loss: the two never share a column
    assert first[0]["phase"] == "trunk"


def test_row_is_consistent(spec: RunSpec, tmp_path: Path) -> None:
    row = train(spec, tmp_path)[-1]
    assert row["C"] == 6 * row["N"] * row["D"]
    assert row["epochs"] == row["D"] / row["U_D"]
    assert row["N_total"] == row["N_embedding"] + row["N_nonembedding"]
    assert row["N"] == row["N_active"] == row["N_total"] - 16  # one row is for tokens that never occur
    assert 0 < row["train_loss"] < np.log(row["vocabulary"])
    assert row["bits_per_byte"] == pytest.approx(row["loss"] / np.log(2))
    assert row["val_se_mc"] > 0
    assert row["val_se_data"] > 0


def test_packed_models_equal_separate_ones(spec: RunSpec, tmp_path: Path) -> None:
    pack = [spec, replace(spec, seed=4), replace(spec, lr=0.5 * spec.lr), replace(spec, unique_tokens=8 * 32 * 5)]
    packed = train(pack, tmp_path)
    for k, one in enumerate(pack):
        for together, alone in zip(packed[k :: len(pack)], train(one, tmp_path), strict=True):
            assert together["row_id"] == alone["row_id"]
            assert together["loss"] == pytest.approx(alone["loss"], rel=1e-5)


def test_pack_whose_runs_want_different_points(spec: RunSpec, tmp_path: Path) -> None:
    """Each gets the rows that it asked for, and one whose last point is past is through."""
    per_step = 8 * 32
    pack = [
        replace(spec, unique_tokens=per_step * 10, cooled_at=(40 * per_step,), evaluated_at=(30 * per_step,)),
        replace(spec, seed=1, cooled_at=(60 * per_step,), evaluated_at=(20 * per_step, 30 * per_step)),
    ]
    packed = train(pack, tmp_path)
    for one in pack:
        mine, alone = [row for row in packed if row["run_id"] == one.run_id], train(one, tmp_path)
        assert [row["row_id"] for row in mine] == [row["row_id"] for row in alone]
        assert [row["loss"] for row in mine] == pytest.approx([row["loss"] for row in alone], rel=1e-5)


def test_points_of_one_step_are_one_row(spec: RunSpec, tmp_path: Path) -> None:
    rows = train(replace(spec, cooled_at=(10_240, 10_241), evaluated_at=()), tmp_path)
    assert [row["D"] for row in rows] == [10_240]


def test_a_run_may_be_all_cool_down(spec: RunSpec, tmp_path: Path) -> None:
    (row,) = train(replace(spec, cooldown=1.0, evaluated_at=()), tmp_path)
    assert (row["phase"], row["D"]) == ("cooled", spec.tokens)


def test_run_that_stops_early_leaves_the_pack_to_the_others(spec: RunSpec, tmp_path: Path) -> None:
    """Few unique tokens overfit at a high rate; the rows are those of separate runs, however far the other goes on."""
    marks = tuple(8 * 32 * k for k in range(20, 161, 20))
    long = replace(
        spec, objective="autoregressive", tokens=marks[-1], cooled_at=(), evaluated_at=marks, early_stop=0.1, warmup=10
    )
    pack = [replace(long, unique_tokens=8 * 32, lr=0.01), replace(long, lr=0.001)]
    packed = train(pack, tmp_path)
    for one in pack:
        alone = train(one, tmp_path)
        mine = [row for row in packed if row["run_id"] == one.run_id]
        assert [row["row_id"] for row in mine] == [row["row_id"] for row in alone]
        assert [row.get("stopped") for row in mine] == [row.get("stopped") for row in alone]
        # Overfitting magnifies the rounding of sums in another order.
        assert [row["loss"] for row in mine] == pytest.approx([row["loss"] for row in alone], rel=0.15)
    counts = [sum(row["run_id"] == one.run_id for row in packed) for one in pack]
    assert counts[0] < counts[1] == len(marks)


def test_only_like_runs_are_packed(spec: RunSpec, tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="may differ only in seed, lr, unique_tokens and"):
        Trainer([spec, replace(spec, width=8)], tmp_path)


def test_stopping_and_resuming_gives_the_same_bits(spec: RunSpec, tmp_path: Path) -> None:
    whole = train(spec, tmp_path)
    for stop_at in (7, 35, 55):  # in the trunk, after its evaluation, in the cool-down branch
        polls = iter(range(10_000))
        with pytest.raises(Interrupted):
            train(spec, tmp_path, stop=lambda polls=polls, at=stop_at: next(polls) >= at)
        saved = torch.load(tmp_path / f"{spec.run_id}.pt", weights_only=True)
        assert (saved["step"], saved["branch_step"]) == {7: (7, 0), 35: (35, 0), 55: (48, 55)}[stop_at]
        assert numbers(train(spec, tmp_path)) == numbers(whole)
        (tmp_path / f"{spec.run_id}.pt").unlink()


def test_kill_dash_nine_and_resume_gives_the_same_bits(
    spec: RunSpec, tmp_path: Path, environment: dict[str, str]
) -> None:
    spec = replace(spec, tokens=8 * 32 * 400, cooled_at=(8 * 32 * 400,), evaluated_at=(8 * 32 * 200,))
    whole = train(spec, tmp_path / "whole")
    out = tmp_path / "killed"
    (out / "checkpoints").mkdir(parents=True)
    script = (
        "import json, sys, reference_trainer.train as t\n"
        "from pathlib import Path\n"
        "from reference_trainer.execution import Execution\n"
        "from reference_trainer.records import append_rows\n"
        "spec = t.RunSpec.from_dict(json.loads(sys.argv[1]))\n"
        "often = Execution(save_every=0.05)\n"
        "rows = t.Trainer([spec], Path(sys.argv[2]) / 'checkpoints', execution=often).run()\n"
        "append_rows(rows, Path(sys.argv[2]) / 'runs.jsonl')\n"
    )
    command = [sys.executable, "-c", script, json.dumps(spec.to_dict()), str(out)]
    kills = 0
    for wait in (0.15, 0.4):
        child = subprocess.Popen(command, env=environment)
        checkpoint = out / "checkpoints" / f"{spec.run_id}.pt"
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        deadline = time.monotonic() + 60
        while child.poll() is None and time.monotonic() < deadline:
            if checkpoint.exists() and checkpoint.stat().st_mtime_ns > before:
                time.sleep(wait)
                break
            time.sleep(0.01)
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
            kills += 1
        child.wait()
    assert kills >= 1
    subprocess.run(command, env=environment, check=True)
    assert numbers(list(read_rows(out / "runs.jsonl")))[-len(whole) :] == numbers(whole)


def test_two_processes_equal_one(spec: RunSpec, tmp_path: Path, environment: dict[str, str]) -> None:
    (alone,) = train(replace(spec, evaluated_at=()), tmp_path)
    options = {k: v for k, v in replace(spec, evaluated_at=()).to_dict().items() if v not in ("", [])}
    arguments = [
        f"--{k.replace('_', '-')}={','.join(map(str, v)) if isinstance(v, list) else v}" for k, v in options.items()
    ]
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [*launch, "-m", "reference_trainer", "train", *arguments, "--out", str(tmp_path / "two")]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    (together,) = read_rows(tmp_path / "two" / "runs.jsonl")
    assert together["run_id"] == alone["run_id"]
    assert together["loss"] == pytest.approx(alone["loss"], rel=1e-4)  # the sum of gradients is ordered differently


@pytest.mark.slow
def test_processes_that_share_a_batch_stop_together(spec: RunSpec, tmp_path: Path, environment: dict[str, str]) -> None:
    """Only the second is told to stop; both do at the same step, and the checkpoint continues."""
    script = tmp_path / "stop_one.py"
    script.write_text(
        "import json, os, sys, torch, reference_trainer.train as t\n"
        "from pathlib import Path\n"
        "torch.distributed.init_process_group('gloo')\n"
        "spec, out = t.RunSpec.from_dict(json.loads(sys.argv[1])), Path(sys.argv[2])\n"
        "tell = sys.argv[3] == 'stop' and os.environ['RANK'] == '1'\n"
        "try:\n"
        "    rows = t.Trainer([spec], out, stop=lambda: tell).run()\n"
        "    (out / f\"rows-{os.environ['RANK']}\").write_text(json.dumps(rows))\n"
        "except t.Interrupted:\n"
        "    (out / f\"stopped-{os.environ['RANK']}\").touch()\n"
        "torch.distributed.destroy_process_group()\n"
    )
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    for tell in ("stop", "go on"):
        command = [*launch, json.dumps(spec.to_dict()), str(tmp_path), tell]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr[-3000:]
    assert {path.name for path in tmp_path.glob("stopped-*")} == {"stopped-0", "stopped-1"}
    rows = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("rows-*"))]
    assert numbers(rows[0]) == numbers(rows[1])
    assert [row["D"] for row in rows[0]] == [8 * 32 * 30, 8 * 32 * 60]


def test_divergence_is_a_row_without_a_loss(spec: RunSpec, tmp_path: Path) -> None:
    rows = train(replace(spec, lr=1e30, clip=1e30), tmp_path)
    assert rows[-1]["status"] == "nan"
    assert "loss" not in rows[-1]
    json.dumps(rows, allow_nan=False)


def test_early_stop_is_marked(spec: RunSpec, tmp_path: Path) -> None:
    marks = tuple(8 * 32 * k for k in (10, 20, 30, 40, 50, 60))
    # nothing beats the first evaluation by a negative margin of −10 nats: stops at the third
    rows = train(replace(spec, cooled_at=(), evaluated_at=marks, early_stop=-10.0), tmp_path)
    assert len(rows) == 3
    assert {row["stopped"] for row in rows} == {"early"}
    assert {row["status"] for row in rows} == {"ok"}


def test_checkpoint_of_another_corpus_is_refused(spec: RunSpec, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(spec, tmp_path, stop=lambda: True)
    other = corpora.synthetic(1, tokens=50_000, held_out=5_000)
    with pytest.raises(TrainerError, match="belongs to another spec or corpus"):
        train(spec, tmp_path, corpus=other)


def test_validation_does_not_depend_on_training_options(spec: RunSpec, tmp_path: Path) -> None:
    rows = [
        train(replace(spec, **change), tmp_path)[-1]
        for change in ({"sampler": "iid-t", "schedule": "cosine"}, {"weighting": "maskgit"}, {"seed": 9})
    ]
    assert len({row["val_hash"] for row in rows}) == 1


def test_missing_device_is_one_clear_error(spec: RunSpec, tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="not one of cpu, cuda"):
        Trainer([spec], tmp_path, execution=Execution(device="tpu"))
    if not torch.cuda.is_available():
        with pytest.raises(TrainerError, match="torch sees no CUDA device; use --device cpu"):
            Trainer([spec], tmp_path, execution=Execution(device="cuda"))


def test_what_cannot_be_computed_so_is_refused(spec: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TrainerError, match="accumulate = 9 parts of 8 sequences: at most 8"):
        Trainer([spec], tmp_path, execution=Execution(accumulate=9))
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(TrainerError, match=r"compile needs a C\+\+ compiler, no-such-compiler, on a CPU"):
        Trainer([spec], tmp_path, execution=Execution(compile=True))
