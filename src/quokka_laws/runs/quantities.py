"""Quantities as people write them: ``7B``, ``1.2T``, ``350M``, ``3e18``, ``1,500,000``."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError

_SUFFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12, "p": 1e15}
_UNITS = {"": 1.0, "flop": 1.0, "param": 1.0, "parameter": 1.0, "token": 1.0}
_DAY = 86400.0  # seconds
_UNITS |= {f"{letter}f-day": flops * _DAY for letter, flops in {"t": 1e12, "p": 1e15, "e": 1e18}.items()}
_GROUPED = r"\d{1,3}(?:[,_]\d{3})+"
_NUMBER = re.compile(
    rf"([+-]?(?:{_GROUPED}|\d+)?(?:\.\d*)?(?:e[+-]?\d+)?)\s*([kmbgtp]?)\s*((?:[tpe](?:eta|era|xa)?f(?:lops?)?(?:/s)?[- ]day)"
    r"|flop|param(?:eter)?|token|)s?",
    re.IGNORECASE,
)
ACCEPTED = "a number such as 7e9, 7B, 1.2T, 350M, 1,500,000 or 100 PF-days"


def parse_quantity(value: Any) -> float:
    """Number or text → float.

    Suffixes k, M, B (or G), T and P multiply by 10³ … 10¹⁵; commas and underscores may group thousands in threes. The words
    FLOPs, parameters and tokens may follow; ``PF-days`` are 10¹⁵ FLOP/s for a day, 8.64e19 FLOPs.

    Raises
    ------
    ArgumentError
        If the text is not a quantity; ``"1,5"`` is refused because it could mean 1.5 or 15.
    """
    if isinstance(value, bool):
        raise ArgumentError(f"{value!r} is not {ACCEPTED}")
    if isinstance(value, int | float | np.number):
        return float(value)
    match = _NUMBER.fullmatch(str(value).strip())
    if not match or not re.match(r"[+-]?\.?\d", match[1]):
        raise ArgumentError(f"{value!r} is not {ACCEPTED}")
    unit = match[3].lower()
    if unit.endswith("day"):
        unit = f"{unit[0]}f-day"
    return float(re.sub("[,_]", "", match[1])) * _SUFFIXES[match[2].lower()] * _UNITS[unit]


def parse_list(value: Any) -> list[float]:
    """``"1e22, 1e23"`` → both: one quantity or several separated by commas.

    Commas that group thousands separate nothing: ``"1,500,000"`` is one number.
    """
    text = str(value)
    if not isinstance(value, str) or "," not in text or re.fullmatch(rf"\s*[+-]?{_GROUPED}(?:\.\d*)?\D*", text):
        return [parse_quantity(value)]
    if re.fullmatch(r"\s*[+-]?\d+,\d+\s*", text):
        raise ArgumentError(f"{value!r} could be one number or two: write 1.5, or 1 and 5 with a space, '1, 5'")
    return [parse_quantity(part) for part in text.split(",")]


def as_numbers(value: Any) -> Array:
    """Numbers or text, alone or in a list or column → a flat array.

    Raises
    ------
    ArgumentError
        If anything in it is not a quantity.
    """
    array = np.atleast_1d(np.asarray(value))
    if array.dtype.kind in "iuf":
        return array.astype(float)
    return np.array([number for one in array.ravel() for number in parse_list(one)])


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
