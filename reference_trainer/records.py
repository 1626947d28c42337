"""What a run leaves on disk: checkpoints replaced whole, rows appended whole, also where the disk is full."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from reference_trainer.errors import DiskFull
from reference_trainer.spec import RunSpec

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
ORPHAN = 600.0  # seconds after which a temporary file belongs to a process that was killed: saving takes a few


@contextlib.contextmanager
def _room(path: Path) -> Iterator[None]:
    """A full disk is :class:`DiskFull`, also where torch or safetensors report it by an error of their own."""
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        if _is_full(error):
            raise DiskFull(path) from None
        raise


def _is_full(error: BaseException) -> bool:
    if isinstance(error, SafetensorError):
        return "No space left" in str(error) or "File too large" in str(error)
    if isinstance(error, OSError):
        return error.errno in NO_ROOM
    return error.__context__ is not None and _is_full(error.__context__)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to that becomes ``path`` on leaving: a kill at any moment leaves the old or the new, never half."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with _room(path):
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def save_atomically(data: dict[str, Any], path: Path) -> None:
    """Write a checkpoint, whole or not at all."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        torch.save(data, file)


def remove_orphans(folder: Path, *, older: float = ORPHAN) -> None:
    """Remove temporary files of killed processes: those that nobody has written to for some seconds."""
    for path in folder.glob("*.tmp"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime >= older:
                path.unlink()


def remove_finished(folder: Path, finished: set[str]) -> None:
    """Remove what processes that were killed after writing their rows, or while others watched, have left behind.

    Checkpoints and locks of finished runs, and news of jobs: for a folder in which nobody trains.
    """
    for path in folder.glob("*.progress"):
        path.unlink()
    for path in folder.glob("*.lock"):
        if path.stem in finished:
            path.unlink()
    for path in folder.glob("*.pt"):
        with contextlib.suppress(Exception):  # what cannot be read is not known to be finished
            specs = torch.load(path, mmap=True, weights_only=True)["specs"]
            if {RunSpec.from_dict(spec).run_id for spec in specs} <= finished:
                path.unlink()


def append_rows(rows: list[dict[str, Any]], path: Path) -> None:
    """Append rows, all or none; a line torn by an earlier crash is closed first."""
    import fcntl

    text = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
    with _room(path), path.open("ab+", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = file.seek(0, os.SEEK_END)
        if size > 0:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                text = "\n" + text
        try:
            _write(file.fileno(), text.encode())
            os.fsync(file.fileno())
        except OSError:
            os.ftruncate(file.fileno(), size)
            raise


def _write(handle: int, data: bytes) -> None:
    """All of it: a disk that fills takes a part of a write first, and refuses the next."""
    while data:
        data = data[os.write(handle, data) :]


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a ``runs.jsonl``; torn lines are passed over."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            row = json.loads(line)
            if isinstance(row, dict) and "run_id" in row:
                yield row
