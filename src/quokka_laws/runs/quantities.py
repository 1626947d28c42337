"""Quantities as people write them: ``7B``, ``1.2T``, ``350M``, ``3e18``, ``1,500,000``."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._typing import Array

_SUFFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12, "p": 1e15}
_NUMBER = re.compile(r"([+-]?(?:\d{1,3}(?:[,_]\d{3})+|\d+)?(?:\.\d*)?(?:e[+-]?\d+)?)\s*([kmbgtp]?)", re.IGNORECASE)
ACCEPTED = "a number such as 7e9, 7B, 1.2T, 350M or 1,500,000"


def parse_quantity(value: Any) -> float:
    """Number or text → float.

    Suffixes k, M, B (or G), T and P multiply by 10³ … 10¹⁵; commas and underscores may group thousands in threes.

    Raises
    ------
    ValueError
        If the text is not a quantity; ``"1,5"`` is refused because it could mean 1.5 or 15.
    """
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is not {ACCEPTED}")
    if isinstance(value, int | float | np.number):
        return float(value)
    match = _NUMBER.fullmatch(str(value).strip())
    if not match or not re.match(r"[+-]?\.?\d", match[1]):
        raise ValueError(f"{value!r} is not {ACCEPTED}")
    return float(re.sub("[,_]", "", match[1])) * _SUFFIXES[match[2].lower()]


def times_outside(values: Array, lowest: float, highest: float) -> Array:
    """How many times larger than ``highest``, or smaller than ``lowest``, positive values are: 1 inside, NaN if not known.

    Where ``lowest`` is not positive, one plus the distance outside, in widths of the range.
    """
    with np.errstate(all="ignore"):
        if lowest <= 0:
            width = highest - lowest if highest > lowest else max(abs(highest), 1.0)
            return np.asarray(1.0 + np.maximum(np.maximum(values - highest, lowest - values), 0.0) / width)
        ratio = np.where(
            values > 0, np.maximum(values / highest, lowest / values), np.where(values <= 0, np.inf, np.nan)
        )
        return np.asarray(np.maximum(ratio, 1.0))


def parse_quantities(column: pd.Series) -> tuple[Array, list[int]]:
    """A column of quantities → floats, and the positions that are not quantities (NaN there)."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        values = column.to_numpy(dtype=float, na_value=np.nan)
        return values, np.flatnonzero(np.isnan(values)).tolist()
    values, bad = np.full(len(column), np.nan), []
    for i, value in enumerate(column):
        try:
            values[i] = parse_quantity(value)
        except ValueError:
            bad.append(i)
            continue
        if np.isnan(values[i]):
            bad.append(i)
    return values, bad
