"""The table of runs: canonical columns, checked once, with everything done to it on record.

=========  ==================================================  ==========
column     meaning                                             unit
=========  ==================================================  ==========
``N``      parameters                                          1
``D``      tokens seen in training, repetitions included       tokens
``C``      training compute                                    FLOPs
``U_D``    unique tokens                                       tokens
``epochs`` D / U_D                                             1
``loss``   final loss                                          nats/token
``run_id`` rows that share it come from one run                any
``weight`` weight of the row in the fit                        1
=========  ==================================================  ==========

Raw units everywhere: 7e9, never 7 (billion). Further columns are carried along untouched. What was derived,
converted or excluded is in ``runs.attrs`` and reaches every result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._expression_tree import quoted
from quokka_laws._spelling import BLANK
from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, ExpressionError, RunsError
from quokka_laws.runs import identity, sweeps, units, words
from quokka_laws.runs.checks import (
    EPOCHS_TOLERANCE,
    OWN,
    contradictions,
    duplicated,
    duplicates,
    mixed_units,
    raise_faults,
    rows_of,
    where_from,
    wrong_units,
)
from quokka_laws.runs.columns import INPUTS, Recognised, recognise_runs, scaled
from quokka_laws.runs.conventions import AS_GIVEN, UNSTATED, Conventions, flops_constant, training_flops
from quokka_laws.runs.expressions import rows_where
from quokka_laws.runs.files import flatten, read_table
from quokka_laws.runs.made_columns import made
from quokka_laws.runs.proposals import accuracies, proposed
from quokka_laws.runs.quantities import EMPTY, is_quantity, parse_quantities
from quokka_laws.runs.remarks import Remark
from quokka_laws.runs.reshape import reshaped
from quokka_laws.runs.rows import NUMBERED, ROW, default_index, labelled, plain_label, row_numbers, shared, unlabelled
from quokka_laws.runs.states import noted, states

POSITIVE = (*INPUTS, "loss")
FLOPS_TOLERANCE = 0.05
MOST_NOTES = 5  # texts of notes in a condition that is shown
SUMMARIES = ("average", "avg", "mean", "median", "total", "sum", "std", "stdev", "min", "max", "count")
STATED = ("N_counts", "loss_split", "loss_kind", "loss_unit", "tokenizer", "corpus")


def read_runs(
    source: Any,
    *,
    columns: Mapping[str, str] | None = None,
    flops: str = "6ND",
    flops_tolerance: float = FLOPS_TOLERANCE,
    drop: str | Mapping[str, str] | None = None,
    keep: str | Mapping[str, str] | None = None,
    best_of: str | Sequence[str] | None = None,
    bytes_per_token: float | None = None,
    **conventions: str,
) -> pd.DataFrame:
    """Read, map, complete and check a table of runs.

    Parameters
    ----------
    source : path, ``"-"`` for stdin, data, or several paths
        Files and data of any kind that :func:`quokka_laws.runs.files.read_table` knows; several paths are read as one
        table, with a column ``file``.
    columns : mapping, optional
        Canonical name → name in the table, ``{"N": "n_params"}``; ``{"N": "params_m:M"}`` for a column in millions (K, M,
        B, T), ``{"D": "steps * batch_tokens"}`` for a formula of columns. Common names are recognised without it.
    flops : str
        FLOP rule, ``"6ND"``; used to derive the missing one of N, D and C, and to check the three against each
        other. ``"as given"`` takes C from the table unchecked; plans then turn C into N·D by the runs' median C/(N·D).
    flops_tolerance : float
        Largest relative difference between C and the rule that is not a fault.
    drop, keep : str or mapping of str to str, optional
        Rows to leave out, or the only ones to keep, as conditions on columns: ``drop="D / N < 4"``, or reason → condition:
        ``drop={"diverged": "loss > 8"}``. Every excluded row is recorded with its reason. ``"duplicates"`` stands for all
        but the first of rows that agree in every column; ``row`` in a condition is the number of a row in the source, from 1
        (``drop="row in [3, 17]"``), unless a column has this name.
    best_of : str or sequence of str, optional
        Swept columns, such as ``("lr", "batch")``: keep the lowest loss of each N and D; see
        :func:`quokka_laws.runs.sweeps.best`.
    bytes_per_token : float, optional
        Bytes of text for each token: converts losses in bits or nats per byte to nats per token.
    **conventions
        ``N_counts``, ``loss_split``, ``loss_kind``, ``loss_unit`` (``"nats/token"``, ``"bits/token"``, ``"perplexity"``,
        ``"bits/byte"``, ``"nats/byte"``, ``"bits/character"``, ``"accuracy"`` …), ``tokenizer``, ``corpus``: see
        :class:`quokka_laws.Conventions`.

    Returns
    -------
    DataFrame
        Canonical columns first, as floats, then every other column under its own name; index 0 … n−1, or the labels of a
        DataFrame whose index holds names. Only ``loss`` has to be there: a law that is fitted says what it needs. In
        ``attrs``: ``conventions``, ``notes`` and ``excluded`` (each row left out by number, name, code and reason), as plain
        data. Rows without a usable number and rows of runs that did not finish are left out and listed.

    Raises
    ------
    RunsError
        Listing every fault with rows and columns; ``faults`` holds them as values.

    Examples
    --------
    >>> import pandas as pd, quokka_laws as ql
    >>> table = pd.DataFrame({"params": ["70M", "160M"], "tokens": ["2B", "4B"], "val_loss": [3.9, 3.5]})
    >>> ql.read_runs(table)[["N", "D", "C", "loss"]].shape
    (2, 4)
    """
    if unknown := sorted(set(conventions) - set(STATED)):
        raise ArgumentError(
            f"read_runs has no option {', '.join(unknown)}; conventions are {', '.join(sorted(STATED))}"
        )
    flops_constant(flops)
    original, notes = _table(source)
    raise_faults(source, _equal_names(original))
    original, cleaned = _filled(original, source)
    notes += cleaned
    named, factors = scaled(columns or {}, list(map(str, original)))
    original, sums = made(original, named)
    found = recognise_runs(original.drop(columns=list(OWN)), named)
    found.factors |= factors
    notes += sums + found.notes
    table, faults = _rename(original, found)
    raise_faults(source, [*found.faults, *faults])
    stated = {**original.attrs.get("conventions", {}), **conventions}
    unit = stated.pop("loss_unit", None)
    recorded = _conventions(table, Conventions.from_dict({**stated, "flops": flops}), found)
    table, excluded, said = _finished(table)
    notes += said
    table, gone = _without_summaries(table)
    excluded += gone
    _some_left(source, table, original, excluded, found)
    table = _numbers(table, found.factors, notes)
    table, gone, faults = _select(table, original, drop, keep, found)
    excluded += gone
    raise_faults(source, faults)
    notes += _noted(table)
    table, gone = _usable(table)
    excluded += gone
    _some_left(source, table, original, excluded, found)
    as_read = original.iloc[table["_row"].to_numpy()].reset_index(drop=True)
    ids, said = identity.runs_of_points(table.reset_index(drop=True), as_read)
    notes += said
    if ids is not None:
        table = table.assign(run_id=ids.to_numpy())
    unit = unit or _unit_column(table)
    table, recorded, said, faults = units.convert(table, recorded, found.given("loss"), unit, bytes_per_token)
    notes += said
    raise_faults(source, faults)
    table = _complete(table, recorded, notes)
    given = {canonical: name for name, canonical in found.mapping.items()}
    raise_faults(source, wrong_units(table, given))
    table.attrs = {
        "conventions": recorded.to_dict(),
        "excluded": [*original.attrs.get("excluded", []), *excluded],
        "notes": [note.to_dict() for note in notes],
        "source": where_from(source),
        "flops_tolerance": flops_tolerance,
        "renamed": original.attrs.get("renamed", {})
        | {a: b for a, b in found.mapping.items() if a != b and b not in found.factors},
        "undecided": found.undecided,
    }
    table = _checked(table, given)
    if best_of is not None:
        table = sweeps.best(table, [best_of] if isinstance(best_of, str) else list(best_of))
    elif (sweep := sweeps.seen(table)) is not None:
        table.attrs["notes"] = [*table.attrs["notes"], sweep.to_dict()]
    return _final(table)


def check_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Validate a table that already has canonical columns; returns it with C, D or epochs completed.

    Rows without a positive finite number where one is needed are left out and recorded in ``attrs["excluded"]``.

    Raises
    ------
    RunsError
        Listing every fault: missing columns, no usable row, C that contradicts the FLOP rule, epochs that contradict
        D / U_D, mixed units, duplicates.
    """
    source = runs.attrs.get("source", "runs")
    raise_faults(source, _equal_names(runs))
    if "loss" not in runs:
        names = [str(c) for c in runs]
        raise_faults(source, [Remark("no_loss", {"names": names}, advice=({"columns": {"loss": "…"}},))])
    return _final(_checked(runs))


