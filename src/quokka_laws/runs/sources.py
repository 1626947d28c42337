"""The table as it came: a file, several as one, or a DataFrame; without empty rows, each row with what its owner calls it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws.exceptions import RunsError
from quokka_laws.runs import identity, words
from quokka_laws.runs.checks import OWN, raise_faults, where_from
from quokka_laws.runs.columns import POSITIVE, recognise_runs
from quokka_laws.runs.files import flatten, read_table
from quokka_laws.runs.quantities import is_quantity
from quokka_laws.runs.remarks import Remark
from quokka_laws.runs.reshape import reshaped
from quokka_laws.runs.rows import NUMBERED, labelled


def table_of(source: Any) -> pd.DataFrame:
    """The table as it came, before anything is made of it; several files as one. :func:`~quokka_laws.runs.read.read_runs` reads it on."""
    return table_and_notes(source)[0]


def table_and_notes(source: Any) -> tuple[pd.DataFrame, list[Remark]]:
    """The table, or several as one, and what was noticed in reading."""
    if isinstance(source, pd.Series):  # of losses, say, by an index of N and D
        source = source.to_frame()
    if isinstance(source, pd.DataFrame):
        raise_faults(source, equal_names(source))
        table = _reshaped(_with_index(flatten(read_table(source))))
    elif not _are_paths(source):
        table = _reshaped(flatten(read_table(source)))
    else:
        paths = [Path(path) for path in source]
        if len(paths) == 1:
            table = _reshaped(flatten(read_table(paths[0])))
        else:
            parts = [_reshaped(flatten(read_table(path))) for path in paths]
            notes = [
                {**note, "file": str(path)} for part, path in zip(parts, paths, strict=True) for note in _read(part)
            ]
            parts, said = _one_language(parts, paths)
            notes += [remark.to_dict() for remark in said]
            named = [
                part if "file" in part else part.assign(file=path.stem) for part, path in zip(parts, paths, strict=True)
            ]
            table = pd.concat([part.reset_index(drop=True) for part in named], ignore_index=True)
            table.attrs = {"remarks": [*notes, Remark("several_files", {"count": len(paths)}).to_dict()]}
    if table.empty:
        raise RunsError(f"{where_from(source)}: there are no rows")
    return table, [Remark.from_dict(note) for note in _read(table)]


def _reshaped(table: pd.DataFrame) -> pd.DataFrame:
    """One row per run, with what was turned among the remarks."""
    if table.empty:
        return table
    table, turned = reshaped(table)
    if turned:
        table.attrs["remarks"] = [*_read(table), *(remark.to_dict() for remark in turned)]
    return table


def _one_language(parts: list[pd.DataFrame], paths: list[Path]) -> tuple[list[pd.DataFrame], list[Remark]]:
    """Tables that name one thing differently, with the names of the first: ``params`` in one file, ``n_params`` in another.

    Raises
    ------
    RunsError
        Where they count it in different units.
    """
    first, notes = recognise_runs(parts[0], {}), []
    called = {canonical: first.given(canonical) for canonical in first.mapping.values()}
    renamed = [parts[0]]
    for part, path in zip(parts[1:], paths[1:], strict=True):
        found = recognise_runs(part, {})
        names = {g: called[c] for g, c in found.mapping.items() if c in called and called[c] not in part}
        for given, wanted in names.items():
            canonical = found.mapping[given]
            both = ((wanted, first), (given, found))
            units = [(words.unit_of(n), f.factors.get(canonical, 1.0)) for n, f in both]
            splits = {words.split_of(n) for n, _ in both} if canonical == "loss" else set()
            if units[0] != units[1] or {"training", "validation"} <= splits:
                apart = "which do not compare" if units[0] == units[1] else "in another unit"
                raise RunsError(
                    f"{paths[0]} has {canonical} as {wanted!r} and {path} as {given!r}, {apart}; write both in one, or "
                    "read the files one by one"
                )
            notes.append(Remark("same_column", {"file": str(path), "column": given, "name": wanted}))
        renamed.append(part.rename(columns=names))
    return renamed, notes


def _read(table: pd.DataFrame) -> list[Any]:
    """What reading the file remarked, or what was said of a table that was read before."""
    return list(table.attrs.get("remarks", table.attrs.get("notes", [])))


def _are_paths(source: Any) -> bool:
    return isinstance(source, list | tuple) and len(source) > 0 and all(isinstance(one, str | Path) for one in source)


def _with_index(table: pd.DataFrame) -> pd.DataFrame:
    """A DataFrame whose index has names, with what they hold as columns too."""
    for level, name in enumerate(table.index.names):
        if name is not None and name != NUMBERED and name not in table.columns:
            table.insert(level, name, table.index.get_level_values(level))
    own = [
        None if name in (*POSITIVE, "run_id") else name for name in table.index.names
    ]  # else pandas finds two of the name
    return table.set_axis(table.index.set_names(own), axis=0)


def equal_names(table: pd.DataFrame) -> list[Remark]:
    names = pd.Series([str(c) for c in table.columns])
    twice = [name for name in names[names.duplicated()].unique() if name]
    return [Remark("equal_names", {"columns": [repr(name) for name in twice]})] if twice else []


def filled(table: pd.DataFrame, source: Any) -> tuple[pd.DataFrame, list[Remark]]:
    """The table without empty rows and columns; rows named by the owner's index, else by number, and by their run."""
    attrs = table.attrs
    table = labelled(table.rename(columns=str))
    empty = pd.DataFrame({c: _empty(table[c]) for c in table if c not in (*OWN, "file")}, index=table.index)
    notes = []
    rows = empty.all(axis=1)
    if rows.all():
        raise RunsError(f"{where_from(source)}: there are no rows with a value")
    if rows.any():
        notes.append(Remark("empty_rows", {"n": int(rows.sum())}))
        table, empty = table[~rows], empty[~rows]
    unheaded = [c for c in empty if empty[c].all() and (not c.strip() or c.startswith("Unnamed:"))]
    if unheaded:
        table = table.drop(columns=unheaded)
    names = pd.Series("", index=table.index, dtype=object)
    if table.index.name == NUMBERED and (column := _calling(table)) is not None:
        names = table[column].astype(str)
    table.insert(0, "_row", np.arange(len(table)))  # positions, since two rows may have one name
    table.insert(1, "_label", names)
    table.attrs = attrs
    return table, notes


def _calling(table: pd.DataFrame) -> str | None:
    """What messages call rows by: names or IDs of runs, else the first column of texts that tells all rows apart."""
    if (column := identity.name_column(table) or identity.id_column(table)) is not None:
        return column
    for name in map(str, table):
        cells = table[name]
        texts = not pd.api.types.is_numeric_dtype(cells) and cells.is_unique and not _empty(cells).any()
        if texts and not any(map(is_quantity, cells)):
            return name
    return "file" if "file" in table else None


def _empty(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column):
        return column.isna()
    return column.isna() | column.astype(str).str.strip().isin(("", "nan", "NaN", "None"))
