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

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, ExpressionError, RunsError
from quokka_laws.runs.checks import (
    EPOCHS_TOLERANCE,
    contradictions,
    duplicated,
    duplicates,
    mixed_units,
    raise_faults,
    rows_named,
    where_from,
    wrong_units,
)
from quokka_laws.runs.columns import INPUTS, plain_name, recognise, scaled, suggested
from quokka_laws.runs.conventions import AS_GIVEN, Conventions, flops_constant, training_flops
from quokka_laws.runs.expressions import rows_where
from quokka_laws.runs.files import flatten, read_table
from quokka_laws.runs.quantities import is_empty, parse_quantities
from quokka_laws.runs.rows import labelled, plain_label, unlabelled

POSITIVE = (*INPUTS, "loss")
FLOPS_TOLERANCE = 0.05
FINISHED = ("", "ok", "finished", "completed", "complete", "success", "done")
UNFINISHED = ("failed", "crashed", "killed", "running", "pending", "preempting", "preempted", "stopped", "error")


def read_runs(
    source: Any,
    *,
    columns: Mapping[str, str] | None = None,
    flops: str = "6ND",
    flops_tolerance: float = FLOPS_TOLERANCE,
    drop: str | Mapping[str, str] | None = None,
    keep: str | Mapping[str, str] | None = None,
    **conventions: str,
) -> pd.DataFrame:
    """Read, map, complete and check a table of runs.

    Parameters
    ----------
    source : path, ``"-"`` for stdin, or data
        CSV, JSON lines or Parquet, by ending; stdin may hold CSV or JSON lines. Data: a DataFrame of pandas, polars or
        pyarrow, a dict of columns, a list of dicts.
    columns : mapping, optional
        Canonical name → name in the table, ``{"N": "n_params"}``; ``{"N": "params_m:M"}`` for a column in millions (K, M,
        B, T). Common names are recognised without it.
    flops : str
        FLOP rule, ``"6ND"``; used to derive the missing one of N, D and C, and to check the three against each
        other. ``"as given"`` takes C from the table unchecked; plans then turn C into N·D by the runs' median C/(N·D).
    flops_tolerance : float
        Largest relative difference between C and the rule that is not a fault.
    drop, keep : str or mapping of str to str, optional
        Rows to leave out, or the only ones to keep, as conditions on columns (:mod:`quokka_laws.runs.expressions`):
        ``drop="D / N < 4"``, or reason → condition: ``drop={"diverged": "loss > 8"}``. Every excluded row is recorded
        with its reason. ``"duplicates"`` stands for all but the first of rows that agree in every canonical column.
    **conventions
        ``N_counts``, ``loss_split``, ``loss_kind``, ``loss_unit`` (``"nats/token"``, ``"bits/token"``,
        ``"bits/byte"``), ``tokenizer``, ``corpus``: see :class:`quokka_laws.Conventions`.

    Returns
    -------
    DataFrame
        Canonical columns first, as floats, then every other column under its own name; the index of a DataFrame that has
        one of its own, else 0 … n−1. Only ``loss`` has to be there: a law that is fitted says what it needs. Messages name
        rows by that index, else by their number in the source, from 1.

    Raises
    ------
    RunsError
        Listing every fault with rows and columns.

    Examples
    --------
    >>> import pandas as pd, quokka_laws as ql
    >>> table = pd.DataFrame({"params": ["70M", "160M"], "tokens": ["2B", "4B"], "val_loss": [3.9, 3.5]})
    >>> ql.read_runs(table)[["N", "D", "C", "loss"]].shape
    (2, 4)
    """
    table = flatten(read_table(source))
    if table.empty:
        raise RunsError(f"{where_from(source)}: there are no rows")
    known = {"N_counts", "loss_split", "loss_kind", "loss_unit", "tokenizer", "corpus"}
    if unknown := sorted(set(conventions) - known):
        raise ArgumentError(f"read_runs has no option {', '.join(unknown)}; conventions are {', '.join(sorted(known))}")
    flops_constant(flops)
    notes: list[str] = list(table.attrs.get("notes", []))
    stated = {**table.attrs.get("conventions", {}), **conventions}
    recorded = Conventions.from_dict({**stated, "flops": flops})
    faults: list[str] = []
    named, factors = scaled(columns or {}, list(table))
    table, recorded = _rename(table, named, recorded, notes, faults)
    raise_faults(source, faults)
    renamed, undecided = table.attrs["renamed"], table.attrs["undecided"]
    table, failed = _finished(table)
    table, unread = _numbers(table)
    table = table.assign(**{name: table[name] * factor for name, factor in factors.items()})
    notes += [f"{name} multiplied by {factor:g}" for name, factor in factors.items()]
    table, excluded, faults = _select(table, drop, keep, unread)
    excluded = [*failed, *excluded]
    recorded = _column_conventions(table, recorded)
    if faults:  # what else is wrong, in the rows that can be read
        unreadable = set().union(*(rows for _, rows in unread))
        sound = table[~table["_row"].isin(unreadable)]
        raise_faults(source, [*faults, *(_faults_of(sound, recorded, flops_tolerance) if len(sound) else [])])
    table, recorded = _units(table, recorded, notes)
    table = _complete(table, recorded, notes)
    raise_faults(source, [*wrong_units(table), *_faults_of(table, recorded, flops_tolerance)])
    table.attrs = {
        "conventions": recorded.to_dict(),
        "excluded": [*table.attrs.get("excluded", []), *excluded],
        "notes": notes,
        "source": where_from(source),
        "flops_tolerance": flops_tolerance,
        "renamed": {given: canonical for given, canonical in renamed.items() if canonical not in factors},
        "undecided": undecided,
    }
    return check_runs(table)


