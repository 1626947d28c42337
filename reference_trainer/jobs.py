"""What one worker does with a run or a pack of runs: claims it, trains it, appends its rows, says how it ended."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reference_trainer.errors import TrainerError
from reference_trainer.execution import Execution
from reference_trainer.locks import claim, forget
from reference_trainer.loggers import open_log
from reference_trainer.progress import Reporter
from reference_trainer.records import append_rows, read_rows
from reference_trainer.spec import RunSpec
from reference_trainer.step import DEFAULT
from reference_trainer.train import Interrupted, Trainer

GRACE = 60.0  # seconds that a worker has to save after its sweep has died
LETTING_GO = 1.0  # seconds that an ending process may take between the first and the last run of its pack


@dataclass(frozen=True)
class Job:
    """A run, or a pack of runs, for a worker: plain data, so that every launcher can carry it."""

    specs: list[dict[str, Any]]
    out: str
    execution: Execution = DEFAULT
    deadline: float | None = None
    log: str = ""
    keep: bool = False


def finished_runs(out: Path) -> set[str]:
    """Ids of the runs in ``runs.jsonl`` that need no more training."""
    return {row["run_id"] for row in read_rows(out / "runs.jsonl") if row.get("status") != "crash"}


def train_job(job: Job) -> dict[str, str]:
    """Train a job's runs and append their rows; returns, by run_id, how each ended.

    That is ``"ok"``, ``"early"``, ``"nan"``, ``"crash"``, ``"stopped"`` or ``"taken"``. Called by every launcher, in a
    process of its own. A crash becomes a row with ``status = "crash"``; a full disk is raised, since it would crash one
    run after another.
    """
    import torch

    torch.set_num_threads(1)
    with Stop.at_work():
        return _train(job, Stop(job.deadline))


def _train(job: Job, stop: Stop) -> dict[str, str]:
    specs, out = [RunSpec.from_dict(spec) for spec in job.specs], Path(job.out)
    with contextlib.ExitStack() as stack:
        mine = _claimed(specs, out, stack)
        finished = finished_runs(out)
        ended = {i: "ok" if i in finished else "stopped" if free else "taken" for i, free in mine.items()}
        specs = [spec for spec in specs if ended[spec.run_id] == "stopped"]
        if not specs:
            return ended
        try:
            on_metrics = stack.enter_context(open_log(job.log, specs, out))
            trainer = Trainer(
                specs, out / "checkpoints", execution=job.execution, stop=stop, on_metrics=on_metrics,
                keep=out / "models" if job.keep else None,
            )  # fmt: skip
            path = trainer.checkpoint_path.with_suffix(".progress")
            report = Reporter(path, _name(specs), [s.run_id for s in specs], trainer.total_tokens)
            stack.callback(report.close)
            trainer.on_progress = report
            rows = trainer.run()
        except Interrupted:
            return ended
        except TrainerError:
            raise
        except Exception as error:  # a row that says so is worth more than a lost sweep
            said = f"{type(error).__name__}: {error}"
            if job.execution.on_cuda:
                _refuse_broken_device(said)
            crash = [{"run_id": spec.run_id, "status": "crash", "error": said} for spec in specs]
            append_rows(crash, out / "runs.jsonl")
            return ended | {row["run_id"]: "crash" for row in crash}
        append_rows(rows, out / "runs.jsonl")
        trainer.checkpoint_path.unlink(missing_ok=True)
        for spec in specs:
            forget(out, spec.run_id)
        return ended | {row["run_id"]: str(row.get("stopped", row["status"])) for row in rows}


def _claimed(specs: list[RunSpec], out: Path, stack: contextlib.ExitStack) -> dict[str, bool]:
    """Which runs are this job's. Of a pack that another process is just letting go, it does not take a part.

    A part of a pack would begin anew beside the checkpoint of the whole, and give its last digits otherwise.
    """
    mine = {spec.run_id: stack.enter_context(claim(out, spec.run_id)) for spec in specs}
    if any(mine.values()) and not all(mine.values()):
        time.sleep(LETTING_GO)
        mine |= {run: stack.enter_context(claim(out, run)) for run, free in mine.items() if not free}
    return mine


def _name(specs: list[RunSpec]) -> str:
    one = specs[0]
    return f"{one.objective} {one.width}×{one.depth}" + (f" ({len(specs)} runs)" if len(specs) > 1 else "")


def _refuse_broken_device(said: str) -> None:
    """After some errors a process can never use CUDA again: stop, rather than crash one run after another."""
    import torch

    try:
        torch.cuda.synchronize()
    except RuntimeError:
        raise TrainerError(f"CUDA failed ({said}); the same command continues with what is left") from None


class Stop:
    """Polled every step: true after the deadline, after SIGTERM (Ctrl-C too, in a worker), or if the sweep has died.

    Once a process was asked to stop, every later job of it stops at its first step; a worker between jobs ends at once.
    """

    asked, busy = False, False

    def __init__(self, deadline: float | None) -> None:
        self.deadline = deadline
        with contextlib.suppress(ValueError):  # only the main thread may install handlers
            signal.signal(signal.SIGTERM, self._ask)
            if multiprocessing.parent_process() is not None:
                signal.signal(signal.SIGINT, self._ask)

    @staticmethod
    def _ask(*_: object) -> None:
        Stop.asked = True
        if not Stop.busy:
            raise SystemExit(143)  # a clean exit: the lock of the pool's queue is let go

    @staticmethod
    @contextlib.contextmanager
    def at_work() -> Iterator[None]:
        """While a job is trained."""
        Stop.busy = True
        try:
            yield
        finally:
            Stop.busy = False
            if _orphaned():  # nobody reads our result, and the pool's queue would keep us waiting for ever
                os._exit(0)
            if Stop.asked and multiprocessing.parent_process() is not None:
                # There is no more work for us; a moment is for the result to be sent.
                end = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM))
                end.daemon = True
                end.start()

    def __call__(self) -> bool:
        return Stop.asked or (self.deadline is not None and time.time() > self.deadline)


def _orphaned() -> bool:
    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()


def end_with_parent() -> None:
    """In a worker: a thread that ends it when the sweep's process dies, at once or as soon as its job is saved."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        Stop.asked = True
        if Stop.busy:
            time.sleep(GRACE)
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()