def _checked(runs: pd.DataFrame, given: Mapping[str, str] | None = None) -> pd.DataFrame:
    attrs = dict(runs.attrs)
    source = attrs.get("source", "runs")
    conventions = Conventions.from_dict(attrs.get("conventions", {}))
    table = labelled(pd.DataFrame(runs, copy=True))
    table.attrs = {}  # pandas copies what is recorded with every column that is looked at
    if "_row" not in table:
        table.insert(0, "_row", np.arange(len(table)))
    for name in [k for k in POSITIVE if k in table]:
        table[name] = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float)
    table, gone = _usable(table)
    excluded = [*attrs.get("excluded", []), *gone]
    if table.empty:
        raise_faults(source, [Remark("no_usable_rows", {"n": len(runs), "reasons": _reasons(gone)})])
    notes: list[Remark] = []
    table = _complete(table, conventions, notes)
    if conventions.flops.startswith(AS_GIVEN) and {"N", "D", "C"} <= set(table):
        conventions = replace(conventions, flops=f"{AS_GIVEN} ({float(np.median(flops_per_ND(table))):.6g}ND)")
    faults = contradictions(table, conventions, float(attrs.get("flops_tolerance", FLOPS_TOLERANCE)), given)
    faults += mixed_units(table)
    faults += duplicates(table)
    raise_faults(source, faults)
    table.attrs = {**attrs, "conventions": conventions.to_dict(), "excluded": excluded}
    table.attrs["notes"] = [*attrs.get("notes", []), *(note.to_dict() for note in notes)]
    return table


