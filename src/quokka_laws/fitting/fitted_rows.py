"""Which rows are fitted, and with what weight; those that are not are on record with the reason."""

from __future__ import annotations

import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, RunsError
from quokka_laws.runs.read import row_names
from quokka_laws.runs.rows import subset


def weighted(runs: pd.DataFrame, column: str) -> pd.DataFrame:
    """Runs with their weights where every refit finds them."""
    if not isinstance(column, str):
        raise ArgumentError(
            f"weights = {type(column).__name__}: expected the name of a column; give the table one, runs.assign(weight=…)"
        )
    if column not in runs:
        raise RunsError(f"there is no column {column!r} to take weights from; columns: {', '.join(runs)}")
    weighted = runs.assign(weight=runs[column])
    weighted.attrs = runs.attrs
    return weighted


def without_weightless(runs: pd.DataFrame) -> pd.DataFrame:
    """Rows of positive weight; those of weight 0 were not fitted and are excluded, so that nothing counts them."""
    if "weight" not in runs or not (nothing := (runs["weight"] == 0).to_numpy()).any() or nothing.all():
        return runs
    return without(runs, nothing, "weight 0")


def without(runs: pd.DataFrame, gone: Array, reason: str) -> pd.DataFrame:
    """Runs without some rows, which are on record with the reason."""
    kept = subset(runs, ~gone)
    known = ["run_id", "N", "D", "C", "loss"]
    records = runs.loc[gone, [k for k in known if k in runs]].to_dict("records")
    named = zip(row_names(runs, gone), records, strict=True)
    excluded = [*runs.attrs.get("excluded", []), *({"row": row, "reason": reason, **record} for row, record in named)]
    kept.attrs = {**runs.attrs, "excluded": excluded}
    return kept
