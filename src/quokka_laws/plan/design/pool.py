"""Runs that could be trained: a grid about what was fitted, or the rows of a table, each with its cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError
from quokka_laws.results.fit_result import FitResult
from quokka_laws.runs.quantities import parse_quantity

STEP = 0.5 * np.log(2.0)  # candidates lie a factor √2 apart in N and in tokens per parameter (or epochs)


def grid(fit: FitResult, budget: float, unique: Array | None, share: tuple[float, float]) -> pd.DataFrame:
    """Candidates a factor √2 apart, each within a share of the budget."""
    if not 0 <= share[0] < share[1] <= 1:
        raise ArgumentError(f"share = {share!r}: two rising shares of the budget, such as (0.02, 0.25)")
    ratio = fit.runs["D"] / fit.runs["N"]
    least, most = max(4.0, float(ratio.min())), max(8.0, float(ratio.max()))
    k, smallest = fit.conventions.flops_per_ND, float(fit.runs["N"].min())
    largest = np.sqrt(share[1] * budget / (k * least))
    if largest < smallest:
        raise ArgumentError(
            f"budget = {budget:.3g} FLOPs: {share[1]:.0%} of it is less than the cheapest candidate, {k * least * smallest**2:.3g} "
            f"(N = {smallest:.3g}, the smallest fitted model, on {least:.3g} tokens per parameter)"
        )
    N = np.exp(np.arange(np.log(smallest), np.log(largest) + 1e-9, STEP))
    if unique is None:
        N, r = (v.ravel() for v in np.meshgrid(N, np.exp(np.arange(np.log(least), np.log(most) + 1e-9, STEP))))
        pool = pd.DataFrame({"N": np.rint(N), "D": np.rint(N * r)})
    else:
        most_epochs = fit.fitted_range.get("epochs", (1.0, 1.0))[1]
        epochs = np.exp(np.arange(0.0, np.log(most_epochs) + 1e-9, STEP))
        N, U, e = (v.ravel() for v in np.meshgrid(N, np.rint(unique), epochs))
        pool = pd.DataFrame({"N": np.rint(N), "D": np.rint(U * e), "U_D": U})
        pool = pool[pool["D"] >= least * pool["N"]]
    pool = given(pool, repeated=unique is not None, flops_per_ND=k)
    return pool[(pool["C"] >= share[0] * budget) & (pool["C"] <= share[1] * budget)].reset_index(drop=True)


def given(table: Any, *, repeated: bool, flops_per_ND: float, cost: str = "C") -> pd.DataFrame:
    """Rows of a table as candidates: ``N, D, C`` (``U_D, epochs``) and the column of their cost; their labels are kept.

    Raises
    ------
    ArgumentError
        If columns are missing, or a number is not positive.
    """
    table = pd.DataFrame(table)
    names = ["N", "D", *(["U_D"] if repeated else []), *([cost] if cost != "C" else [])]
    if missing := [k for k in names if k not in table]:
        raise ArgumentError(f"candidates lack {', '.join(missing)}; columns: {', '.join(map(str, table))}")
    pool = table[names].map(parse_quantity).astype(float)
    if (bad := ~(np.isfinite(pool) & (pool > 0)).all(axis=1)).any():
        raise ArgumentError(
            f"candidates, row {pool.index[np.flatnonzero(bad)[0]]}: {', '.join(names)} must be positive numbers"
        )
    pool.insert(2, "C", flops_per_ND * pool["N"] * pool["D"])
    if repeated:
        pool.insert(pool.columns.get_loc("U_D") + 1, "epochs", pool["D"] / pool["U_D"])
    return pool


def affordable(pool: pd.DataFrame, budget: float, cost: str) -> pd.DataFrame:
    """Candidates that the budget buys one of.

    Raises
    ------
    ArgumentError
        If there is none.
    """
    unit = " FLOPs" if cost == "C" else f" ({cost})"
    if not len(pool):
        raise ArgumentError(
            f"budget = {budget:.3g}{unit}: no candidate lies within the shares of it; widen share, or U_D"
        )
    if (cheapest := pool[cost].min()) > budget:
        raise ArgumentError(f"budget = {budget:.3g}{unit} is below the cheapest candidate, {cheapest:.3g}")
    return pool[pool[cost] <= budget]