def _final(table: pd.DataFrame) -> pd.DataFrame:
    """Canonical columns first, without the reader's own, with the owner's index or 0 … n−1."""
    attrs, table.attrs = table.attrs, {}
    first = [k for k in ("run_id", *POSITIVE, "weight") if k in table]
    table = table[[*first, *(k for k in table if k not in first and k not in OWN)]]
    table = unlabelled(table)
    table.attrs = shared(attrs)
    return table


def notes_of(runs: pd.DataFrame) -> list[Remark]:
    """What was chosen, changed and noticed in reading, as values."""
    return [Remark.from_dict(note) for note in runs.attrs.get("notes", [])]


def flops_per_ND(runs: pd.DataFrame) -> Array:
    """C/(N·D) of each run."""
    return (runs["C"] / (runs["N"] * runs["D"])).to_numpy(dtype=float)


def flops_spread(runs: pd.DataFrame) -> dict[str, float] | None:
    """Lowest, highest and median C/(N·D) where it is not one multiple, so that plans cannot turn a budget into N and D."""
    if not {"N", "D", "C"} <= set(runs):
        return None
    k = flops_per_ND(runs)
    middle = float(np.median(k))
    if np.abs(k / middle - 1).max() <= FLOPS_TOLERANCE:
        return None
    return {"lowest": float(k.min()), "highest": float(k.max()), "median": middle}


def row_names(runs: pd.DataFrame, chosen: Array) -> tuple[str, ...]:
    """What the user calls the rows where ``chosen`` is true: their run_id where each has its own, else their index or number."""
    if "run_id" in runs and runs["run_id"].is_unique:
        own = runs["run_id"].to_numpy()
    else:
        own = row_numbers(runs) if default_index(runs) else runs.index.to_numpy()
    return tuple(map(str, own[chosen]))


