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
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._expression_tree import quoted
from quokka_laws._spelling import BLANK, option
from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, RunsError
from quokka_laws.runs import identity, sweeps, units, words
from quokka_laws.runs.checks import (
    OWN,
    contradictions,
    duplicates,
    mixed_units,
    overflowed,
    raise_faults,
    where_from,
    wrong_units,
)
from quokka_laws.runs.columns import POSITIVE, Recognised, recognise_runs, scaled
from quokka_laws.runs.conventions import AS_GIVEN, UNSTATED, Conventions, flops_constant
from quokka_laws.runs.derived import FLOPS_TOLERANCE, complete, flops_per_ND
from quokka_laws.runs.left_out import finished, noted_rows, reasons, select, some_left, usable, without_summaries
from quokka_laws.runs.made_columns import made
from quokka_laws.runs.proposals import accuracies, proposed
from quokka_laws.runs.quantities import parse_quantities
from quokka_laws.runs.remarks import Remark
from quokka_laws.runs.rows import default_index, labelled, row_numbers, shared, unlabelled
from quokka_laws.runs.sources import equal_names, filled, table_and_notes

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
    original, notes = table_and_notes(source)
    raise_faults(source, equal_names(original))
    original, cleaned = filled(original, source)
    notes += cleaned
    named, factors = scaled(columns or {}, list(map(str, original)))
    original, sums = made(original, named)
    found = recognise_runs(original.drop(columns=list(OWN)), named)
    found.factors |= factors
    notes += sums + found.notes
    if {"log", "loss"} <= set(words.words(called := found.given("loss"))) and "loss" not in named:
        notes.append(Remark("log_loss", {"column": called}, advice=({"columns": {"loss": f"exp({quoted(called)})"}},)))
    table, faults = _rename(original, found)
    raise_faults(source, [*found.faults, *faults])
    stated = {**original.attrs.get("conventions", {}), **conventions}
    unit = stated.pop("loss_unit", None)
    recorded = _conventions(table, Conventions.from_dict({**stated, "flops": flops}), found)
    table, excluded, said = finished(table)
    notes += said
    table, gone = without_summaries(table)
    excluded += gone
    some_left(source, table, original, excluded, found)
    table = _numbers(table, found.factors, notes)
    table, gone, faults = select(table, original, drop, keep, found)
    excluded += gone
    given = {canonical: name for name, canonical in found.mapping.items()}
    raise_faults(source, [*faults, *overflowed(table, recorded, flops_tolerance, given)])
    table, gone = usable(table)
    excluded += gone
    some_left(source, table, original, excluded, found)
    notes += noted_rows(table)
    as_read = original.iloc[table["_row"].to_numpy()].reset_index(drop=True)
    ids, said = identity.runs_of_points(table.reset_index(drop=True), as_read)
    notes += said
    if ids is not None:
        table = table.assign(run_id=ids.to_numpy())
    unit = unit or _unit_column(table)
    table, recorded, said, faults = units.convert(table, recorded, found.given("loss"), unit, bytes_per_token)
    notes += said
    raise_faults(source, faults)
    if "loss_unit" in table:  # as it is now, so that a table that is read again is not converted again
        table = table.assign(loss_unit=recorded.loss_unit)
    table = complete(table, recorded, notes)
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


def as_runs(runs: Any, columns: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Runs, whatever they are handed over as: a table that was read before is checked, anything else is read.

    Parameters
    ----------
    runs : DataFrame, path or data
    columns : mapping, optional
        As for :func:`read_runs`.
    """
    if isinstance(runs, pd.DataFrame) and not columns and "conventions" in runs.attrs:
        return check_runs(runs)
    return read_runs(runs, columns=columns)


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
    raise_faults(source, equal_names(runs))
    if "loss" not in runs:
        names = [str(c) for c in runs]
        raise_faults(source, [Remark("no_loss", {"names": names}, advice=({"columns": {"loss": "…"}},))])
    table = _checked(runs)
    if "C" not in runs:  # N, D and C that agree may be in units of one's own
        raise_faults(source, wrong_units(table))
    return _final(table)


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
    table, gone = usable(table)
    excluded = [*attrs.get("excluded", []), *gone]
    if table.empty:
        raise_faults(source, [Remark("no_usable_rows", {"n": len(runs), "reasons": reasons(gone)})])
    notes: list[Remark] = []
    table = complete(table, conventions, notes)
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
        condition = f"loss_unit == {said[0]!r}"
        raise RunsError(
            f"losses are in {' and '.join(said)}, which do not compare; keep one: {option('keep', condition)}"
        )
    return said[0] if said else None


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
