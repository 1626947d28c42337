"""TensorBoard: files of the real library, and what can be wrong with them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from logs import RUNS, Run, tensorboard
from synthetic import TRUE_CHINCHILLA

import quokka_laws as ql
from quokka_laws.importers import import_runs


def recovered(runs: object) -> None:
    fit = ql.fit(ql.laws.Chinchilla(), ql.read_runs(runs))
    assert fit.values == pytest.approx(TRUE_CHINCHILLA, rel=1e-3)  # event files keep 32-bit floats


def test_the_law_comes_back(tmp_path: Path) -> None:
    tensorboard(tmp_path)
    runs = import_runs(tmp_path, name="quokka")
    assert len(runs) == len(RUNS)
    assert set(runs["status"]) == {"ok"}
    assert set(runs["loss_split"]) == {"validation"}
    recovered(runs)


def test_tokens_from_a_tag_and_checkpoints(tmp_path: Path) -> None:
    tensorboard(tmp_path, tokens="seen")
    runs = import_runs(tmp_path, name="{}_{N:M}_{}", columns={"D": "seen"}, checkpoints=True)
    assert runs.groupby("run_id").size().tolist() == [40] * len(RUNS)
    fit = ql.fit(ql.laws.Chinchilla(), ql.read_runs(runs), bootstrap=5, seed=0)
    assert fit.values == pytest.approx(TRUE_CHINCHILLA, rel=1e-3)
    assert "run_id" in fit.report()


def test_torch_writer_and_tensor_scalars(tmp_path: Path) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
    from tensorboard.util.tensor_util import make_tensor_proto
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path / "torch_1e8")) as torch_writer:
        torch_writer.add_text("notes", "words are not scalars")
        torch_writer.add_histogram("weights", np.arange(5.0), 0)
        for step in range(1, 11):
            torch_writer.add_scalar("train/loss", 5.0 - 0.1 * step, step)
    writer = EventFileWriter(str(tmp_path / "tf_2e8"))
    for step in range(1, 11):
        value = Summary.Value(tag="train/loss", tensor=make_tensor_proto(np.float32(4.0 - 0.1 * step)))
        writer.add_event(Event(step=step, summary=Summary(value=[value])))
    writer.close()
    runs = import_runs(tmp_path, name="{}_{N}", tokens_per_step="1k").set_index("run_id")
    assert runs.loc["torch_1e8", ["N", "D", "loss"]].tolist() == pytest.approx([1e8, 1e4, 4.0])
    assert runs.loc["tf_2e8", ["N", "D", "loss"]].tolist() == pytest.approx([2e8, 1e4, 3.0])


def test_resumed_runs_and_writers_side_by_side(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    def write(tag: str, steps: range, value: float, suffix: str) -> None:
        with SummaryWriter(str(tmp_path / "1e8"), filename_suffix=suffix) as writer:
            for step in steps:
                writer.add_scalar(tag, value, step)

    write("val/loss", range(1, 101), 5.0, ".a")
    write("val/loss", range(51, 151), 3.0, ".b")  # resumed from step 50
    write("tokens", range(1, 151), 7e6, ".c")
    made = import_runs(tmp_path, name="{N}", final="last:100", tokens_per_step=10).iloc[0]
    assert made["loss"] == 3.0
    assert "steps go back: 50 logged before were replaced" in made["remark"]


def test_truncated_file_is_used_and_said(tmp_path: Path) -> None:
    tensorboard(tmp_path, RUNS[:2])
    path = next(tmp_path.rglob("*tfevents*"))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2 + 3])
    runs = import_runs(tmp_path, name="{}_{N:M}_{}", tokens_per_step=2**18).set_index("run_id")
    cut = runs.loc[path.parent.name]
    assert f"{path.name} is cut off or damaged after" in cut["remark"]
    assert cut["step"] < runs["step"].max()
    assert cut["reason"] == "its log is cut off"
    for tokens in (None, 2**18):
        planned = import_runs(tmp_path, name="quokka", tokens_per_step=tokens).set_index("run_id")
        assert planned.loc[path.parent.name, "status"] == "stopped"


def test_a_plan_that_was_not_kept_is_suspected(tmp_path: Path) -> None:
    tensorboard(tmp_path, RUNS[:4])
    run = Run(50e6, 1000)
    tensorboard(tmp_path, [run])
    (tmp_path / run.name).rename(tmp_path / f"{12 * run.N * run.D:e}_50_{2 * run.D:.0f}")
    runs = import_runs(tmp_path, name="quokka")
    suspected = runs[runs["remark"] != ""]
    assert suspected["N"].tolist() == [50e6]
    assert "2 times the tokens per step of most runs" in suspected["remark"].iloc[0]


def test_foreign_and_empty_files_are_rows_with_a_reason(tmp_path: Path) -> None:
    tensorboard(tmp_path, RUNS[:2])
    for name, content in (("a", b""), ("b", b"this is not an event file at all, whatever its name says")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "events.out.tfevents.1").write_bytes(content)
    runs = import_runs(tmp_path, name="quokka").set_index("run_id")
    assert runs.loc["a", "status"] == "no loss"
    assert "no scalars" in runs.loc["a", "reason"]
    assert "damaged after 0 of" in runs.loc["b", "reason"]
    assert (runs["status"] == "ok").sum() == 2
    assert len(ql.read_runs(runs.reset_index())) == 2


def test_losses_of_two_kinds_are_not_mixed(tmp_path: Path) -> None:
    tensorboard(tmp_path, RUNS[:1])
    tensorboard(tmp_path, RUNS[1:2], tag="train/loss")
    with pytest.raises(ql.RunsError, match=r"'train/loss' in 1 runs, 'val/loss' in 1 runs.*columns"):
        import_runs(tmp_path, name="quokka")
    with pytest.raises(ql.RunsError, match=r"has no loss=lm loss; it has step, val/loss"):
        import_runs(tmp_path / RUNS[0].name, columns={"loss": "lm loss"})


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tensorboard(tmp_path, RUNS[:1])
    for name in [n for n in sys.modules if n == "tensorboard" or n.startswith("tensorboard.")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ql.MissingDependencyError, match=r'pip install "quokka-laws\[tensorboard\]"'):
        import_runs(tmp_path)


@pytest.mark.parametrize("names", [("train", "val"), ("training", "held_out"), ("a", "valid")])
def test_folders_of_add_scalars_are_series_of_one_run(tmp_path: Path, names: tuple[str, str]) -> None:
    from torch.utils.tensorboard import SummaryWriter

    for size in ("10M", "40M"):
        with SummaryWriter(str(tmp_path / f"run_{size}")) as writer:
            for step in range(100, 1001, 100):
                writer.add_scalar("lr", 1e-3, step)
                writer.add_scalars("loss", {names[0]: 4.0 - step / 1000, names[1]: 4.5 - step / 1000}, step)
    wanted = {"loss": f"loss/{names[1]}"}
    runs = import_runs(tmp_path, name="run_{N}", tokens_per_step=1000, columns=wanted)
    assert runs["run_id"].tolist() == ["run_10M", "run_40M"]
    assert runs["loss"].tolist() == pytest.approx([3.5, 3.5])
    assert "sub-folders" in runs["remark"].iloc[0]
    if names == ("train", "val"):
        unasked = import_runs(tmp_path, name="run_{N}", tokens_per_step=1000)
        assert unasked["loss"].tolist() == pytest.approx([3.5, 3.5])
        assert "not used" in unasked["remark"].iloc[0]


def test_folders_that_keras_writes_are_series_of_one_run(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    for folder, shift in (("train", 0.0), ("validation", 0.5)):
        with SummaryWriter(str(tmp_path / "10M_2B" / folder)) as writer:
            for step in range(1, 11):
                writer.add_scalar("epoch_loss", 4.0 - step / 10 + shift, step)
    runs = import_runs(tmp_path, name="{N}_{D}")  # steps count epochs: tokens are not theirs
    assert runs[["run_id", "metric"]].to_numpy().tolist() == [["10M_2B", "validation/epoch_loss"]]
    assert runs["loss"].tolist() == pytest.approx([3.5])
    with pytest.raises(ql.RunsError, match="told apart by epochs"):
        import_runs(tmp_path, name="{N}_{}", tokens_per_step=1000)


def test_hyperparameters_are_no_run(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path / "10M")) as writer:
        for step in range(1, 11):
            writer.add_scalar("val/loss", 4.0 - step / 10, step)
        writer.add_hparams({"lr": 1e-3}, {"val/loss": 9.0})
    runs = import_runs(tmp_path, name="{N}", tokens_per_step=1000)
    assert runs["run_id"].tolist() == ["10M"]
    assert runs["loss"].tolist() == pytest.approx([3.0])


@pytest.mark.parametrize("other", ["loss vs samples", "loss_by_tokens", "tokens/loss"])
def test_series_on_other_axes_do_not_end_the_run(tmp_path: Path, other: str) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path / "10M")) as writer:
        for step in range(100, 1001, 100):
            writer.add_scalar("validation loss", 4.0 - step / 1000, step)
            writer.add_scalar(other, 4.0 - step / 1000, step * 262144 + 7)
    made = import_runs(tmp_path, name="{N}", tokens_per_step=1000, columns={"loss": "validation loss"}).iloc[0]
    assert (made["status"], made["step"], made["D"]) == ("ok", 1000, 1e6)
    assert other in made["remark"]


def test_steps_that_no_run_takes_are_asked_about(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path / "10M")) as writer:
        for step in range(1, 11):
            writer.add_scalar("val/loss", 4.0 - step / 10, step * 10**8)
    with pytest.raises(ql.RunsError, match=r"steps go up to 1e\+09, more than any run takes.*columns={'D': 'step'}"):
        import_runs(tmp_path, name="{N}", tokens_per_step=1000)
    followed = import_runs(tmp_path, name="{N}", columns={"D": "step"})
    assert followed["D"].tolist() == [1e9]
