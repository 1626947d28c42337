"""Which runs are being trained: a lock file each, beside the checkpoint.

The lock is the operating system's, through ``filelock``: it ends with its process, however that ended, so that none is
ever stale and two processes never hold one. The file itself may stay behind and says nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout


@contextlib.contextmanager
def claim(out: Path, run_id: str) -> Iterator[bool]:
    """Take a run for this process; yields whether it was free."""
    folder = out / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{run_id}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def forget(out: Path, run_id: str) -> None:
    """Remove the lock file of a run that is through: whoever takes it later finds its rows and leaves it."""
    (out / "checkpoints" / f"{run_id}.lock").unlink(missing_ok=True)


def idle(out: Path) -> bool:
    """Whether no process trains a run of this folder now."""
    for path in (out / "checkpoints").glob("*.lock"):
        with claim(out, path.stem) as free:
            if not free:
                return False
    return True
