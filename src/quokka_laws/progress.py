"""Progress on stderr, for people who wait: nothing for the first two seconds, then a bar."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from tqdm import tqdm


class Progress:
    """A tqdm bar that stays silent unless asked for, for work of under two seconds, and where stderr is no terminal."""

    def __init__(self, what: str, total: int, *, enabled: bool) -> None:
        self._bar: Any = tqdm(total=total, desc=what, delay=2.0, disable=None if enabled else True, leave=False)

    def __enter__(self) -> Progress:
        return self

    def update(self, count: int) -> None:
        """Count finished pieces."""
        self._bar.update(count)

    def close(self) -> None:
        """End the bar."""
        self._bar.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