def equal_run_weights(runs: pd.DataFrame) -> pd.Series:
    """Row weights that give every ``run_id`` the same total, whatever its number of checkpoints; they sum to the rows."""
    if "run_id" not in runs:
        raise RunsError("equal_run_weights needs a column run_id")
    sizes = runs.groupby("run_id")["run_id"].transform("size")
    return (len(runs) / runs["run_id"].nunique() / sizes).rename("weight")


def identities(runs: pd.DataFrame) -> list[dict[str, Any]]:
    """What tells runs apart, row by row, for the record of those left out."""
    return runs[[k for k in ("run_id", "N", "D", "C", "loss") if k in runs]].to_dict("records")


def table_of(source: Any) -> pd.DataFrame:
    """The table as it came, before anything is made of it; several files as one. :func:`read_runs` reads it on."""
    return _table(source)[0]


# ---- the table as it came -------------------------------------------------------------------------------------


def _table(source: Any) -> tuple[pd.DataFrame, list[Remark]]:
    """The table, or several as one, and what was noticed in reading."""
    if isinstance(source, pd.DataFrame):
        raise_faults(source, _equal_names(source))
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
    return table


def _equal_names(table: pd.DataFrame) -> list[Remark]:
    names = pd.Series([str(c) for c in table.columns])
    twice = [name for name in names[names.duplicated()].unique() if name]
    return [Remark("equal_names", {"columns": [repr(name) for name in twice]})] if twice else []


def _filled(table: pd.DataFrame, source: Any) -> tuple[pd.DataFrame, list[Remark]]:
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


# ---- columns --------------------------------------------------------------------------------------------------


def _rename(table: pd.DataFrame, found: Recognised) -> tuple[pd.DataFrame, list[Remark]]:
    """Canonical names for the columns that were recognised, and a fault where none holds the loss."""
    names = [str(c) for c in table if c not in OWN]
    free = [c for c in names if c not in found.mapping]
    clashing = [c for c in table if c in found.mapping.values() and found.mapping.get(str(c)) != c]
    renamed = table.drop(columns=clashing).rename(columns=found.mapping)
    if "loss" in renamed or found.faults:
        return renamed, []
    if logs := [c for c in free if _holds_logs(table[c])]:
        return renamed, [Remark("logs_inside", {"columns": logs})]
    near: dict[str, Any] = {"columns": proposed(free, ["loss"], table)}
    if near["columns"]["loss"] == BLANK and (right := accuracies(free)):
        near = {"columns": {"loss": right[0]}, "loss_unit": "accuracy"}
    if all(name.isdecimal() for name in names):
        near = {"columns": {"N": BLANK, "D": BLANK, "loss": BLANK}}
        return renamed, [Remark("no_names", {"names": names}, advice=(near,))]
    return renamed, [Remark("no_loss", {"names": names}, advice=(near,))]


def _holds_logs(column: pd.Series) -> bool:
    """Whether cells are lists of objects, as logs inside an object of a run are."""
    filled = column.dropna()
    return bool(len(filled)) and str(filled.iloc[0]).lstrip().startswith("[{")


def _conventions(table: pd.DataFrame, conventions: Conventions, found: Recognised) -> Conventions:
    """Conventions that columns state, by their names or in columns of their own that do not vary."""
    size = found.given("N")
    if conventions.N_counts == UNSTATED:
        if words.without_embedding(size):
            conventions = replace(conventions, N_counts="non-embedding")
        elif words.active_parameters(size):
            conventions = replace(conventions, N_counts="active")
    if conventions.loss_split == UNSTATED:
        conventions = replace(conventions, loss_split=words.split_of(found.given("loss")))
    for name in ("loss_kind", "loss_split", "N_counts", "tokenizer", "corpus"):
        if name in table and getattr(conventions, name) == UNSTATED:
            said = table[name].dropna().astype(str)
            if len(said) and said.nunique() == 1 and said.iloc[0]:
                conventions = replace(conventions, **{name: said.iloc[0]})
    return conventions


