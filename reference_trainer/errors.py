"""What is the caller's to mend."""

from __future__ import annotations

from typing import Any


class TrainerError(ValueError):
    """Something asked of the trainer cannot be done; the message says what to change."""


class DiskFull(TrainerError):
    """A file could not be written for want of room; what was on disk before is still there, whole."""

    def __init__(self, path: object) -> None:
        self.path = str(path)
        super().__init__(
            f"no room to write {path}; nothing on disk was lost: make room, and the same command continues"
        )

    def __reduce__(self) -> tuple[type[DiskFull], tuple[Any, ...]]:
        """A worker's error reaches its sweep by pickle."""
        return DiskFull, (self.path,)
