"""What follows from the other columns: one of N, D and C from the FLOP rule, unique tokens and epochs from one another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.runs.checks import EPOCHS_TOLERANCE, rows_of
from quokka_laws.runs.conventions import Conventions, training_flops
from quokka_laws.runs.remarks import Remark

FLOPS_TOLERANCE = 0.05


def complete(table: pd.DataFrame, conventions: Conventions, notes: list[Remark]) -> pd.DataFrame:
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