def _unit_column(table: pd.DataFrame) -> str | None:
    """The unit that a column ``loss_unit`` states for all rows that are used."""
    if "loss_unit" not in table:
        return None
    said = sorted(set(table["loss_unit"].dropna().astype(str)) - {""})
    if len(said) > 1:
        raise RunsError(
            f"losses are in {' and '.join(said)}, which do not compare; keep one: keep=\"loss_unit == '{said[0]}'\""
        )
    return said[0] if said else None


# ---- rows -----------------------------------------------------------------------------------------------------


def _record(table: pd.DataFrame, mask: Any, remarks: Sequence[Remark]) -> list[dict[str, Any]]:
    """Records of rows left out: number, name, code, reason and what tells the run apart."""
    rows = table[np.asarray(mask, dtype=bool)]
    records = []
    for row, name, remark, known in zip(
        rows.index, rows.get("_label", pd.Series("", index=rows.index)), remarks, identities(rows), strict=True
    ):
        record = {
            "row": plain_label(row),
            **({"name": str(name)} if name else {}),
            "code": remark.code,
            "reason": str(remark),
        }
        records.append(record | {k: v for k, v in known.items() if not (isinstance(v, float) and np.isnan(v))})
    return records


def _some_left(
    source: Any, table: pd.DataFrame, original: pd.DataFrame, excluded: Sequence[Mapping[str, Any]], found: Recognised
) -> None:
    """Raise where no row is left to use, with the reasons; a loss that is negative throughout is a log-likelihood."""
    if not table.empty:
        return
    faults = [Remark("no_usable_rows", {"n": len(original), "reasons": _reasons(excluded)})]
    given = found.given("loss")
    if given in original and (np.nan_to_num(parse_quantities(original[given])[0]) < 0).all():
        faults = [Remark("negative_loss", {"column": given}, advice=({"columns": {"loss": f"-{quoted(given)}"}},))]
    raise_faults(source, faults)


def _reasons(excluded: Sequence[Mapping[str, Any]]) -> list[str]:
    """Reasons with the number of rows they hold for, the most frequent first."""
    counts = pd.Series([record["reason"] for record in excluded]).value_counts()
    shown = [f"{reason} ({n} rows)" if n > 1 else f"{reason}" for reason, n in counts.head(3).items()]
    return shown + (["…"] if len(counts) > 3 else [])


def _finished(table: pd.DataFrame) -> tuple[pd.DataFrame, list[dict[str, Any]], list[Remark]]:
    """Leave out rows whose run did not finish; they have no final loss to use."""
    said = states(table.drop(columns=[c for c in OWN if c in table]))
    notes = [Remark("unknown_state", {"column": c, "words": w}) for c, w in said.unknown.items()]
    bad = said.unfinished
    if not bad.any():
        return table, [], notes
    why = table["reason"] if "reason" in table else pd.Series(None, index=table.index)
    remarks = []
    for column, word, reason in zip(said.column[bad], said.word[bad], why[bad], strict=True):
        facts = {"column": column, "word": word}
        because = isinstance(reason, str) and reason
        remarks.append(Remark("state_because", facts | {"why": reason}) if because else Remark("state", facts))
    return table[~bad], _record(table, bad, remarks), notes


def _noted(table: pd.DataFrame) -> list[Remark]:
    """Notes that sound as if runs had not finished, with the condition that leaves out such rows."""
    remarks = []
    for column, cells in noted(table).items():
        texts = list(dict.fromkeys(map(str, cells)))
        named = rows_of(table, table["_row"].isin(table.loc[cells.index, "_row"]))
        plain = len(texts) <= MOST_NOTES and not any("'" in text for text in texts)
        condition = f"{quoted(column)} in [{', '.join(map(repr, texts))}]"
        advice = ({"drop": condition if len(texts) > 1 else f"{quoted(column)} == {texts[0]!r}"},) if plain else ()
        remarks.append(Remark("noted" if plain else "noted_only", {"column": column, "text": texts[0]}, named, advice))
    return remarks


