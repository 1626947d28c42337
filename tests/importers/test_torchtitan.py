"""torchtitan's text logs, written with the format strings of its versions 0.1 and 0.3."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from logs import RUNS, Run
from synthetic import TRUE_CHINCHILLA

import quokka_laws as ql
from quokka_laws import import_runs
from quokka_laws.importers.detect import detect

RED, GREEN, RESET = "\x1b[31m", "\x1b[32m", "\x1b[39m"


def log(run: Run, *, colour: bool = False, version: str = "0.3", validation: bool = True) -> str:
    red, green, reset = (RED, GREEN, RESET) if colour else ("", "", "")
    begin = "[rank0]:[titan] 2026-01-02 03:04:05,678 - root - INFO - "
    if version == "0.1":
        sizes = "Training starts at step 1, with local batch size 8, global batch size 128, sequence length 2048, "
    else:
        sizes = (
            "Trainer is initialized with local batch size 8, global batch size 128, gradient accumulation steps 2, "
            "sequence length 2048, "
        )
    lines = [
        f"{green}Model llama3 debugmodel {red}size: {round(run.N):,} total parameters{reset}",
        f"{sizes}total steps {run.steps} (warmup 100)",
    ]
    for step, loss in zip(run.step.tolist(), run.loss.tolist(), strict=True):
        trained = loss + 0.1 if validation else loss
        lines.append(
            f"{red}step: {step:2}  {green}loss: {trained:8.9f}  {red}grad_norm: {0.5:7.4f}  {reset}memory: {1.18:5.2f}GiB"
            f"(1.24%)  tps: {12345:,}  tflops: {1.23:,.2f}  mfu: 0.39%{reset}"
        )
        if validation:
            lines.append(
                f"{red}validate step: {step:2}  {green}loss: {loss:7.9f}  {reset}memory: {1.18:5.2f}GiB(1.24%)  tps: 1,234"
            )
    return "".join(f"{begin}{line}\n" for line in lines)


def recovered(runs: pd.DataFrame) -> None:
    assert ql.fit(ql.laws.Chinchilla(), ql.read_runs(runs)).values == pytest.approx(TRUE_CHINCHILLA, rel=1e-6)


@pytest.mark.parametrize(
    ("colour", "version", "validation"), [(False, "0.3", True), (True, "0.3", False), (True, "0.1", True)]
)
def test_the_law_is_recovered(tmp_path: Path, colour: bool, version: str, validation: bool) -> None:
    for run in RUNS:
        folder = tmp_path / run.name
        folder.mkdir()
        (folder / "train.log").write_text(log(run, colour=colour, version=version, validation=validation))
    assert detect(tmp_path) == "torchtitan"
    runs = import_runs(tmp_path)
    assert set(runs["status"]) == {"ok"}
    assert sorted(runs["D"]) == sorted(run.D for run in RUNS)
    assert set(runs["loss_split"]) == {"validation" if validation else "training"}
    recovered(runs)


class Memory:
    """What torchtitan asks of a device, without one."""

    device_name = "H100"

    def reset_peak_stats(self) -> None: ...

    def get_peak_stats(self) -> SimpleNamespace:
        names = ("max_active_gib", "max_active_pct", "max_reserved_gib", "max_reserved_pct")
        return SimpleNamespace(**dict.fromkeys(names, 1.18), num_alloc_retries=0, num_ooms=0)


@pytest.mark.parametrize("plain", [False, True])
def test_torchtitan_writes_the_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plain: bool) -> None:
    metrics = pytest.importorskip(
        "torchtitan.components.metrics", reason="needs torchtitan 0.3 and a torch with triton"
    )
    monkeypatch.setattr(metrics, "build_device_memory_monitor", Memory)
    monkeypatch.setattr(logging.getLogger(), "level", logging.INFO)
    for run in RUNS:
        path = tmp_path / f"{run.name}.log"
        path.write_text("".join(log(run).splitlines(keepends=True)[:2]))  # sizes, which its trainer writes
        handler = logging.FileHandler(path)
        handler.setFormatter(logging.Formatter("[titan] %(asctime)s - %(name)s - %(levelname)s - %(message)s"))
        logging.getLogger().addHandler(handler)
        writer = metrics.MetricsProcessor(
            metrics.MetricsProcessor.Config(disable_color_printing=plain),
            parallel_dims=SimpleNamespace(non_data_parallel_size=1),
        )
        writer.num_flops_per_token = 1
        for step, loss in zip(run.step.tolist(), run.loss.tolist(), strict=True):
            writer.ntokens_since_last_log, writer.data_loading_times = 2**18, [0.1]
            writer.log(step, loss + 0.1, loss + 0.2, 0.5)
            writer.log_validation(loss, step)
        logging.getLogger().removeHandler(handler)
        handler.close()
    runs = import_runs(tmp_path)
    assert sorted(runs["D"]) == sorted(run.D for run in RUNS)
    assert set(runs["loss_split"]) == {"validation"}
    expected = {run.D * run.N: run.loss[-1] for run in RUNS}
    assert dict(zip(runs["D"] * runs["N"], runs["loss"], strict=True)) == pytest.approx(expected, abs=5e-5)


def test_stopped_and_diverged(tmp_path: Path) -> None:
    text = log(RUNS[0], validation=False)
    (tmp_path / "a.log").write_text(text[: len(text) // 2])
    cut = text.rindex("loss: ")
    (tmp_path / "b.log").write_text(text[:cut] + "loss:      nan  grad_norm:     nan  memory: 1.18GiB(1.24%)\n")
    runs = import_runs(tmp_path).set_index("run_id")
    assert runs["status"].to_dict() == {"a": "stopped", "b": "diverged"}
