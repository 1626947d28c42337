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
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws.columns import plain_name, recognise
from quokka_laws.conventions import AS_GIVEN, Conventions, flops_constant, training_flops
from quokka_laws.exceptions import RunsError
from quokka_laws.jet import Array
from quokka_laws.quantities import parse_quantities
from quokka_laws.tables import read_table

POSITIVE = ("N", "D", "C", "U_D", "epochs", "loss")
LISTED = 8  # rows named in an error before "and … more"
FLOPS_TOLERANCE = 0.05
EPOCHS_TOLERANCE = 0.02
UNITS_APART = 1e4
FINISHED = ("", "ok", "finished", "completed", "complete", "success", "done")


def read_runs(
    source: str | Path | pd.DataFrame,
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
    source : path, ``"-"`` for stdin, or DataFrame
        CSV, JSON lines or Parquet, by ending; stdin may hold CSV or JSON lines.
    columns : mapping, optional
        Canonical name → name in the table, ``{"N": "n_params"}``. Common names are recognised without it.
    flops : str
        FLOP rule, ``"6ND"``; used to derive the missing one of N, D and C, and to check the three against each
        other. ``"as given"`` takes C from the table unchecked; plans then turn C into N·D by the runs' median C/(N·D).
    flops_tolerance : float
        Largest relative difference between C and the rule that is not a fault.
    drop, keep : str or mapping of str to str, optional
        Rows to leave out, or the only ones to keep, as pandas queries on canonical columns:
        ``drop="D / N < 4"``, or reason → query: ``drop={"diverged": "loss > 8"}``. Every excluded row is recorded
        with its reason.
    **conventions
        ``N_counts``, ``loss_split``, ``loss_kind``, ``loss_unit`` (``"nats/token"``, ``"bits/token"``,
        ``"bits/byte"``), ``tokenizer``, ``corpus``: see :class:`quokka_laws.Conventions`.

    Returns
    -------
    DataFrame
        Canonical columns first, as floats; index 0 … n−1. ``row`` in messages is the 1-based data row of the source.

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
    table = read_table(source)
    if table.empty:
        raise RunsError(f"{_where(source)}: there are no rows")
    known = {"N_counts", "loss_split", "loss_kind", "loss_unit", "tokenizer", "corpus"}
    if unknown := sorted(set(conventions) - known):
        raise TypeError(f"read_runs has no option {', '.join(unknown)}; conventions are {', '.join(sorted(known))}")
    flops_constant(flops)
    notes: list[str] = list(table.attrs.get("notes", []))
    stated = {**table.attrs.get("conventions", {}), **conventions}
    recorded = Conventions.from_dict({**stated, "flops": flops})
    faults: list[str] = []
    table, recorded = _rename(table, dict(columns or {}), recorded, notes, faults)
    _raise(source, faults)
    table, failed = _finished(table)
    table = _numbers(table, faults)
    table, excluded = _select(table, drop, keep, faults)
    excluded = [*failed, *excluded]
    recorded = _column_conventions(table, recorded)
    _raise(source, faults)
    table, recorded = _units(table, recorded, notes)
    table = _complete(table, recorded, notes)
    table.attrs = {
        "conventions": recorded.to_dict(),
        "excluded": [*table.attrs.get("excluded", []), *excluded],
        "notes": notes,
        "source": _where(source),
        "flops_tolerance": flops_tolerance,
    }
    return check_runs(table)


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
    present = [k for k in POSITIVE if k in runs]
    table = runs.copy()
    if "_row" not in table:
        table.insert(0, "_row", np.arange(1, len(table) + 1))
    for name in present:
        values = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float)
        bad = ~(np.isfinite(values) & (values > 0))
        if bad.any():
            shown = ", ".join(f"{v!r}" for v in table.loc[bad, name].head(3).tolist())
            faults.append(f"column {name}: {shown} in {_rows(table, bad)}; expected positive finite numbers")
        table[name] = values
    _raise(attrs.get("source", "runs"), faults)
    table = _complete(table, conventions, [])
    if conventions.flops.startswith(AS_GIVEN) and {"N", "D", "C"} <= set(table):
        conventions = replace(conventions, flops=f"{AS_GIVEN} ({float(np.median(flops_per_ND(table))):.6g}ND)")
    faults += _contradictions(table, conventions, float(attrs.get("flops_tolerance", FLOPS_TOLERANCE)))
    faults += _mixed_units(table)
    faults += _duplicates(table)
    _raise(attrs.get("source", "runs"), faults)
    first = [k for k in ("run_id", "N", "D", "C", "U_D", "epochs", "loss", "weight") if k in table]
    table = table[[*first, *(k for k in table if k not in first and k != "_row")]].reset_index(drop=True)
    table.attrs = {**attrs, "conventions": conventions.to_dict()}
    return table


def flops_per_ND(runs: pd.DataFrame) -> Array:
    """C/(N·D) of each run."""
    return (runs["C"] / (runs["N"] * runs["D"])).to_numpy(dtype=float)


