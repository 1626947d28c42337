"""Every error this package raises on purpose; each message says what was wrong and what to try.

Anything else that is raised is a fault of this package.
"""

from __future__ import annotations

from typing import Any


class QuokkaError(Exception):
    """Base class: catch this to catch everything the package raises deliberately."""


class ArgumentError(QuokkaError, ValueError):
    """An argument is not what was expected; the message names it, its value and what to give instead."""


class RunsError(QuokkaError, ValueError):
    """The table of runs cannot be used; the message lists every fault with its rows and columns.

    ``faults`` holds them as values where a table was checked (:class:`quokka_laws.runs.remarks.Remark`), ``source`` what the
    table is called.
    """

    def __init__(self, message: str, *, source: str = "", faults: tuple[Any, ...] = ()) -> None:
        super().__init__(message)
        self.source = source
        self.faults = faults


class ExpressionError(ArgumentError):
    """A formula or a condition cannot be read; the message shows it with a caret under the mistake."""


class FitError(QuokkaError, RuntimeError):
    """The fit, or a question asked of it, has no trustworthy answer."""


class FitFileError(FitError):
    """A file is no fit (or forecast), or a damaged one; the message names each field and what was expected there."""


class FarOutside(UserWarning):
    """A law was asked so far outside the runs behind it that the answer is no evidence; the message says where."""


class OutputError(QuokkaError, OSError):
    """A file cannot be written; the message names it, and what was there before is unchanged."""


class MissingDependencyError(QuokkaError, ImportError):
    """An optional dependency is needed; the message names the extra that installs it."""
