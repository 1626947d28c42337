"""What belongs to one session: a folder for its files and a process that works on them. Both end with the session."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import re
import shutil
import tempfile
import threading
import traceback
import weakref
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from quokka_laws.app.choices import File
from quokka_laws.app.limits import Limits
from quokka_laws.app.worker import prepare, work

LONGEST_NAME = 120  # characters
_SEATS = threading.BoundedSemaphore(max(2, os.cpu_count() or 2))
"""Computations at a time on this machine; further ones wait. It holds nothing of any session."""


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
    told: Path
    """Where the worker writes how far it is."""
    state: State = State.WAITING
    result: Any = None
    said: str = ""
    """Why there is no result."""
    future: ProcessFuture[tuple[str, Any]] | None = None
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def running(self) -> bool:
        """Whether there is something to wait for."""
        return not self.ended.is_set()

    @property
    def progress(self) -> tuple[str, float]:
        """What is being done and the share of it that is done."""
        try:
            what, share = json.loads(self.told.read_text())
        except OSError:
            return "", 0.0
        return what, share

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
        fresh = multiprocessing.get_context("spawn")  # nothing of the page's memory
        self._pool = ProcessPool(max_workers=1, initializer=prepare, initargs=[str(self.folder)], context=fresh)
        self._turn = threading.Lock()
        self._finalizer = weakref.finalize(self, _clear, self.folder, self._pool)

    def keep(self, name: str, data: bytes) -> File:
        """A file of the user's, under its own name as far as a folder can hold it."""
        safe = safe_name(name)
        (self.folder / safe).write_bytes(data)
        return File(safe, hashlib.sha256(data).hexdigest())

    def warm(self) -> None:
        """Start the worker before there is anything to do, so that the first file does not wait for it."""
        self._pool.schedule(os.getpid)

    def start(self, task: str, *arguments: Any) -> Job:
        """Begin a task; it is run in the worker, and what is asked of :class:`Job` never waits."""
        job = Job(task, arguments, self.folder / f".{task}.progress")  # no name of the user's starts with a full stop
        threading.Thread(target=_follow, args=(job, self._pool, self._turn, self.limits), daemon=True).start()
        return job

    def stop(self, job: Job) -> None:
        """End a job now, and the worker with it where it is at work on it."""
        self.forget(job)
        if job.future is not None:
            job.future.cancel()

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


def _follow(job: Job, pool: ProcessPool, turn: threading.Lock, limits: Limits) -> None:
    """Give a job to the worker when it is free, and wait for what comes of it; in a thread of its own."""
    with turn, _SEATS:
        if not job.running:
            return
        job.state = State.RUNNING
        given = [job.task, job.arguments, limits.bytes, str(job.told)]
        try:
            job.told.unlink(missing_ok=True)
            job.future = pool.schedule(work, args=given, timeout=limits.seconds)
            if not job.running:  # stopped before there was anything to cancel
                job.future.cancel()
            kind, found = job.future.result()
        except CancelledError:  # by its owner, or with its session
            job.end(State.STOPPED, said="stopped")
        except TimeoutError:
            job.end(
                State.LATE,
                said=f"stopped after {limits.seconds:g} s, the most that one computation may take here; ask for fewer "
                "refits, give fewer rows, or use the command line, which has no limit",
            )
        except ProcessExpired as error:
            job.end(State.FAULT, said=f"the process that did the work ended (exit code {error.exitcode})")
        except Exception as error:
            job.end(State.FAULT, said="".join(traceback.format_exception(error)))
        else:
            state = {"done": State.DONE, "refused": State.REFUSED}.get(kind, State.FAULT)
            job.end(state, **{"result" if state is State.DONE else "said": found})


def _clear(folder: Path, pool: ProcessPool) -> None:
    pool.stop()
    pool.join()
    shutil.rmtree(folder, ignore_errors=True)