def _without_summaries(table: pd.DataFrame) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Leave out rows at the end whose name is that of a summary, as spreadsheets have them: Average, Total."""
    said = table["_label"].astype(str).str.strip().str.lower().isin(SUMMARIES).to_numpy()
    last = np.logical_and.accumulate(said[::-1])[::-1]
    if not last.any() or last.all():
        return table, []
    remarks = [Remark("summary", {"word": word}) for word in table.loc[last, "_label"]]
    return table[~last], _record(table, last, remarks)


def _numbers(table: pd.DataFrame, factors: Mapping[str, float], notes: list[Remark]) -> pd.DataFrame:
    """Canonical columns as floats, NaN where a cell is no number; what it was stays in ``_was_NAME``, for reasons."""
    table = table.copy()
    for name in (*POSITIVE, "weight"):
        if name not in table:
            continue
        values, bad = parse_quantities(table[name])
        if bad:
            table[f"_was_{name}"] = table[name].astype(object)
        table[name] = values * factors.get(name, 1.0)
        if name in factors:
            notes.append(Remark("scaled", {"name": name, "factor": factors[name]}))
    own = ["run_id", *POSITIVE, "weight", *OWN]
    for name in [c for c in table if c not in own and not c.startswith("_was_")]:  # for conditions such as width > 64
        if not pd.api.types.is_numeric_dtype(table[name]):
            values = pd.to_numeric(table[name], errors="coerce")
            if values.notna().all():
                table[name] = values
    return table


def _select(
    table: pd.DataFrame,
    original: pd.DataFrame,
    drop: str | Mapping[str, str] | None,
    keep: str | Mapping[str, str] | None,
    found: Recognised,
) -> tuple[pd.DataFrame, list[dict[str, Any]], list[Remark]]:
    """The rows wanted, records of the others, and faults. Conditions know columns by either of their names."""
    excluded: list[dict[str, Any]] = []
    faults: list[Remark] = []
    total = len(table)
    for rule, inverted in ((drop, False), (keep, True)):
        if rule is None:
            continue
        queries = {f"not ({rule})" if inverted else rule: rule} if isinstance(rule, str) else dict(rule)
        for reason, query in queries.items():
            shown = [c for c in table if c not in OWN and not c.startswith("_was_")]
            frame = _complete(table[shown], Conventions(), [])
            frame = frame.assign(**{given: frame[name] for given, name in found.mapping.items() if given not in frame})
            if ROW not in frame:
                numbered = table.index.name == NUMBERED
                frame[ROW] = table.index.to_numpy() if numbered else table["_row"].to_numpy() + 1
            try:
                if query == "duplicates":
                    hit = duplicated(original.iloc[table["_row"].to_numpy()]).to_numpy()
                else:
                    hit = rows_where(query, frame)
            except ExpressionError as error:
                faults.append(Remark("text", {"text": str(error)}))
                continue
            out = ~hit if inverted else hit
            excluded += _record(table, out, [Remark("condition", {"reason": reason})] * int(out.sum()))
            table = table[~out]
    if table.empty and not faults:
        faults.append(Remark("no_rows_left", {"n": total}))
    return table, excluded, faults


def _usable(table: pd.DataFrame) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Rows with a positive finite number in every canonical column, and records of the others.

    An empty one of N, D and C is no fault where the other two are there: it is derived.
    """
    present = [k for k in (*POSITIVE, "weight") if k in table]
    values = table[present].to_numpy(dtype=float)
    good = np.isfinite(values) & (values > 0)
    for i, name in enumerate(present):
        if name == "weight":
            good[:, i] = np.isfinite(values[:, i]) & (values[:, i] >= 0)
    three = [present.index(k) for k in ("N", "D", "C") if k in present]
    was = {k: table.get(f"_was_{k}") for k in present}
    if len(three) == 3:
        two = good[:, three].sum(axis=1) == 2
        for i in three:
            blank = np.isnan(values[:, i])
            if (text := was[present[i]]) is not None:
                blank &= _blank(text)
            good[:, i] |= blank & two
    bad = ~good.all(axis=1)
    remarks = []
    for row in np.flatnonzero(bad):
        i = int(np.flatnonzero(~good[row])[-1 if not good[row, -1] and present[-1] != "weight" else 0])
        name, value = present[i], values[row, i]
        text = was[name]
        if not np.isnan(value):
            remarks.append(Remark("not_positive", {"column": name, "value": float(value)}))
        elif text is not None and not _blank(text.iloc[[row]])[0]:
            remarks.append(Remark("no_number", {"column": name, "value": _shown(text.iloc[row])}))
        else:
            remarks.append(Remark("empty", {"column": name}))
    excluded = _record(table, bad, remarks)
    kept = table[~bad].drop(columns=[c for c in table if str(c).startswith("_was_")])
    return kept, excluded


