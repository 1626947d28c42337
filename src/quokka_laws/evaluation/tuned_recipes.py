"""Recipes whose runs were swept: each at its own best settings, recipe by recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from quokka_laws._spelling import option
from quokka_laws.exceptions import ArgumentError, RunsError
from quokka_laws.fitting.hyperparameters import fit_hyperparameters
from quokka_laws.runs import sweeps
from quokka_laws.runs.rows import subset


def tuned(
    runs: pd.DataFrame,
    by: str,
    over: Sequence[str],
    how: Literal["frontier", "lowest"] = "frontier",
    *,
    seed: int = 0,
) -> pd.DataFrame:
    """Runs of several recipes with one row for each recipe, N and D: its loss at the best of what was swept.

    Parameters
    ----------
    runs : DataFrame
        Checked runs with a column of recipes and the columns that were swept.
    by : str
        Column of recipes.
    over : sequence of str
        What was swept: learning rate, batch.
    how : {'frontier', 'lowest'}
        The fitted lowest loss (:func:`quokka_laws.fit_hyperparameters`), or the lowest one that was run, which noise makes too low.
    seed : int

    Returns
    -------
    DataFrame

    Raises
    ------
    ArgumentError, RunsError
        If there is no such column, or a sweep has no lowest point; the recipe is named.
    """
    if by not in runs:
        raise ArgumentError(f"{option('by', by)}: there is no such column; the table has {', '.join(map(str, runs))}")
    if by in over:
        raise ArgumentError(f"{by} is the column of recipes, and not what each of them swept")
    parts = []
    for recipe in dict.fromkeys(runs[by]):
        part = subset(runs, (runs[by] == recipe).to_numpy())
        try:
            found: Any = (
                sweeps.best(part, list(over))
                if how == "lowest"
                else fit_hyperparameters(part, list(over), seed=seed).frontier
            )
        except RunsError as error:
            raise RunsError(f"{by} {recipe}: {error}") from None
        parts.append(found.assign(**{by: recipe}))
    common = [c for c in parts[0] if all(c in p for p in parts)]
    table = pd.concat([p[common] for p in parts], ignore_index=True)
    table.attrs = runs.attrs
    if not np.isfinite(table["loss"]).all():
        table = subset(table, np.isfinite(table["loss"].to_numpy()))
    return table
