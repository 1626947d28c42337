"""What a person chose on the page: files, how to read them, what to ask. Plain frozen values, the same in page and worker."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from quokka_laws.exceptions import ArgumentError
from quokka_laws.runs.quantities import parse_list, plausible
from quokka_laws.runs.rows import ROW

UNITS = {"": "ones", "K": "thousands", "M": "millions", "B": "billions", "T": "trillions"}
FLOPS = ("6ND", "as given")
IMPORTED = "imported.jsonl"
"""Where the table is kept that logs were turned into."""
DEFAULT_REFITS = 1000


@dataclass(frozen=True)
class File:
    """A file in the folder of the session: its name, and a digest, so that another of its name is another file."""

    name: str
    digest: str


@dataclass(frozen=True)
class Reading:
    """How files become runs: the options of :func:`quokka_laws.read_runs`, and of ``import_runs`` for logs."""

    files: tuple[File, ...] = ()
    kind: str = "auto"
    """``"auto"``, ``"table"`` or ``"logs"``."""
    columns: tuple[tuple[str, str], ...] = ()
    flops: str = "6ND"
    drop: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    """Numbers of rows in the source, from 1, that were left out by hand."""
    keep: str = ""
    best_of: tuple[str, ...] = ()
    loss_unit: str = ""
    bytes_per_token: float | None = None
    tokens_per_step: str = ""
    names: str = ""
    """The pattern of run names, for logs."""

    @property
    def sources(self) -> list[str]:
        """Names of the files."""
        return [file.name for file in self.files]

    @property
    def conditions(self) -> tuple[str, ...]:
        """Which rows are left out, by what was typed and by hand."""
        picked = (f"{ROW} in [{', '.join(map(str, self.rows))}]",) if self.rows else ()
        return (*self.drop, *picked)

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of ``read_runs`` but the columns, those at their defaults left out."""
        given = {
            "flops": None if self.flops == FLOPS[0] else self.flops,
            "drop": {f"drop: {condition}": condition for condition in self.conditions} or None,
            "keep": self.keep or None,
            "best_of": list(self.best_of) or None,
            "bytes_per_token": self.bytes_per_token,
            "loss_unit": self.loss_unit or None,
        }
        return {name: value for name, value in given.items() if value is not None}

    def mapped(self, canonical: str, column: str, unit: str = "") -> Reading:
        """With another column for a canonical name; an empty one leaves it to be recognised."""
        rest = tuple(pair for pair in self.columns if pair[0] != canonical)
        given = ((canonical, f"{column}:{unit}" if unit else column),) if column else ()
        return replace(self, columns=(*rest, *given))

    def without(self, condition: str) -> Reading:
        """With the rows left out that meet a condition."""
        return self if condition in self.drop else replace(self, drop=(*self.drop, condition))


@dataclass(frozen=True)
class Question:
    """What is asked of the runs: the options of ``quokka-laws fit``, budgets and data as typed."""

    law: str = ""
    """By name or as a formula; empty: chosen by the runs."""
    C: str = ""
    U_D: str = ""
    refits: int = DEFAULT_REFITS
    seed: int = 0
    objective: str = ""
    outliers: bool = False
    """Whether outlying rows that carry the answer are left out."""

    @property
    def budgets(self) -> tuple[float, ...]:
        """FLOPs, or an ArgumentError."""
        return _quantities("C", self.C)

    @property
    def unique(self) -> tuple[float, ...]:
        """Unique tokens, or an ArgumentError."""
        return _quantities("U_D", self.U_D)

    def faults(self) -> list[str]:
        """What cannot be read, a sentence each."""
        said = []
        for name in ("budgets", "unique"):
            try:
                getattr(self, name)
            except ArgumentError as error:
                said.append(str(error))
        return said


def _quantities(name: str, text: str) -> tuple[float, ...]:
    return tuple(plausible(name, one) for one in parse_list(text)) if text.strip() else ()
