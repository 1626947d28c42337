"""Files as runs: read as chosen, with what was read, what was left out and why, and what would mend a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from quokka_laws.app.choices import IMPORTED, Reading
from quokka_laws.app.shown import LONGEST, SHOWN, Look, Offer
from quokka_laws.cli.group import refusal
from quokka_laws.cli.output import as_json_lines
from quokka_laws.cli.runs import summary
from quokka_laws.exceptions import QuokkaError, RunsError
from quokka_laws.fitting.determined import law_for
from quokka_laws.importers.collect import import_runs
from quokka_laws.importers.detect import detect
from quokka_laws.laws import Chinchilla
from quokka_laws.reporting.reading import reading as reading_of
from quokka_laws.runs.columns import ALIASES
from quokka_laws.runs.files import flatten, read_table
from quokka_laws.runs.read import notes_of, read_runs
from quokka_laws.runs.remarks import row_of, tried
from quokka_laws.runs.rows import ROW, row_numbers
from quokka_laws.writing import write_atomically


def look(choice: Reading) -> Look:
    """Read the files and say what was made of them; never raises for a mistake of the user's."""
    columns = columns_of(choice)
    try:
        runs, kind, imported = runs_of(choice)
    except QuokkaError as error:
        return Look(refused=refusal(error)[0], offers=offers_of(error, choice), columns=columns)
    seen = reading_of(runs, law_for(Chinchilla(), runs))
    short = () if seen.shortage is None else (str(seen.shortage),)
    return replace(
        _seen(runs, columns, kind, imported),
        answer=seen.answer,
        notes=(*imported, *short, *seen.noticed, *seen.known),
        routine=(seen.conventions, *seen.routine),
    )


def _seen(runs: pd.DataFrame, columns: tuple[str, ...], kind: str, imported: tuple[str, ...], **more: Any) -> Look:
    gone = [(record.get("row"), row_of(record), record["reason"]) for record in runs.attrs.get("excluded", [])]
    return Look(
        left_out=pd.DataFrame(gone, columns=["number", "row", "why"]),
        notes=imported,
        table=_shown(runs),
        columns=columns,
        mapping=mapping_of(runs, columns),
        kind=kind,
        rows=len(runs),
        **more,
    )


def _shown(runs: pd.DataFrame) -> pd.DataFrame:
    """The first rows with their numbers in the source, and the beginnings of their texts."""
    shown = runs.head(SHOWN).copy()
    shown.attrs = {}
    if ROW not in runs:
        shown.insert(0, ROW, row_numbers(runs)[: len(shown)])
    for name in shown.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in shown.dtypes]]:
        shown[name] = shown[name].astype(str).str.slice(0, LONGEST)
    return shown


def runs_of(choice: Reading) -> tuple[pd.DataFrame, str, tuple[str, ...]]:
    """The runs, whether the files were a table or logs, and what was said of logs.

    Unless one is chosen, logs are what is no table, and a table that cannot be read as one row a run.

    Raises
    ------
    QuokkaError
        What the first of the two ways says.
    """
    if choice.kind == "table" or (choice.kind == "auto" and all(map(_is_table, choice.sources))):
        try:
            return table_of(choice), "table", ()
        except RunsError:
            if choice.kind == "table":
                raise
            try:
                return logs_of(choice)
            except QuokkaError:
                pass
            raise
    return logs_of(choice)


def _is_table(name: str) -> bool:
    """Whether a file is a table, or nothing else that is known."""
    try:
        return detect(name) == "table"
    except RunsError:
        return True


def table_of(choice: Reading) -> pd.DataFrame:
    """Files with a row for each run."""
    return read_runs(_one_or_several(choice.sources), columns=dict(choice.columns), **choice.options)


def logs_of(choice: Reading) -> tuple[pd.DataFrame, str, tuple[str, ...]]:
    """Files with a row for each step, a run's end taken as its row."""
    table = import_runs(
        choice.sources,
        columns=dict(choice.columns),
        name=choice.names or None,
        tokens_per_step=choice.tokens_per_step or None,
    )
    write_atomically(IMPORTED, as_json_lines(table) + "\n")
    notes = (*summary(table).split("\n"), *(f"Not read: {fault}" for fault in table.attrs["unread"]))
    return read_runs(IMPORTED, **choice.options), "logs", tuple(note.strip() for note in notes)


def _one_or_several(sources: list[str]) -> str | list[str]:
    return sources[0] if len(sources) == 1 else sources


def columns_of(choice: Reading) -> tuple[str, ...]:
    """The columns of the files that are tables; those of the first where several differ come first."""
    found: dict[str, None] = {}
    for name in choice.sources:
        try:
            if Path(name).is_file() and _is_table(name):
                found |= dict.fromkeys(map(str, flatten(read_table(name))))
        except QuokkaError:
            continue
    return tuple(found)


def mapping_of(runs: pd.DataFrame, columns: tuple[str, ...]) -> dict[str, str]:
    """Canonical name → column of the file that holds it; derived ones are not in it."""
    named = {note.facts["name"]: note.facts["column"] for note in notes_of(runs) if note.code == "read_as"}
    return {c: str(named.get(c, c)) for c in map(str, runs) if c in named or (c in ALIASES and c in columns)}


def offers_of(error: Exception, choice: Reading) -> tuple[Offer, ...]:
    """What the faults of a table advise, as buttons; advice with a blank to fill is left to the selects."""
    offers = []
    for fault in getattr(error, "faults", ()):
        for advice in fault.advice:
            changed = _changed(choice, advice)
            if changed is not None:
                offers.append(Offer(f"Try {tried([advice])}", {"reading": changed}))
    return tuple(offers)


def _changed(choice: Reading, advice: Mapping[str, Any]) -> Reading | None:
    known = {"flops", "loss_unit", "keep"}
    for name, value in advice.items():
        if name == "columns" and not any("…" in column for column in value.values()):
            for canonical, column in value.items():
                choice = choice.mapped(canonical, column)
        elif name == "drop" and isinstance(value, str):
            choice = choice.without(value)
        elif name == "best_of":
            choice = replace(choice, best_of=(value,) if isinstance(value, str) else tuple(value))
        elif name in known:
            choice = replace(choice, **{name: value})
        else:
            return None
    return choice