def _faults_of(table: pd.DataFrame, conventions: Conventions, tolerance: float) -> list[str]:
    """Every fault of the values of a table with canonical columns."""
    if faults := _not_positive(table):
        return faults
    return [*contradictions(table, conventions, tolerance), *mixed_units(table), *duplicates(table)]


def _not_positive(table: pd.DataFrame) -> list[str]:
    faults = []
    for name in (k for k in POSITIVE if k in table):
        values = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float)
        bad = ~(np.isfinite(values) & (values > 0))
        if bad.any():
            shown = ", ".join(
                f"{v:g}" if isinstance(v, float) else repr(v) for v in table.loc[bad, name].head(3).tolist()
            )
            faults.append(f"column {name}: {shown} in {rows_named(table, bad)}; expected positive finite numbers")
    return faults


def check_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Validate a table that already has canonical columns; returns it with C, D or epochs completed.

    Raises
    ------
    RunsError
        Listing every fault: missing columns, values that are not positive finite numbers, C that contradicts the
        FLOP rule, epochs that contradict D / U_D, mixed units, duplicates.
    """
    attrs = dict(runs.attrs)
    conventions = Conventions.from_dict(attrs.get("conventions", {}))
    faults: list[str] = []
    if "loss" not in runs:
        faults.append(f"missing column loss; the table has {', '.join(map(str, runs))}. Map it: columns={{'loss': …}}")
    table = labelled(runs.copy())
    notes = list(attrs.get("notes", []))
    numeric = {name: pd.to_numeric(table[name], errors="coerce").astype(float) for name in POSITIVE if name in table}
    raise_faults(attrs.get("source", "runs"), [*faults, *_not_positive(table)])
    table = _complete(table.assign(**numeric), conventions, notes)
    attrs["notes"] = notes
    if conventions.flops.startswith(AS_GIVEN) and {"N", "D", "C"} <= set(table):
        conventions = replace(conventions, flops=f"{AS_GIVEN} ({float(np.median(flops_per_ND(table))):.6g}ND)")
    tolerance = float(attrs.get("flops_tolerance", FLOPS_TOLERANCE))
    raise_faults(attrs.get("source", "runs"), _faults_of(table, conventions, tolerance))
    first = [k for k in ("run_id", *POSITIVE, "weight") if k in table]
    table = table[[*first, *(k for k in table if k not in first and k != "_row")]]
    table = unlabelled(table)
    table.attrs = {**attrs, "conventions": conventions.to_dict()}
    return table


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
    """What the user calls the rows where ``chosen`` is true: their run_id where each has its own, else their index."""
    own = runs["run_id"] if "run_id" in runs and runs["run_id"].is_unique else runs.index.to_series()
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


# ---- columns --------------------------------------------------------------------------------------------------


def _rename(
    table: pd.DataFrame, columns: dict[str, str], conventions: Conventions, notes: list[str], faults: list[str]
) -> tuple[pd.DataFrame, Conventions]:
    undecided: dict[str, list[str]] = {}
    mapping, said, wrong = recognise(list(table), columns, undecided=undecided)
    notes.extend(said)
    faults.extend(wrong)
    plain = {column: plain_name(column) for column in table}
    origin = {canonical: plain[given] for given, canonical in mapping.items()}
    if conventions.N_counts == "unstated" and "non_embedding" in origin.get("N", ""):
        conventions = replace(conventions, N_counts="non-embedding")
    if conventions.loss_split == "unstated" and (loss := origin.get("loss", "")) != "loss":
        split = "validation" if re.search("val|eval|test", loss) else "training" if "train" in loss else "unstated"
        conventions = replace(conventions, loss_split=split)
    clashing = [c for c in table if c in mapping.values() and mapping.get(c) != c]
    table = table.drop(columns=clashing).rename(columns=mapping)
    names, free = [str(c) for c in plain], [str(c) for c in plain if c not in mapping]
    if "loss" not in table:
        faults.append(f"no column holds the loss; the table has {', '.join(names)}. Say {suggested(free, ['loss'])}")
    table = labelled(table)
    table.insert(0, "_row", np.arange(len(table)))  # positions, since two rows may have one name
    table.attrs |= {"renamed": {a: b for a, b in mapping.items() if a != b}, "undecided": undecided}
    return table, conventions


def unfinished(table: pd.DataFrame) -> pd.Series:
    """What the table says of runs that did not finish (``status crashed``), and nothing of those that did.

    A column ``status`` holds anything but success; a column ``state``, as in W&B's table of runs, one of its words.
    """
    said = pd.Series("", index=table.index, dtype=object)
    for name in table:
        if (kind := plain_name(name)) in ("status", "state"):
            word = table[name].map(lambda s: "" if pd.isna(s) else str(s).strip().lower())
            said = said.mask(~word.isin(FINISHED) if kind == "status" else word.isin(UNFINISHED), f"{kind} " + word)
    return said


def _finished(table: pd.DataFrame) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Leave out rows whose run did not finish; they have no final loss to use."""
    said = unfinished(table)
    bad = said != ""
    why = table["reason"] if "reason" in table else pd.Series(None, index=table.index)
    records = [
        {"row": plain_label(row), "reason": what + (f": {reason}" if isinstance(reason, str) and reason else "")}
        for row, what, reason in zip(table.index[bad], said[bad], why[bad], strict=True)
    ]
    return table[~bad], records


