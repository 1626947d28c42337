"""What one worker does with a run or a pack of runs: claims it, trains it, appends its rows, says how it ended."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reference_trainer.errors import TrainerError
from reference_trainer.locks import claim
from reference_trainer.loggers import open_log
from reference_trainer.records import append_rows, read_rows
from reference_trainer.spec import RunSpec
from reference_trainer.train import Interrupted, Trainer


@dataclass(frozen=True)
class Job:
    """A run, or a pack of runs, for a worker: plain data, so that every launcher can carry it."""

    specs: list[dict[str, Any]]
    out: str
    device: str = "cpu"
    deadline: float | None = None
    log: str = ""
    compile_model: bool = False


def finished_runs(out: Path) -> set[str]:
    """Ids of the runs in ``runs.jsonl`` that need no more training."""
    return {row["run_id"] for row in read_rows(out / "runs.jsonl") if row.get("status") != "crash"}


def train_job(job: Job) -> dict[str, str]:
    """Train a job's runs and append their rows; returns, by run_id, how each ended.

    That is ``"ok"``, ``"nan"``, ``"crash"``, ``"stopped"`` or ``"taken"``. Called by every launcher, in a process of
    its own. A crash becomes a row with ``status = "crash"``.
    """
    import torch

    torch.set_num_threads(1)
    specs, out = [RunSpec.from_dict(spec) for spec in job.specs], Path(job.out)
    stop = Stop(job.deadline)
    with contextlib.ExitStack() as stack:
        claims = {spec.run_id: stack.enter_context(claim(out, spec.run_id)) for spec in specs}
        finished = finished_runs(out)
        ended = {
            run_id: "ok" if run_id in finished else "stopped" if mine else "taken" for run_id, mine in claims.items()
        }
        specs = [spec for spec in specs if ended[spec.run_id] == "stopped"]
        if not specs:
            return ended

        def beat(tokens: int) -> None:
            for spec in specs:
                claims[spec.run_id](tokens)  # type: ignore[misc]

        try:
            on_metrics = stack.enter_context(open_log(job.log, specs, out))
            trainer = Trainer(
                specs, out / "checkpoints", device=job.device, stop=stop, on_progress=beat, on_metrics=on_metrics,
                compile_model=job.compile_model,
            )  # fmt: skip
            rows = trainer.run()
        except Interrupted:
            if stop.orphaned:  # nobody reads our result, and the pool's queue would keep us waiting for ever
                for run_id in claims:
                    (out / "checkpoints" / f"{run_id}.lock").unlink(missing_ok=True)
                os._exit(0)
            return ended
        except TrainerError:
            raise
        except Exception as error:  # a row that says so is worth more than a lost sweep
            said = f"{type(error).__name__}: {error}"
            if job.device.startswith("cuda"):
                _refuse_broken_device(said)
            crash = [{"run_id": spec.run_id, "status": "crash", "error": said} for spec in specs]
            append_rows(crash, out / "runs.jsonl")
            return ended | {row["run_id"]: "crash" for row in crash}
        append_rows(rows, out / "runs.jsonl")
        trainer.checkpoint_path.unlink(missing_ok=True)
        return ended | {row["run_id"]: str(row["status"]) for row in rows}


def _refuse_broken_device(said: str) -> None:
    """After some errors a process can never use CUDA again: stop, rather than crash one run after another."""
    import torch

    try:
        torch.cuda.synchronize()
    except RuntimeError:
        raise TrainerError(f"CUDA failed ({said}); the same command continues with what is left") from None


class Stop:
    """Polled every step: true after the deadline, after SIGTERM (Ctrl-C too, in a worker), or if the sweep has died.

    Once a process was asked to stop, every later job of it stops at its first step.
    """

    asked = False

    def __init__(self, deadline: float | None) -> None:
        self.deadline = deadline
        self.parent = os.getppid() if multiprocessing.parent_process() is not None else None
        with contextlib.suppress(ValueError):  # only the main thread may install handlers
            signal.signal(signal.SIGTERM, self._ask)
            if self.parent is not None:
                signal.signal(signal.SIGINT, self._ask)

    @staticmethod
    def _ask(*_: object) -> None:
        Stop.asked = True

    @property
    def orphaned(self) -> bool:
        """The process that would take our results is gone."""
        return self.parent is not None and os.getppid() != self.parent

    def __call__(self) -> bool:
        return Stop.asked or self.orphaned or (self.deadline is not None and time.time() > self.deadline)