def varying_flops(runs: pd.DataFrame) -> str:
    """A sentence where the C of the runs is not one multiple of N·D, so that plans cannot turn a budget into N and D."""
    if not {"N", "D", "C"} <= set(runs):
        return ""
    k = flops_per_ND(runs)
    middle = float(np.median(k))
    if np.abs(k / middle - 1).max() <= FLOPS_TOLERANCE:
        return ""
    return (
        f"C/(N·D) VARIES FROM {k.min():.3g} TO {k.max():.3g} OVER THE RUNS: plans take their median, C = {middle:.3g}·N·D, "
        "and are off by as much. Count C alike for all runs, or count N as C does"
    )


def equal_say(runs: pd.DataFrame) -> pd.Series:
    """Row weights that give every ``run_id`` the same total, whatever its number of checkpoints; they sum to the rows."""
    if "run_id" not in runs:
        raise RunsError("equal_say needs a column run_id")
    sizes = runs.groupby("run_id")["run_id"].transform("size")
    return (len(runs) / runs["run_id"].nunique() / sizes).rename("weight")


# ---- columns --------------------------------------------------------------------------------------------------


def _rename(
    table: pd.DataFrame, columns: dict[str, str], conventions: Conventions, notes: list[str], faults: list[str]
) -> tuple[pd.DataFrame, Conventions]:
    mapping, said, wrong = recognise(list(table), columns)
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
    if "loss" not in table:
        faults.append(
            f"no column holds the loss; the table has {', '.join(map(str, table))}. Say columns={{'loss': …}}"
        )
    have = {k for k in ("N", "D", "C") if k in table}
    if "D" not in have and {"U_D", "epochs"} <= set(table):
        have.add("D")
    if len(have) < 2:
        faults.append(
            f"need two of N (parameters), D (tokens) and C (FLOPs), found {', '.join(sorted(have)) or 'none'}; the table "
            f"has {', '.join(map(str, table))}. Say columns={{'N': …, 'D': …}}"
        )
    table.insert(0, "_row", np.arange(1, len(table) + 1))
    return table, conventions