def _column_conventions(table: pd.DataFrame, conventions: Conventions) -> Conventions:
    """Conventions that the table itself states, in columns of their own that do not vary."""
    for name in ("loss_kind", "loss_split", "N_counts", "tokenizer", "corpus"):
        if name in table and getattr(conventions, name) == "unstated" and table[name].nunique(dropna=False) == 1:
            conventions = replace(conventions, **{name: str(table[name].iloc[0])})
    return conventions


def _numbers(table: pd.DataFrame) -> tuple[pd.DataFrame, list[tuple[str, set[int]]]]:
    """Columns as floats, and each column's fault with the rows it is about."""
    table, faults = table.copy(), []
    for name in (*POSITIVE, "weight"):
        if name not in table:
            continue
        values, bad = parse_quantities(table[name])
        if len(bad):
            mask = np.zeros(len(table), dtype=bool)
            mask[list(bad)] = True
            empty = table.loc[mask, name].map(is_empty)
            shown = ", ".join(repr(v) for v in table.loc[mask, name].head(3).tolist())
            what = "is empty" if empty.all() else f"has {shown}, which is not a number,"
            message = (
                f"column {name} {what} in {rows_named(table, mask)}; expected numbers such as 7e9, 7B or 1.2T. "
                f"Fix them, or leave the rows out by name with drop="
            )
            faults.append((message, set(table.loc[mask, "_row"])))
        table[name] = values
    for name in table.columns.difference(
        ["run_id", *POSITIVE, "weight"]
    ):  # one's own, for conditions such as width > 64
        if not pd.api.types.is_numeric_dtype(table[name]):
            values = pd.to_numeric(table[name], errors="coerce")
            if values.notna().all():
                table[name] = values
    return table, faults


