"""Which runs are being trained: a lock file each, beside the checkpoint."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

STALE = 600.0  # seconds without a heartbeat after which a lock is taken over
HEARTBEAT = 2.0  # seconds


@contextlib.contextmanager
def claim(out: Path, run_id: str) -> Iterator[Callable[[int], None] | None]:
    """Take a run for this process; yields a heartbeat to call with tokens, or None if someone else has it.

    The lock holds "host pid tokens": whose run it is, and how many tokens it has trained since it was taken.
    """
    lock = out / "checkpoints" / f"{run_id}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        host, pid, *_ = [*lock.read_text().split(), "", ""]
        dead = host == socket.gethostname() and pid.isdigit() and not _alive(int(pid))
        if dead or time.time() - lock.stat().st_mtime > STALE:
            lock.unlink(missing_ok=True)
    try:
        handle = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        yield None
        return
    trained, last = 0, -math.inf

    def beat(tokens: int) -> None:
        nonlocal trained, last
        trained += tokens
        if time.monotonic() - last > HEARTBEAT:
            os.pwrite(handle, f"{socket.gethostname()} {os.getpid()} {trained:<15}".encode(), 0)
            last = time.monotonic()

    beat(0)
    try:
        yield beat
    finally:
        os.close(handle)
        lock.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # someone else's process
        return True
    return True
