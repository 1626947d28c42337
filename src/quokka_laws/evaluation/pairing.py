"""Which runs of several recipes were made alike, so that part of their noise is the same and cancels in a comparison."""

from __future__ import annotations

import numpy as np
import pandas as pd

from quokka_laws._spelling import option
from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError
from quokka_laws.fitting.bootstrap import unit_codes

ALIKE = 0.02
"""Relative distance up to which two sizes are one."""
SIZES = ("N", "D", "C")
SEED = "seed"


def pairs(runs: pd.DataFrame, by: str, pair: str | None) -> Array:
    """Units of rows that share their noise, as numbers (rows,); a row without a partner is a unit of its own.

    Parameters
    ----------
    runs : DataFrame
    by : str
        Column of recipes; rows of one recipe alone are no pair.
    pair : str or None
        Column whose equal rows are alike. ``"auto"``: those of the same N and D (else the same C) within 2 % and, where there
        is a column ``seed``, of the same seed. None: no runs are.

    Raises
    ------
    ArgumentError
        If there is no such column.
    """
    alone = np.arange(len(runs))
    if pair is None:
        return alone
    if pair == "auto":
        sizes = [name for name in SIZES[:2] if name in runs] or ["C"]
        keys = [_alike(runs[name].to_numpy(dtype=float)) for name in sizes]
        if SEED in runs:
            keys.append(unit_codes(runs[SEED]))
        unit = np.unique(np.stack(keys, axis=1), axis=0, return_inverse=True)[1].ravel()
    elif pair in runs:
        unit = unit_codes(runs[pair])
    else:
        raise ArgumentError(f"{option('pair', pair)}: there is no such column; columns: {', '.join(map(str, runs))}")
    recipes = pd.Series(runs[by].to_numpy()).groupby(unit).transform("nunique").to_numpy()
    return np.unique(np.where(recipes > 1, unit, len(runs) + alone), return_inverse=True)[1]


def shared_noise(residuals: Array, units: Array) -> float:
    """Correlation of the residuals of one unit with one another; NaN without two such units."""
    products, squares = [], []
    for unit in np.unique(units):
        e = residuals[units == unit]
        if len(e) > 1:
            products.append((e.sum() ** 2 - (e**2).sum()) / (len(e) * (len(e) - 1)))
            squares.append((e**2).mean())
    return float(np.sum(products) / np.sum(squares)) if len(products) > 1 and np.sum(squares) > 0 else float("nan")


def _alike(values: Array) -> Array:
    """Numbers of groups whose neighbours lie within ``ALIKE``."""
    order = np.argsort(values)
    steps = np.diff(np.log(values[order])) > ALIKE
    group = np.empty(len(values), dtype=int)
    group[order] = np.concatenate([[0], np.cumsum(steps)])
    return group
