"""The frontier: the loss that each N and D would have with its best hyper-parameters, as a table of runs; and who falls short of it.

The lowest of k noisy runs is too low by more, the more were tried. The lowest point of a fitted bowl uses all of them, has a
standard error, and is too low only by what its own choice costs, which is put back (:mod:`quokka_laws.fitting.bowls`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.results.hyperparameter_fit import HyperparameterFit
from quokka_laws.runs.read import row_names
from quokka_laws.runs.remarks import Remark
from quokka_laws.runs.sweeps import cells as places

WORTH = 0.001
"""Relative loss from which on a point outside what was tried, or a setting off the law, is worth a word."""
SURE = 2.0  # standard errors
NOT_RUNS = ("run_id", "weight", "seed")


def frontier(runs: pd.DataFrame, cell: Array, found: pd.DataFrame, over: tuple[str, ...]) -> pd.DataFrame:
    """One run for each cell whose lowest loss is known.

    Left out, and listed in ``attrs["excluded"]``: cells without a bowl, and those that would be lower outside what was tried, by more than is uncertain.

    Parameters
    ----------
    runs : DataFrame
        Checked.
    cell : array (rows,) of int
    found : DataFrame
        Cells with ``state``, ``loss``, ``loss_error``, ``beyond`` and the best of each hyper-parameter.

    Returns
    -------
    DataFrame
        Columns that do not vary within cells, ``loss`` and its standard error ``loss_error``, the best of each hyper-parameter, ``runs`` (how many are behind it) and ``weight``: inverse to the
        variance of its logarithm, to which that of the median cell is added, since a law misses its runs by more than their noise; mean 1.
    """
    known = found["state"].isin(("inside", "beyond")) & (
        found["beyond"] <= np.maximum(SURE * found["loss_error"], WORTH)
    )
    varied = [c for c in runs if c not in NOT_RUNS and c not in ("loss", *over)]
    groups = runs.groupby(cell)
    alike = [c for c in varied if (groups[c].nunique(dropna=False) == 1).all() or c in (*places(runs), "C")]
    table = pd.DataFrame(
        {c: groups[c].median() if pd.api.types.is_numeric_dtype(runs[c]) else groups[c].first() for c in alike}
    ).loc[found.loc[known, "cell"]]
    kept = found[known].set_index("cell")
    table["loss"] = kept["loss"]
    table["loss_error"] = kept["loss"] * kept["loss_error"]
    for h in over:
        table[h] = kept[h]
    table["runs"] = kept["runs"]
    variance = kept["loss_error"] ** 2
    weight = 1.0 / (variance + variance.median()) if len(kept) else variance
    table["weight"] = weight / weight.mean()
    attrs = runs.attrs
    left = found[~known]
    notes = [n for n in attrs.get("notes", []) if not (isinstance(n, dict) and n.get("code") == "sweep")]
    notes.append(
        Remark("frontier", {"by": list(over), "kept": len(kept), "of": len(found), "runs": len(runs)}).to_dict()
    )
    table = table.reset_index(drop=True)
    excluded = [_left_out(row, places(runs)) for row in left.to_dict("records")]
    table.attrs = {**attrs, "notes": notes, "excluded": [*attrs.get("excluded", []), *excluded]}
    return table


def _left_out(row: dict[str, Any], named: list[str]) -> dict[str, Any]:
    code = "beyond_sweep" if row["state"] == "beyond" else "no_bowl" if row["state"] == "no bowl" else "few_in_cell"
    return {**{k: row[k] for k in named}, "loss": row["lowest"], "code": code, "reason": str(Remark(code))}


def under_tuned(fit: HyperparameterFit, runs: pd.DataFrame, cell: Array) -> pd.DataFrame:
    """Cells whose lowest run costs more than noise by its hyper-parameters: the loss still falls where the sweep ends, or the law
    has its optimum far from the few values that were tried."""
    rows = []
    for found in fit.cells.to_dict("records"):
        if found["state"] == "inside":
            continue
        member = np.flatnonzero(cell == found["cell"])
        best = member[int(np.argmin(runs["loss"].to_numpy()[member]))]
        tried = {h: float(runs[h].iloc[best]) for h in fit.over}
        where = {k: float(found[k]) for k in places(runs)}
        point: dict[str, Any] = {k: where[k] for k in ("N", "D") if k in where}
        if found["state"] == "beyond":
            lost, why = float(np.expm1(found["beyond"])), "the loss still falls at the end of what was tried"
            aim = {h: float(found[h]) for h in fit.over}
        elif fit.has_law:
            lost, why = float(fit.lost(**point, **tried)[0]), "by the law of the other cells"
            aim = {h: float(fit.predict(**point)[h].iloc[0]) for h in fit.over}
        else:
            continue
        if lost > max(WORTH, fit.noise):
            chosen = np.arange(len(runs)) == best
            record = {"cell": found["cell"], **where, "run": row_names(runs, chosen)[0]}
            record |= {k: v for h in fit.over for k, v in ((h, tried[h]), (f"{h}_best", aim[h]))}
            rows.append(record | {"lost": lost, "why": why})
    names = ["cell", *places(runs), "run", *(k for h in fit.over for k in (h, f"{h}_best")), "lost", "why"]
    return pd.DataFrame(rows, columns=names)