def _select(
    table: pd.DataFrame,
    drop: str | Mapping[str, str] | None,
    keep: str | Mapping[str, str] | None,
    unread: list[tuple[str, set[int]]],
) -> tuple[pd.DataFrame, list[dict[str, Any]], list[str]]:
    """The rows wanted, records of the others, and faults: ``unread`` ones too unless all their rows are left out."""
    excluded: list[dict[str, Any]] = []
    faults: list[str] = []
    gone: set[int] = set()
    for rule, inverted in ((drop, False), (keep, True)):
        if rule is None:
            continue
        queries = {f"not ({rule})" if inverted else rule: rule} if isinstance(rule, str) else dict(rule)
        for reason, query in queries.items():
            frame = _complete(table, Conventions(), [])
            try:
                hit = duplicated(frame).to_numpy() if query == "duplicates" else rows_where(query, frame)
            except ExpressionError as error:
                faults.append(str(error))
                continue
            out = ~hit if inverted else hit
            for row, record in zip(table.index[out], identities(table[out]), strict=True):
                excluded.append({"row": plain_label(row), "reason": reason, **record})
            gone |= set(table.loc[out, "_row"])
            table = table[~out]
    faults = [message for message, rows in unread if not rows <= gone] + faults
    if table.empty and not faults:
        faults.append(f"drop and keep leave no rows ({len(excluded)} excluded)")
    return table, excluded, faults


def _units(table: pd.DataFrame, conventions: Conventions, notes: list[str]) -> tuple[pd.DataFrame, Conventions]:
    if conventions.loss_unit == "bits/token":
        notes.append("loss converted from bits/token to nats/token (× ln 2)")
        return table.assign(loss=table["loss"] * np.log(2)), replace(conventions, loss_unit="nats/token")
    if conventions.loss_unit not in ("nats/token", "bits/byte"):
        raise RunsError(
            f"loss_unit {conventions.loss_unit!r} is not known; use 'nats/token', 'bits/token' or 'bits/byte' "
            "(a perplexity p is a loss of ln p)"
        )
    return table, conventions


def _complete(table: pd.DataFrame, conventions: Conventions, notes: list[str]) -> pd.DataFrame:
    """Derive what follows from the rest: D from U_D·epochs, one of N, D, C from the FLOP rule, epochs from D/U_D.

    U_D is the smaller of the corpus and D: where the corpus was not finished, epochs is 1 and U_D is D.
    """
    table = table.copy()
    k = conventions.flops_per_ND

    def derive(name: str, value: Any, how: str) -> None:
        table[name] = value
        notes.append(f"{name} derived as {how}")

    with np.errstate(all="ignore"):
        if "D" not in table and {"U_D", "epochs"} <= set(table):
            derive("D", table["U_D"].astype(float) * table["epochs"].astype(float), "U_D · epochs")
        if "C" not in table and {"N", "D"} <= set(table):
            derive("C", training_flops(table["N"], table["D"], conventions.flops if k else "6ND"), f"{k:g}·N·D")
        elif "D" not in table and {"N", "C"} <= set(table):
            derive("D", table["C"].astype(float) / (k * table["N"].astype(float)), f"C/({k:g}·N)")
        elif "N" not in table and {"C", "D"} <= set(table):
            derive("N", table["C"].astype(float) / (k * table["D"].astype(float)), f"C/({k:g}·D)")
        if {"D", "U_D"} <= set(table) and (unseen := table["U_D"] > table["D"] * (1 + EPOCHS_TOLERANCE)).any():
            table["U_D"] = table["U_D"].mask(unseen, table["D"])
            notes.append(
                f"U_D exceeds D in {rows_named(table, unseen)}: taken as D, for tokens that were never seen do not count"
            )
        if {"D", "epochs"} <= set(table) and (partial := table["epochs"] < 1 - EPOCHS_TOLERANCE).any():
            table["epochs"] = table["epochs"].mask(partial & (table["epochs"] > 0), 1.0)
            notes.append(
                f"epochs is below 1 in {rows_named(table, partial)}: taken as 1 and U_D as D, for nothing was repeated"
            )
        if "epochs" not in table and {"D", "U_D"} <= set(table):
            derive("epochs", table["D"].astype(float) / table["U_D"].astype(float), "D/U_D")
        if "U_D" not in table and {"D", "epochs"} <= set(table):
            derive("U_D", table["D"].astype(float) / table["epochs"].astype(float), "D/epochs")
    return table
