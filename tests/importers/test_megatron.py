"""Megatron's text logs, written as its training loop writes them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pytest
from logs import RUNS, Run
from synthetic import TRUE_CHINCHILLA

import quokka_laws as ql
from quokka_laws import import_runs
from quokka_laws.exceptions import RunsError
from quokka_laws.importers.detect import detect

SEQUENCE, BATCH = 2048, 128
assert SEQUENCE * BATCH == 2**18


def log(run: Run, *, first: int = 0, last: int | None = None, prefix: str = "", validation: bool = True) -> str:
    """The log of a run from one logged step to another."""
    steps, losses = run.step[first:last], run.loss[first:last]
    text = [
        "using world size: 8, data-parallel size: 4, tensor-model-parallel size: 1, pipeline-model-parallel size: 2",
        "------------------------ arguments ------------------------",
        f"  global_batch_size ............................... {BATCH}",
        "  max_position_embeddings ......................... 2048",
        f"  save ............................................ /checkpoints/{run.name}",
        "  seed ............................................ 7",
        f"  seq_length ...................................... {SEQUENCE}",
        "  wandb_project ................................... None",
        "-------------------- end of arguments ---------------------",
        f" > number of parameters on (tensor, pipeline) model parallel rank (0, 1): {round(run.N) // 3}",
        f" > number of parameters on (tensor, pipeline) model parallel rank (0, 0): {round(run.N) - round(run.N) // 3}",
        "[before the start of training step] datetime: 2026-01-02 03:04:05",
    ]
    for step, loss in zip(steps.tolist(), losses.tolist(), strict=True):
        rate = 3e-4 if step < 0.8 * run.steps else 1e-5
        text.append(
            f" [2026-01-02 03:04:05] iteration {step:8d}/{run.steps:8d} | consumed samples: {step * BATCH:12d} | elapsed "
            f"time per iteration (ms): 512.3 | learning rate: {rate:.6E} | global batch size: {BATCH:5d} | lm loss: "
            f"{loss + 0.1 if validation else loss:.12E} | loss scale: 1.0 | grad norm: 0.811 | number of skipped "
            "iterations:   0 | number of nan iterations:   0 |"
        )
        if validation:
            text += [
                "-" * 80,
                f" validation loss at iteration {step} | lm loss value: {loss:.12E} | lm loss PPL: 1.000000E+01 | ",
                "-" * 80,
            ]
    if validation and last is None:
        end = f"{losses[-1]:.12E}"
        text.append(f" validation loss at iteration {steps[-1]} on validation set | lm loss value: {end} | ")
        text.append(f" validation loss at iteration {steps[-1]} on test set | lm loss value: 9.900000E+00 | ")
    return "".join(f"{prefix}{line}\n" for line in text)


def write(folder: Path, runs: Iterable[Run], **options: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for run in runs:
        (folder / f"{run.name}.log").write_text(log(run, **options))  # type: ignore[arg-type]


def recovered(runs: pd.DataFrame) -> None:
    assert ql.fit(ql.laws.Chinchilla(), ql.read_runs(runs)).values == pytest.approx(TRUE_CHINCHILLA, rel=1e-6)


@pytest.mark.parametrize("prefix", ["", "0: ", "[default7]:"])
def test_the_law_is_recovered(tmp_path: Path, prefix: str) -> None:
    write(tmp_path / "logs", RUNS, prefix=prefix)
    (tmp_path / "logs" / "notes.txt").write_text("remember: iteration 5 was good")
    assert detect(tmp_path / "logs") == "megatron"
    runs = import_runs(tmp_path / "logs")
    assert sorted(runs["run_id"]) == sorted(run.name for run in RUNS)
    assert set(runs["status"]) == {"ok"}
    assert runs.set_index("run_id")["D"].to_dict() == {run.name: run.D for run in RUNS}
    assert runs.set_index("run_id")["N"].to_dict() == {run.name: run.N for run in RUNS}
    assert set(runs["loss_split"]) == {"validation"}
    assert set(runs["seed"]) == {"7"}
    recovered(runs)
    recovered(import_runs(tmp_path / "logs", final="cooldown"))
    recovered(import_runs(tmp_path / "logs", kind="megatron", checkpoints=True))


def test_training_losses_where_nothing_else_is_logged(tmp_path: Path) -> None:
    write(tmp_path, RUNS, validation=False)
    recovered(import_runs(tmp_path))
    assert detect(tmp_path / f"{RUNS[0].name}.log") == "megatron"


def test_attempts_at_one_run_are_one_run(tmp_path: Path) -> None:
    run = RUNS[3]
    (tmp_path / "slurm-9.out").write_text(log(run, last=25))
    (tmp_path / "slurm-10.out").write_text(log(run, first=20))
    (tmp_path / "slurm-11.out").write_text(log(RUNS[5]))
    runs = import_runs(tmp_path).set_index("run_id")
    assert runs.index.tolist() == [run.name, "slurm-11"]
    assert runs.loc[run.name, "status"] == "ok"
    assert runs.loc[run.name, "loss"] == pytest.approx(run.loss[-1])
    assert "resumed" in runs.loc[run.name, "remark"]


def test_stopped_and_diverged(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(log(RUNS[0], last=20))
    text = log(RUNS[1], validation=False)
    cut = text.rindex("lm loss: ")
    (tmp_path / "b.log").write_text(text[:cut] + "lm loss: nan | loss scale: 1.0 |\n")
    runs = import_runs(tmp_path, columns={"loss": "lm loss"}).set_index("run_id")
    assert runs["status"].to_dict() == {"a": "stopped", "b": "diverged"}
    assert f"{RUNS[0].step[19]} of {RUNS[0].steps}" in runs.loc["a", "reason"]


def test_tokens_of_megatron_deepspeed(tmp_path: Path) -> None:
    run = RUNS[0]
    lines = [
        f" iteration {step:8d}/{run.steps:8d} | consumed samples: {step * BATCH} | consumed tokens: {step * 2**18} | "
        f"elapsed time per iteration (s): 0.51 | learning rate: 3.000E-04 | lm loss: {loss:.12E} |\n"
        for step, loss in zip(run.step.tolist(), run.loss.tolist(), strict=True)
    ]
    (tmp_path / "a.out").write_text("".join(lines))
    with pytest.raises(RunsError, match="parameters"):  # nothing in the log says how many
        import_runs(tmp_path)
    facts = tmp_path / "facts.csv"
    facts.write_text(f"run_id,N\na,{run.N}\n")
    runs = import_runs(tmp_path / "a.out", facts=facts)
    assert runs[["N", "D"]].iloc[0].tolist() == [run.N, run.D]
    assert runs["loss"].iloc[0] == pytest.approx(run.loss[-1])


def test_a_log_that_broke_off_before_its_first_step(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(log(RUNS[0], last=0))
    with pytest.raises(RunsError, match="not a kind of log"):
        import_runs(tmp_path / "a.log")
    write(tmp_path, RUNS[1:3])
    assert len(import_runs(tmp_path)) == 2
    with pytest.raises(RunsError, match="no logs of megatron"):
        import_runs(tmp_path / "a.log", kind="megatron")


def test_logs_of_gpt_neox(tmp_path: Path) -> None:
    steps = range(100, 1100, 100)
    lines = [
        "  seq_length ...................... 2048................updated",
        "  train_batch_size ................ 128.................default",
    ]
    for step in steps:
        lines.append(
            f" samples/sec: 401.2 | iteration {step:8d}/    1000 | elapsed time per iteration (ms): 1.0 | learning rate: 1.0E-04 | "
            f"approx flops per GPU: 50.1TFLOPS | lm_loss: {5 - step / 1000:.6E} | loss scale: 1.0 | number of skipped iterations: 0 |"
        )
        if step % 500 == 0:
            lines.append(
                f" validation results at iteration {step} | lm_loss value: {5.5 - step / 1000:.6E} | lm_loss_ppl value: 9.9E+01 | "
            )
    (tmp_path / "20M.log").write_text("\n".join(lines) + "\n")
    runs = import_runs(tmp_path, name="{N}")
    assert runs[["N", "D", "loss"]].to_numpy().tolist() == [[2e7, 1000 * 2048 * 128, 4.5]]
    assert runs.loc[0, "loss_split"] == "validation"