def _shown(cell: Any) -> Any:
    return cell.item() if isinstance(cell, np.generic) else cell


def _blank(cells: pd.Series) -> Array:
    """Cells that hold nothing, or what people write for it."""
    return np.asarray(cells.isna() | cells.astype(str).str.strip().str.lower().isin(EMPTY), dtype=bool)


def _complete(table: pd.DataFrame, conventions: Conventions, notes: list[Remark]) -> pd.DataFrame:
    """Derive what follows from the rest: D from U_D·epochs, one of N, D, C from the FLOP rule, epochs from D/U_D.

    U_D is the smaller of the corpus and D: where the corpus was not finished, epochs is 1 and U_D is D.
    """
    table = table.copy()
    k = conventions.flops_per_ND

    def derive(name: str, value: Any, how: str) -> None:
        table[name] = value
        notes.append(Remark("derived", {"name": name, "how": how}))

    with np.errstate(all="ignore"):
        if "D" not in table and {"U_D", "epochs"} <= set(table):
            derive("D", table["U_D"].astype(float) * table["epochs"].astype(float), "U_D · epochs")
        if "C" not in table and {"N", "D"} <= set(table):
            derive("C", training_flops(table["N"], table["D"], conventions.flops if k else "6ND"), f"{k:g}·N·D")
        elif "D" not in table and {"N", "C"} <= set(table):
            derive("D", table["C"].astype(float) / (k * table["N"].astype(float)), f"C/({k:g}·N)")
        elif "N" not in table and {"C", "D"} <= set(table):
            derive("N", table["C"].astype(float) / (k * table["D"].astype(float)), f"C/({k:g}·D)")
        if {"N", "D", "C"} <= set(table):
            table = _gaps(table, k, notes)
        if {"D", "U_D"} <= set(table) and (unseen := table["U_D"] > table["D"] * (1 + EPOCHS_TOLERANCE)).any():
            table["U_D"] = table["U_D"].mask(unseen, table["D"])
            notes.append(Remark("unseen_data", {}, rows_of(table, unseen) if "_row" in table else ()))
        if {"D", "epochs"} <= set(table) and (partial := table["epochs"] < 1 - EPOCHS_TOLERANCE).any():
            table["epochs"] = table["epochs"].mask(partial & (table["epochs"] > 0), 1.0)
            notes.append(Remark("partial_epoch", {}, rows_of(table, partial) if "_row" in table else ()))
        if "epochs" not in table and {"D", "U_D"} <= set(table):
            derive("epochs", table["D"].astype(float) / table["U_D"].astype(float), "D/U_D")
        if "U_D" not in table and {"D", "epochs"} <= set(table):
            derive("U_D", table["D"].astype(float) / table["epochs"].astype(float), "D/epochs")
    return table


def _gaps(table: pd.DataFrame, k: float, notes: list[Remark]) -> pd.DataFrame:
    """Single empty cells of N, D or C, from the other two."""
    for name, one, other in (("N", "C", "D"), ("D", "C", "N"), ("C", "N", "D")):
        gap = table[name].isna() & table[one].notna() & table[other].notna()
        if gap.any():
            value = k * table["N"] * table["D"] if name == "C" else table["C"] / (k * table[other])
            table[name] = table[name].where(~gap, value)
            how = f"{k:g}·N·D" if name == "C" else f"C/({k:g}·{other})"
            notes.append(
                Remark("derived_in", {"name": name, "how": how}, rows_of(table, gap) if "_row" in table else ())
            )
    return table
