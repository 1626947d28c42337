"""Curves reach TensorBoard and W&B with their own libraries, and their absence is one clear error."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from reference_trainer import jobs
from reference_trainer.errors import TrainerError
from reference_trainer.loggers import open_log
from reference_trainer.records import read_rows
from reference_trainer.spec import RunSpec


@pytest.fixture
def spec(text_file: Path) -> RunSpec:
    return RunSpec(
        corpus=str(text_file), width=8, depth=1, context=32, batch=8, tokens=8 * 32 * 60, eval_sequences=16, eval_passes=2
    )  # fmt: skip


def train(spec: RunSpec, out: Path, log: str) -> dict:
    assert jobs.train_job(jobs.Job([spec.to_dict()], str(out), log=log)) == {spec.run_id: "ok"}
    (row,) = read_rows(out / "runs.jsonl")
    return row


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the protobuf that tensorboard brings
def test_tensorboard_gets_training_and_validation_losses_by_tokens(spec: RunSpec, tmp_path: Path) -> None:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="needs tensorboard")
    row = train(spec, tmp_path, "tensorboard")
    events = reader.EventAccumulator(str(tmp_path / "tensorboard" / spec.run_id))
    events.Reload()
    (cooled,) = events.Scalars("cooled_loss")
    assert (cooled.step, cooled.value) == (row["D"], pytest.approx(row["loss"], rel=1e-6))
    trained = events.Scalars("train_loss")
    assert [e.step for e in trained] == [0, 50 * spec.tokens_per_step]
    assert trained[-1].value < trained[0].value


def test_wandb_gets_them_too(spec: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a stand-in with W&B's three calls; the real library starts a service of its own."""
    logged: list[dict] = []

    class Run:
        def log(self, values: dict) -> None:
            logged.append(values)

        def finish(self) -> None:
            logged.append({"finished": True})

    class Engine:
        @staticmethod
        def init(**options: object) -> Run:
            logged.append(options)
            return Run()

    monkeypatch.setitem(sys.modules, "wandb", Engine)  # type: ignore[arg-type]
    row = train(spec, tmp_path, "wandb")
    assert logged[0]["id"] == spec.run_id
    json.dumps(logged)
    assert logged[-2] == {"tokens": row["D"], "cooled_loss": row["loss"]}
    assert logged[-1] == {"finished": True}


@pytest.mark.parametrize("kind", ["tensorboard", "wandb"])
def test_absent_library_is_named_with_its_extra(
    spec: RunSpec, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, kind, None)
    with (
        pytest.raises(TrainerError, match=rf'needs {kind}: pip install "quokka-laws\[{kind}\]"'),
        open_log(kind, [spec], tmp_path),
    ):
        pass


def test_unknown_kind_is_named(spec: RunSpec, tmp_path: Path) -> None:
    with (
        pytest.raises(TrainerError, match="log 'mlflow' is not one of tensorboard, wandb"),
        open_log("mlflow", [spec], tmp_path),
    ):
        pass
