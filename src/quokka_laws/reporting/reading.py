"""What was read of a table of runs, what was left out and why, and whether it is enough for a law: in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from quokka_laws.exceptions import RunsError
from quokka_laws.fitting.determined import check_design
from quokka_laws.fitting.run_diagnostics import of_runs
from quokka_laws.laws import Law
from quokka_laws.runs.conventions import Conventions
from quokka_laws.runs.read import notes_of
from quokka_laws.runs.remarks import row_of, sentence

TOGETHER = 6  # rows that were left out for one reason, above which one sentence names them all


@dataclass(frozen=True)
class Reading:
    """A table of runs, looked at before anything is fitted.

    Parameters
    ----------
    answer : str
        How many rows can be used, and whether they are enough for the law.
    left_out : tuple of str
        A sentence for each row that was left out.
    known : tuple of str
        What is doubtful about the rows.
    noticed : tuple of str
        What was chosen or changed in reading.
    routine : tuple of str
        Columns read under another name, and columns that follow from others.
    conventions : str
        How the numbers count.
    shortage : RunsError or None
        Why the rows are not enough for the law.
    """

    answer: str
    left_out: tuple[str, ...]
    known: tuple[str, ...]
    noticed: tuple[str, ...]
    routine: tuple[str, ...]
    conventions: str
    shortage: RunsError | None


def reading(runs: pd.DataFrame, law: Law) -> Reading:
    """What :func:`quokka_laws.read_runs` made of a table."""
    attrs = runs.attrs
    verdict, shortage = f"enough for {law.label} ({len(law.coefficients)} coefficients)", None
    try:
        check_design(law, runs)
    except RunsError as error:
        verdict, shortage = f"not enough for {law.label}", error
    left_out = attrs.get("excluded", [])
    notes = notes_of(runs)
    return Reading(
        f"{attrs.get('source', 'runs')}: {len(runs)} rows usable, {len(left_out)} excluded; {verdict}",
        _excluded(left_out),
        tuple(diagnostic.sentence() for diagnostic in of_runs(runs, law)),
        tuple(sentence(note) for note in notes if not note.routine and note.code != "sweep"),  # it is among the doubts
        tuple(map(str, (note for note in notes if note.routine))),
        Conventions.from_dict(attrs.get("conventions", {})).describe(),
        shortage,
    )


def _excluded(records: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """A sentence for each row left out, or one for all that were left out for one reason where they are many."""
    by_reason: dict[str, list[str]] = {}
    for record in records:
        by_reason.setdefault(str(record["reason"]), []).append(row_of(record))
    said: list[str] = []
    for reason, rows in by_reason.items():
        if len(rows) > TOGETHER:
            said.append(f"{len(rows)} rows excluded: {reason}: {', '.join(row.removeprefix('row ') for row in rows)}")
        else:
            said += [f"{row} excluded: {reason}" for row in rows]
    return tuple(said)
