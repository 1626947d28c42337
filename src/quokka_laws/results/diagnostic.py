"""One thing that is doubtful about a fit or an answer, as data; ``sentences`` says it in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from quokka_laws._spelling import option
from quokka_laws.results.sentences import sentence


class Severity(Enum):
    """What a diagnostic does to the answer."""

    ERROR = "error"
    """The answer, or its interval, is not to be used."""
    WARNING = "warning"
    """The answer may be off by more than its interval says."""
    NOTE = "note"
    """Worth knowing; the answer stands."""


@dataclass(frozen=True)
class Option:
    """Something to try: an argument of :func:`quokka_laws.fit`, which is also an option of the command line."""

    name: str
    value: Any

    def __str__(self) -> str:
        return option(self.name, self.value)


@dataclass(frozen=True)
class Diagnostic:
    """One thing that is doubtful.

    Parameters
    ----------
    code : str
        For programs: ``"LOW_RATIO_RUNS"``; ``quokka_laws.results.sentences`` lists all.
    severity : Severity
    numbers : mapping of str to value
        What was measured, JSON-plain.
    rows : tuple of str
        Names of the rows it is about, as the user's table has them.
    advice : tuple of Option
        What to try, each by itself.
    """

    code: str
    severity: Severity = Severity.WARNING
    numbers: Mapping[str, Any] = field(default_factory=dict, hash=False)
    rows: tuple[str, ...] = ()
    advice: tuple[Option, ...] = ()

    def sentence(self) -> str:
        """In words; what to try is spelt for Python or for the command line, whichever is used."""
        return sentence(self.code, self.numbers, self.rows, list(map(str, self.advice)))

    def __str__(self) -> str:
        return self.sentence()

    def to_dict(self) -> dict[str, Any]:
        """Plain data that :meth:`from_dict` turns back into an equal diagnostic."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "numbers": dict(self.numbers),
            "rows": list(self.rows),
            "advice": [[each.name, each.value] for each in self.advice],
            "text": self.sentence(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Diagnostic:
        """Rebuild a diagnostic from :meth:`to_dict`."""
        advice = tuple(Option(name, value) for name, value in data["advice"])
        return cls(data["code"], Severity(data["severity"]), data["numbers"], tuple(data["rows"]), advice)


Diagnose = Callable[[Any], tuple[Diagnostic, ...]]
"""From a result to what is doubtful about it. Results carry one, so that nobody pays for diagnostics that nobody reads."""


@dataclass(frozen=True)
class Known:
    """Diagnostics that were found earlier, such as those of a stored fit."""

    diagnostics: tuple[Diagnostic, ...] = ()

    def __call__(self, result: Any) -> tuple[Diagnostic, ...]:
        return self.diagnostics
