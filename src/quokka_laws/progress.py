"""Progress for people who wait: on stderr nothing for the first two seconds, then a bar; or told to who listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any

from tqdm import tqdm

Listener = Callable[[str, int, int], None]
"""Told what is done, how many pieces are finished, and of how many."""
_LISTENER: ContextVar[Listener | None] = ContextVar("who listens to progress", default=None)


@contextmanager
def told_to(listener: Listener) -> Iterator[None]:
    """Inside a ``with`` block the progress that is asked for is told to ``listener``, as a page with a bar of its own wants it."""
    before = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(before)


class Progress:
    """A tqdm bar that stays silent unless asked for, for work of under two seconds, and where stderr is no terminal."""

    def __init__(self, what: str, total: int, *, enabled: bool) -> None:
        self._bar: Any = tqdm(total=total, desc=what, delay=2.0, disable=None if enabled else True, leave=False)
        self._listener = _LISTENER.get() if enabled else None
        self._what, self._done, self._total = what, 0, total
        self.update(0)

    def __enter__(self) -> Progress:
        return self

    def update(self, count: int) -> None:
        """Count finished pieces."""
        self._bar.update(count)
        self._done += count
        if self._listener is not None:
            self._listener(self._what, self._done, self._total)

    def close(self) -> None:
        """End the bar."""
        self._bar.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
