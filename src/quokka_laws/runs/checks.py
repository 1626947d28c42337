"""What makes a table of runs unusable: contradictions, mixed or wrong units, duplicates. Every fault names its rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from quokka_laws.exceptions import RunsError
from quokka_laws.runs.conventions import AS_GIVEN, Conventions, training_flops

LISTED = 8  # rows named in an error before "and … more"
EPOCHS_TOLERANCE = 0.02
UNITS_APART = 1e4
SMALLEST = 1e3  # parameters: a median below is one of millions or billions
SAME = ("run_id", "N", "D", "U_D", "epochs", "loss")  # what rows that are one run share
FEWEST = 0.01  # tokens per parameter


def contradictions(table: pd.DataFrame, conventions: Conventions, tolerance: float) -> list[str]:
    """C against the FLOP rule, beyond a relative ``tolerance``, and epochs against D/U_D."""
    faults = []
    if {"N", "D", "C"} <= set(table) and not conventions.flops.startswith(AS_GIVEN):
        ratio = (table["C"] / training_flops(table["N"], table["D"], conventions.flops)).to_numpy()
        bad = np.abs(ratio - 1) > tolerance
        if bad.any():
            implied = float(np.median(ratio) * conventions.flops_per_ND)
            faults.append(
                f"column C differs from {conventions.flops} by more than {tolerance:.0%} in {rows_named(table, bad)} (C/rule is "
                f"{ratio[bad].min():.3g} to {ratio[bad].max():.3g}; the median row says {implied:.3g}·N·D). State the rule "
                f"that was used, flops='{implied:.3g}ND', or take C as it is, flops='as given'"
            )
    if {"D", "U_D", "epochs"} <= set(table):
        ratio = (table["epochs"] * table["U_D"] / table["D"]).to_numpy()
        bad = np.abs(ratio - 1) > EPOCHS_TOLERANCE
        if bad.any():
            faults.append(
                f"epochs contradicts D/U_D by more than {EPOCHS_TOLERANCE:.0%} in {rows_named(table, bad)} "
                f"(epochs·U_D/D is {ratio[bad].min():.3g} to {ratio[bad].max():.3g}); D counts tokens seen, repetitions included"
            )
    return faults


def mixed_units(table: pd.DataFrame) -> list[str]:
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
                f"{rows_named(table, fewer)}); write all in ones, or with a unit: 125M, 1.3B"
            )
    return faults


def wrong_units(table: pd.DataFrame) -> list[str]:
    """Sizes or tokens that no run has: millions or billions written without their unit."""
    faults = []
    for name, what, low in (
        ("N", "parameters", SMALLEST),
        ("D", "tokens", FEWEST * float(table["N"].median()) if "N" in table else 0.0),
    ):
        if name in table and table[name].median() < low:
            shown = f"{table[name].min():g} to {table[name].max():g}"
            faults.append(
                f"column {name} holds {shown}, which are no counts of {what}; if they are millions or billions, write "
                f"them as 20M and 1.5B or say columns={{{name!r}: 'NAME:M'}} (K, M, B, T)"
            )
    return faults


def duplicated(table: pd.DataFrame, keep: Literal["first", False] = "first") -> pd.Series:
    """Rows that agree in every canonical column with another: all but the first, or all of them."""
    return table.duplicated(subset=_telling(table), keep=keep)


def _telling(table: pd.DataFrame) -> list[str]:
    """Columns that tell runs apart: canonical ones, and every number of the user's own."""
    own = [k for k in table if k not in (*SAME, "_row", "weight") and pd.api.types.is_numeric_dtype(table[k])]
    return [k for k in SAME if k in table] + own


def duplicates(table: pd.DataFrame) -> list[str]:
    """Rows that are the same run, which would count twice."""
    same = duplicated(table, keep=False).to_numpy()
    if not same.any():
        return []
    keys = [k for k in (*SAME, "C") if k in table]
    return [
        f"{int(same.sum())} rows are duplicates of one another ({rows_named(table, same)}): same {', '.join(keys)}. Keep "
        "one of each, drop='duplicates', or give repeated runs a seed or run_id column of their own"
    ]


def rows_named(table: pd.DataFrame, mask: Any) -> str:
    """Names of the rows under a mask, the first few of many: "rows 3, 7"; see :mod:`quokka_laws.runs.rows`."""
    rows = table.index[np.asarray(mask)]
    shown = ", ".join(str(r) for r in rows[:LISTED])
    return f"row{'s' if len(rows) > 1 else ''} {shown}" + (
        f" and {len(rows) - LISTED} more" if len(rows) > LISTED else ""
    )


def where_from(source: Any) -> str:
    """What a message calls the table."""
    if isinstance(source, str | Path):
        return "stdin" if str(source) == "-" else str(source)
    return "the DataFrame" if isinstance(source, pd.DataFrame) else "the table"


def raise_faults(source: Any, faults: list[str]) -> None:
    """Raise one :class:`RunsError` of all faults, numbered where there are several."""
    if faults:
        listing = faults[0] if len(faults) == 1 else "".join(f"\n  {i}. {f}" for i, f in enumerate(faults, 1))
        raise RunsError(f"{where_from(source)}: {listing}")
