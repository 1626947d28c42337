"""What every reader is told: names of columns, the pattern of run names, facts from a table, progress."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from tqdm import tqdm

from quokka_laws.exceptions import RunsError
from quokka_laws.importers.names import NamePattern
from quokka_laws.runs.columns import ALIASES, INPUTS, POSITIVE, recognise
from quokka_laws.runs.files import flatten, read_table
from quokka_laws.runs.quantities import parse_quantity
from quokka_laws.runs.remarks import Remark, sentence

Item = TypeVar("Item")


@dataclass
class Options:
    """Options of readers; ``notes``, the names that did not match the pattern and what could not be read are collected."""

    columns: Mapping[str, str] = field(default_factory=dict)
    pattern: NamePattern | None = None
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    progress: bool = False
    notes: list[Remark] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def note(self, remark: Remark) -> None:
        """Say something of all runs, once."""
        if remark not in self.notes:
            self.notes.append(remark)

    def of(self, run: str) -> dict[str, Any]:
        """Arguments for :func:`quokka_laws.importers.fields.curve` that belong to one run."""
        named = self.pattern(run) if self.pattern else {}
        if self.pattern and not named:
            self.unmatched.append(run)
        facts = {k: v for k, v in self.facts.get(run, {}).items() if k != "loss"}  # that of a curve is its own
        return {"columns": self.columns, "name_facts": {**named, **facts}}

    def facts_of(self, path: str) -> Mapping[str, Any]:
        """Facts of a run that is known by a path, such as a model's: by the whole of it, or the only part that is a run's name."""
        if path in self.facts:
            return self.facts[path]
        names = (name for part in PurePosixPath(path).parts for name in (part, part.partition("@")[0]))
        parts = [name for name in dict.fromkeys(names) if name in self.facts]
        return self.facts[parts[0]] if len(parts) == 1 else {}

    def track(self, items: Iterable[Item], what: str) -> Iterator[Item]:
        """The items, with a progress bar on stderr when asked for, and when that is a terminal."""
        total = len(items) if isinstance(items, Sized) else None
        hidden = None if self.progress else True
        return iter(tqdm(items, desc=what, total=total, delay=2.0, disable=hidden, leave=False))


def read_facts(path: str | Path) -> dict[str, dict[str, Any]]:
    """A table with one row per run as run → facts; W&B's export of its table of runs is one (column ``Name``).

    Raises
    ------
    RunsError
        When no column names the run, or a run occurs twice.
    """
    table = flatten(read_table(path))
    aliases = {k: ALIASES[k] for k in ("run_id", *INPUTS, "loss")}
    mapping, _, faults = recognise([str(c) for c in table], {}, aliases)
    if "run_id" not in mapping.values():
        raise RunsError(f"{path}: no column names the run; call one run_id. It has {', '.join(map(str, table))}")
    if faults:
        raise RunsError(f"{path}: {'; '.join(sentence(fault) for fault in faults)}")
    named = table.rename(columns=mapping)
    if twice := sorted(set(named.loc[named["run_id"].duplicated(), "run_id"].astype(str))):
        raise RunsError(f"{path}: {', '.join(twice[:5])} occurs more than once; one row per run")
    facts: dict[str, dict[str, Any]] = {}
    for row, record in enumerate(named.to_dict("records"), 1):
        known = {k: v for k, v in record.items() if k in aliases and k != "run_id" and v not in ("", None) and v == v}
        try:
            facts[str(record["run_id"])] = {str(k): parse_quantity(v) for k, v in known.items() if k in POSITIVE}
        except ValueError as error:
            raise RunsError(f"{path}: row {row}: {error}") from None
    return facts
