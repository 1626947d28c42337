"""Many runs: plan what is left, let workers train it, collect rows in ``runs.jsonl``.

Each run writes ``<out>/checkpoints/<run_id>.pt`` while it trains and appends its rows to ``<out>/runs.jsonl`` when it
is done; a run whose rows are there is skipped. On a GPU, runs of one plan are trained as packs, which a checkpoint
continues as long as the same runs are left. So a sweep may be killed and started again, and several machines may
share a folder, as long as no two train the same run at once (a lock file says which are taken).
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from reference_trainer import launchers
from reference_trainer.devices import check_device
from reference_trainer.errors import TrainerError
from reference_trainer.execution import Execution
from reference_trainer.jobs import Job, finished_runs
from reference_trainer.locks import idle
from reference_trainer.progress import watch
from reference_trainer.records import ORPHAN, remove_finished, remove_orphans
from reference_trainer.spec import RunSpec
from reference_trainer.step import DEFAULT

CUDA_PACK, CPU_PACK = 8, 3  # models


def pending(specs: Iterable[RunSpec], finished: Callable[[RunSpec], set[str]]) -> list[RunSpec]:
    """Specs without finished rows, in order and without repetitions; a crash is tried again."""
    left: dict[str, RunSpec] = {}
    for spec in specs:
        if spec.run_id not in finished(spec):
            left.setdefault(spec.run_id, spec)
    return list(left.values())


def packs(specs: Iterable[RunSpec], size: int) -> list[list[RunSpec]]:
    """Runs of one plan (:attr:`RunSpec.plan`) together, at most ``size`` of them, in the order of their first ones."""
    plans: dict[RunSpec, list[RunSpec]] = {}
    for spec in specs:
        plans.setdefault(spec.plan, []).append(spec)
    return [alike[i : i + size] for alike in plans.values() for i in range(0, len(alike), size)]


@contextlib.contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """SIGTERM of a sweep is Ctrl-C: the launcher tells its workers to save, and waits for them."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread: leave signals alone
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def sweep(
    specs: list[RunSpec],
    out: str | Path,
    *,
    workers: int | None = None,
    pack: int | None = None,
    launcher: str = "local",
    execution: Execution = DEFAULT,
    time_budget: float | None = None,
    log: str = "",
    keep: bool = False,
    by_objective: bool = False,
    progress: bool = True,
) -> dict[str, int]:
    """Train every pending spec; returns how many runs ended how.

    Parameters
    ----------
    out : path
        Folder of ``runs.jsonl`` and checkpoints.
    workers : int, optional
        Processes (local), tasks at once (ray, submitit); by default one a core, or one a CUDA device.
    pack : int, optional
        Runs of one plan trained as one, at most; by default 3, or 8 on CUDA, which one small model leaves idle.
    launcher : {"local", "ray", "submitit"}
    execution : Execution
    time_budget : float, optional
        Seconds after which every worker saves and stops.
    log : {"", "tensorboard", "wandb"}
        Where to log training curves besides, see :mod:`reference_trainer.loggers`.
    keep : bool
        Keep the model of every row under ``models``, see :mod:`reference_trainer.kept`.
    by_objective : bool
        A folder of ``out`` for each objective: their losses are of different kinds and belong in no common fit.
    """
    import torch

    check_device(execution.device)
    if launcher not in launchers.LAUNCHERS:
        raise TrainerError(f"launcher {launcher!r} is not one of {', '.join(launchers.LAUNCHERS)}")
    out = Path(out).resolve()

    def home(spec: RunSpec) -> Path:
        return out / spec.objective if by_objective else out

    folders = {home(spec): finished_runs(home(spec)) for spec in specs}
    for folder, finished in folders.items():
        _prepare(folder, finished)
    left = pending(specs, lambda spec: folders[home(spec)])
    cuda = execution.on_cuda
    deadline = time.time() + time_budget if time_budget else None
    jobs = [
        Job([spec.to_dict() for spec in alike], str(home(alike[0])), execution, deadline, log, keep)
        for alike in packs(left, pack or (CUDA_PACK if cuda else CPU_PACK))
    ]
    workers = workers or (
        (torch.cuda.device_count() if execution.device == "cuda" else 1) if cuda else os.cpu_count() or 1
    )
    work = {spec.run_id: _work(spec) for spec in left}
    ended: dict[str, int] = {"skipped": len({s.run_id for s in specs}) - len(work)}
    watched = [folder / "checkpoints" for folder in folders]
    with _terminate_as_interrupt(), watch(work, watched, show=progress) as end:
        for outcome in launchers.LAUNCHERS[launcher](jobs, workers):
            for run_id, status in outcome.items():
                ended[status] = ended.get(status, 0) + 1
                end(run_id, status)
    return ended


def _prepare(folder: Path, finished: set[str]) -> None:
    try:
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        (folder / "runs.jsonl").touch()
    except OSError as error:
        raise TrainerError(f"cannot write to {folder}: {error.strerror}") from None
    # Where nobody trains, whatever is unfinished is an orphan's; elsewhere age must tell.
    alone = idle(folder)
    remove_orphans(folder / "checkpoints", older=0.0 if alone else ORPHAN)
    if alone:
        remove_finished(folder / "checkpoints", finished)


def _work(spec: RunSpec) -> tuple[float, int]:
    """Relative cost of a run, overheads included, and the tokens it processes."""
    trunk = max((*spec.evaluated_at, *((1 - spec.cooldown) * D for D in spec.cooled_at)))
    tokens = trunk + spec.cooldown * sum(spec.cooled_at)
    return tokens * (12 * spec.depth * spec.width**2 + 20_000), int(tokens)
