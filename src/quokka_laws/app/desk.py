"""What belongs to one session: a folder for its files and a process that works on them. Both end with the session."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from quokka_laws.app.choices import File
from quokka_laws.app.limits import Limits

LONGEST_NAME = 120  # characters
_SEATS = threading.BoundedSemaphore(max(2, os.cpu_count() or 2))
"""Computations at a time on this machine; further ones wait. It holds nothing of any session."""
_STARTING = threading.Lock()


class State(Enum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    STOPPED = "stopped"
    LATE = "late"
    FAULT = "fault"


@dataclass
class Job:
    """A task, how far it is, and what came of it."""

    task: str
    arguments: tuple[Any, ...]
    state: State = State.WAITING
    what: str = ""
    share: float = 0.0
    result: Any = None
    said: str = ""
    """Why there is no result."""
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def running(self) -> bool:
        """Whether there is something to wait for."""
        return not self.ended.is_set()

    def end(self, state: State, result: Any = None, said: str = "") -> None:
        """Settle what came of it; the first word counts."""
        if not self.ended.is_set():
            self.state, self.result, self.said = state, result, said
            self.ended.set()


class Desk:
    """Files and worker of one session."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.folder = Path(tempfile.mkdtemp(prefix="quokka-laws-"))
        self._process: list[subprocess.Popen[bytes]] = []  # at most one; a list, so that the finaliser sees the newest
        self._turn = threading.Lock()
        self._finalizer = weakref.finalize(self, _clear, self.folder, self._process)

    def keep(self, name: str, data: bytes) -> File:
        """A file of the user's, under its own name as far as a folder can hold it."""
        safe = safe_name(name)
        (self.folder / safe).write_bytes(data)
        return File(safe, hashlib.sha256(data).hexdigest())

    def warm(self) -> None:
        """Start the worker before there is anything to do, so that the first file does not wait for it."""
        threading.Thread(target=_running, args=(self.folder, self._process, self.limits), daemon=True).start()

    def start(self, task: str, *arguments: Any) -> Job:
        """Begin a task; it is run in the worker, and what is asked of :class:`Job` never waits."""
        job = Job(task, arguments)
        work = (job, self.folder, self._process, self._turn, self.limits)
        threading.Thread(target=_work, args=work, daemon=True).start()
        return job

    def stop(self, job: Job) -> None:
        """End a job now, and the worker with it where it is at work on it."""
        working = job.state is State.RUNNING
        self.forget(job)
        if working:
            _kill(self._process)

    def forget(self, job: Job) -> None:
        """Wait for a job no longer; the worker finishes it, which is quicker than a new worker where little is left to do."""
        job.end(State.STOPPED, said="stopped")

    def close(self) -> None:
        """End the worker and delete the files."""
        self._finalizer()


def safe_name(name: str) -> str:
    """The last part of a name without what a folder, a shell or a terminal could trip over."""
    last = re.split(r"[/\\]", name)[-1]
    plain = re.sub(r"[\x00-\x1f\x7f-\x9f:*?\"<>|]", "_", last).strip(" .")
    plain = f"_{plain[1:]}" if plain.startswith("-") else plain
    stem, ending = plain[:-12], plain[-12:]
    return (stem[: LONGEST_NAME - 12] + ending) or "runs"


def _work(
    job: Job, folder: Path, processes: list[subprocess.Popen[bytes]], turn: threading.Lock, limits: Limits
) -> None:
    """Give a task to the worker when it is free, and hear what it says until it is done; in a thread of its own."""
    with turn, _SEATS:
        if not job.running:
            return
        job.state = State.RUNNING
        process = _running(folder, processes, limits)
        late = threading.Timer(limits.seconds, _late, (job, processes, limits))
        late.daemon = True
        late.start()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            pickle.dump((job.task, job.arguments), process.stdin)
            process.stdin.flush()
            while not _heard(job, pickle.load(process.stdout)):
                pass
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):  # its pipes are closed when it is ended
            job.end(State.FAULT, said=f"the process that did the work ended (exit code {_ended(process)})")
        finally:
            late.cancel()


def _heard(job: Job, message: tuple[Any, ...]) -> bool:
    """Note what the worker says of a job; whether that was its last word."""
    kind, *rest = message
    if kind == "progress":
        what, done, total = rest
        job.what, job.share = what, min(1.0, done / total) if total else 0.0
        return False
    if kind == "done":
        job.end(State.DONE, result=rest[0])
    else:
        job.end(State.REFUSED if kind == "refused" else State.FAULT, said=rest[0])
    return True


def _running(folder: Path, processes: list[subprocess.Popen[bytes]], limits: Limits) -> subprocess.Popen[bytes]:
    """The worker of this session; a new one where there is none or the last has ended."""
    with _STARTING:
        if not (processes and processes[0].poll() is None):
            processes[:] = [_started(folder, limits)]
        return processes[0]


def _started(folder: Path, limits: Limits) -> subprocess.Popen[bytes]:
    path = [str(Path(part).resolve()) for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "quokka_laws.app.worker", str(folder), f"{limits.bytes:.0f}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=tempfile.gettempdir(),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path), "MPLBACKEND": "agg"},
    )


def _late(job: Job, processes: list[subprocess.Popen[bytes]], limits: Limits) -> None:
    if job.running:
        job.end(
            State.LATE,
            said=f"stopped after {limits.seconds:g} s, the most that one computation may take here; ask for fewer refits, "
            "give fewer rows, or use the command line, which has no limit",
        )
        _kill(processes)


def _kill(processes: list[subprocess.Popen[bytes]]) -> None:
    while processes:
        process = processes.pop()
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                _close(pipe)


def _close(pipe: Any) -> None:
    with contextlib.suppress(OSError, ValueError):  # what was left in it has nowhere to go
        pipe.close()


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    deadline = time.monotonic() + 2.0
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return process.returncode


def _clear(folder: Path, processes: list[subprocess.Popen[bytes]]) -> None:
    _kill(processes)
    shutil.rmtree(folder, ignore_errors=True)
