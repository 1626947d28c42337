"""Every error this package raises on purpose; each message says what was wrong and what to try."""

from __future__ import annotations

from typing import Any


class QuokkaError(Exception):
    """Base class: catch this to catch everything the package raises deliberately."""


class RunsError(QuokkaError, ValueError):
    """The table of runs cannot be used; the message lists every fault with its rows and columns.

    ``faults`` holds them as values where a table was checked (:class:`quokka_laws.runs.remarks.Remark`), ``source`` what the
    table is called.
    """

    def __init__(self, message: str, *, source: str = "", faults: tuple[Any, ...] = ()) -> None:
        super().__init__(message)
        self.source = source
        self.faults = faults


class FitError(QuokkaError, RuntimeError):
    """The fit, or a question asked of it, has no trustworthy answer."""


class MissingDependencyError(QuokkaError, ImportError):
    """An optional dependency is needed; the message names the extra that installs it."""