def _finished(table: pd.DataFrame) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Leave out rows whose ``status`` column says that the run failed; they have no loss to use."""
    if "status" not in table:
        return table, []
    bad = ~table["status"].map(lambda s: pd.isna(s) or str(s).strip().lower() in FINISHED)
    why = table["reason"] if "reason" in table else pd.Series(None, index=table.index)
    records = [
        {"row": int(row), "reason": f"status {status}" + (f": {reason}" if isinstance(reason, str) and reason else "")}
        for row, status, reason in zip(table.loc[bad, "_row"], table.loc[bad, "status"], why[bad], strict=True)
    ]
    return table[~bad], records


def _column_conventions(table: pd.DataFrame, conventions: Conventions) -> Conventions:
    """Conventions that the table itself states, in columns of their own that do not vary."""
    for name in ("loss_kind", "loss_split", "N_counts", "tokenizer", "corpus"):
        if name in table and getattr(conventions, name) == "unstated" and table[name].nunique(dropna=False) == 1:
            conventions = replace(conventions, **{name: str(table[name].iloc[0])})
    return conventions


def _numbers(table: pd.DataFrame, faults: list[str]) -> pd.DataFrame:
    table = table.copy()
    for name in (*POSITIVE, "weight"):
        if name not in table:
            continue
        values, bad = parse_quantities(table[name])
        if len(bad):
            mask = np.zeros(len(table), dtype=bool)
            mask[list(bad)] = True
            empty = table.loc[mask, name].map(lambda v: v is None or str(v).strip().lower() in ("", "nan", "none"))
            shown = ", ".join(repr(v) for v in table.loc[mask, name].head(3).tolist())
            what = "is empty" if empty.all() else f"has {shown}, which is not a number,"
            faults.append(
                f"column {name} {what} in {_rows(table, mask)}; expected numbers such as 7e9, 7B or 1.2T. "
                f"Fix them, or leave the rows out by name with drop="
            )
        table[name] = values
    for name in table.columns.difference(
        ["run_id", *POSITIVE, "weight"]
    ):  # one's own, for conditions such as width > 64
        if not pd.api.types.is_numeric_dtype(table[name]):
            values = pd.to_numeric(table[name], errors="coerce")
            if values.notna().all():
                table[name] = values
    return table


def _select(
    table: pd.DataFrame,
    drop: str | Mapping[str, str] | None,
    keep: str | Mapping[str, str] | None,
    faults: list[str],
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    excluded: list[dict[str, Any]] = []
    for rule, inverted in ((drop, False), (keep, True)):
        if rule is None:
            continue
        queries = {f"not ({rule})" if inverted else rule: rule} if isinstance(rule, str) else dict(rule)
        for reason, query in queries.items():
            frame = _complete(table, Conventions(), [])
            try:
                hit = frame.eval(query).to_numpy(dtype=bool)
            except Exception as error:  # pandas raises half a dozen kinds for a bad query
                faults.append(f"cannot apply {query!r} to the columns {', '.join(table)}: {error}")
                continue
            out = ~hit if inverted else hit
            for row, record in zip(table.loc[out, "_row"], table.loc[out].to_dict("records"), strict=True):
                short = {k: record[k] for k in ("run_id", "N", "D", "C", "loss") if k in record}
                excluded.append({"row": int(row), "reason": reason, **short})
            table = table[~out]
    if excluded:  # a row that was left out is not a fault
        gone = {e["row"] for e in excluded}
        faults[:] = [f for f in faults if not _only_about(f, gone)]
    if table.empty and not faults:
        faults.append(f"drop and keep leave no rows ({len(excluded)} excluded)")
    return table, excluded


def _only_about(fault: str, rows: set[int]) -> bool:
    match = re.search(r" in rows? ([\d, ]+);", fault)
    return match is not None and {int(r) for r in match[1].split(",")} <= rows


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
    """Derive what follows from the rest: D from U_D·epochs, one of N, D, C from the FLOP rule, epochs from D/U_D."""
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
        if "epochs" not in table and {"D", "U_D"} <= set(table):
            derive("epochs", table["D"].astype(float) / table["U_D"].astype(float), "D/U_D")
        if "U_D" not in table and {"D", "epochs"} <= set(table):
            derive("U_D", table["D"].astype(float) / table["epochs"].astype(float), "D/epochs")
    return table


# ---- faults ---------------------------------------------------------------------------------------------------


def _contradictions(table: pd.DataFrame, conventions: Conventions, tolerance: float) -> list[str]:
    faults = []
    if {"N", "D", "C"} <= set(table) and not conventions.flops.startswith(AS_GIVEN):
        ratio = (table["C"] / training_flops(table["N"], table["D"], conventions.flops)).to_numpy()
        bad = np.abs(ratio - 1) > tolerance
        if bad.any():
            implied = float(np.median(ratio) * conventions.flops_per_ND)
            faults.append(
                f"column C differs from {conventions.flops} by more than {tolerance:.0%} in {_rows(table, bad)} (C/rule is "
                f"{ratio[bad].min():.3g} to {ratio[bad].max():.3g}; the median row says {implied:.3g}·N·D). State the rule "
                f"that was used, flops='{implied:.3g}ND', or take C as it is, flops='as given'"
            )
    if {"D", "U_D"} <= set(table):
        bad = (table["U_D"] > table["D"] * (1 + EPOCHS_TOLERANCE)).to_numpy()
        if bad.any():
            faults.append(
                f"U_D exceeds D in {_rows(table, bad)}: unique tokens that were never seen do not count; "
                "U_D is the smaller of the corpus and D"
            )
            return faults
    if {"D", "U_D", "epochs"} <= set(table):
        ratio = (table["epochs"] * table["U_D"] / table["D"]).to_numpy()
        bad = np.abs(ratio - 1) > EPOCHS_TOLERANCE
        if bad.any():
            faults.append(
                f"epochs contradicts D/U_D by more than {EPOCHS_TOLERANCE:.0%} in {_rows(table, bad)} "
                f"(epochs·U_D/D is {ratio[bad].min():.3g} to {ratio[bad].max():.3g}); D counts tokens seen, repetitions included"
            )
    return faults


def _mixed_units(table: pd.DataFrame) -> list[str]:
    """Sizes or tokens that fall into two groups a factor of 10,000 apart: millions beside ones."""
    faults = []
    for name in ("N", "D"):
        if name not in table:
            continue
        ordered = np.sort(table[name].to_numpy(dtype=float))
        leap = np.flatnonzero(ordered[1:] / ordered[:-1] > UNITS_APART)
        if len(leap):
            below, above = ordered[leap[0]], ordered[leap[0] + 1]
            small = table[name].to_numpy() <= below
            fewer = small if small.sum() <= len(table) / 2 else ~small
            faults.append(
                f"column {name} mixes units: values up to {below:g} and from {above:g} with none between (see "
                f"{_rows(table, fewer)}); write all in ones, or with a unit: 125M, 1.3B"
            )
    return faults


def _duplicates(table: pd.DataFrame) -> list[str]:
    keys = [k for k in ("run_id", "N", "D", "U_D", "epochs", "loss") if k in table]
    same = table.duplicated(subset=keys, keep=False).to_numpy()
    if not same.any():
        return []
    return [
        f"{int(same.sum())} rows are duplicates of one another ({_rows(table, same)}): same {', '.join(keys)}. Remove "
        "them (DataFrame.drop_duplicates), or give repeated runs a seed or run_id column of their own"
    ]


def _rows(table: pd.DataFrame, mask: Any) -> str:
    rows = table.loc[np.asarray(mask), "_row"].tolist()
    shown = ", ".join(str(r) for r in rows[:LISTED])
    return f"row{'s' if len(rows) > 1 else ''} {shown}" + (
        f" and {len(rows) - LISTED} more" if len(rows) > LISTED else ""
    )


def _where(source: Any) -> str:
    return "the DataFrame" if isinstance(source, pd.DataFrame) else "stdin" if str(source) == "-" else str(source)


def _raise(source: Any, faults: list[str]) -> None:
    if faults:
        listing = faults[0] if len(faults) == 1 else "".join(f"\n  {i}. {f}" for i, f in enumerate(faults, 1))
        raise RunsError(f"{_where(source)}: {listing}")
