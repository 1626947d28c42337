"""Many machines train one sweep and fail: real sweeps, claims and rows, with training that only pretends.

    python fake_machines.py OUT RUNS MACHINES SEED

Every machine is a process that calls ``sweep`` until nothing is left. Training may end in kill -9 (before, while or after
the rows are written), an exception, a full disk or a request to stop; a machine that died is started again. Prints a JSON
object: how often what happened, and the runs that two machines trained at the same moment.
"""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from reference_trainer import jobs, launchers
from reference_trainer.errors import TrainerError
from reference_trainer.jobs import finished_runs
from reference_trainer.spec import RunSpec
from reference_trainer.sweep import sweep
from reference_trainer.train import Interrupted

FAILURES = {"killed": 0.05, "exception": 0.05, "full disk": 0.03, "stopped": 0.04}
KILLED_AT_ROWS = 0.05  # half of them before the rows are written, half after


def note(out: Path, what: str, run_id: str = "") -> None:
    """A line in the diary of the simulation; one write, so that lines do not mix."""
    handle = os.open(out / "diary", os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    os.write(handle, f"{what}\t{run_id}\n".encode())
    os.close(handle)


def die(out: Path, what: str, run_id: str) -> None:
    note(out, what, run_id)
    os.kill(os.getpid(), signal.SIGKILL)


class Pretender:
    """Stands in for the Trainer."""

    total_tokens = 1

    def __init__(self, specs: list[RunSpec], folder: Path, **_: Any) -> None:
        self.specs, self.folder = specs, folder
        self.checkpoint_path = folder / f"{specs[0].run_id}.pt"
        self.on_progress: Any = None

    def run(self) -> list[dict[str, Any]]:
        out = self.folder.parent
        marks = [out / "busy" / spec.run_id for spec in self.specs]
        for mark in marks:
            if mark.exists() and alive(int(mark.read_text() or 0)):
                note(out, "DOUBLE", mark.name)
            mark.write_text(str(os.getpid()))
        time.sleep(random.uniform(0, 0.004))
        chance, run_id = random.random(), self.specs[0].run_id
        for what, share in FAILURES.items():
            chance -= share
            if chance < 0:
                if what == "killed":
                    die(out, what, run_id)
                note(out, what, run_id)
                for mark in marks:
                    mark.unlink()
                if what == "stopped":
                    raise Interrupted
                raise RuntimeError("a node failed") if what == "exception" else OSError(errno.ENOSPC, "full")
        for mark in marks:
            mark.unlink()
        return [{"run_id": spec.run_id, "status": "ok", "seed": spec.seed} for spec in self.specs]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def append_and_die(rows: list[dict[str, Any]], path: Path, _append: Any = jobs.append_rows) -> None:
    if random.random() < KILLED_AT_ROWS:
        if random.random() < 0.5:
            die(path.parent, "killed before rows", rows[0]["run_id"])
        _append(rows, path)
        die(path.parent, "killed after rows", rows[0]["run_id"])
    _append(rows, path)


def in_order(waiting: list[jobs.Job], workers: int) -> launchers.Outcomes:
    """A launcher that trains here, in an order of its own."""
    random.shuffle(waiting)
    for job in waiting:
        yield jobs.train_job(job)


def machine(specs: list[RunSpec], out: Path, seed: int) -> None:
    random.seed(seed)
    jobs.Trainer = Pretender  # type: ignore[misc, assignment]
    jobs.append_rows = append_and_die
    launchers.LAUNCHERS["pretended"] = in_order
    wanted = {spec.run_id for spec in specs}
    while not wanted <= finished_runs(out):
        try:
            sweep(specs, out, launcher="pretended", workers=1, pack=3, progress=False)
        except (TrainerError, OSError):
            note(out, "sweep ended")


def main(out: Path, runs: int, machines: int, seed: int) -> None:
    (out / "busy").mkdir(parents=True)
    base = RunSpec(objective="autoregressive", width=8, depth=1)
    specs = [replace(base, seed=i, width=8 + 8 * (i % 3)) for i in range(runs)]
    running: set[int] = set()
    started = 0
    while True:
        while len(running) < machines:
            started += 1
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    machine(specs, out, seed * 10_000 + started)
                    code = 0
                finally:
                    os._exit(code)
            running.add(pid)
        pid, status = os.wait()
        running.discard(pid)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0:
            break
        if os.WIFEXITED(status):
            raise SystemExit(f"a machine ended with {os.WEXITSTATUS(status)}")
    for _ in running:
        os.wait()
    happened = Counter(line.split("\t")[0] for line in (out / "diary").read_text().splitlines())
    print(json.dumps({"machines": started, **happened}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
