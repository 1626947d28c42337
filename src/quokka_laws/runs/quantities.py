"""Quantities as people write them: ``7B``, ``1.2T``, ``350M``, ``3e18``, ``1,500,000``, ``1.3×10^9``, ``3.41 ± 0.02``."""

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
_GROUPED = r"\d{1,3}(?:[,_']\d{3})+|\d{1,3}(?:[ ]\d{3})+"
_NUMBER = re.compile(
    rf"""(?P<number>[+-]?(?:{_GROUPED}|\d+)?(?:\.\d*)?(?:e[+-]?\d+)?)
    (?:\s*[×x*]\s*10(?:\^|\*\*)(?P<power>[+-]?\d+))?
    \s*(?P<suffix>[kmbgtp]?)
    \s*(?:(?P<unit>(?:[tpe](?:eta|era|xa)?f(?:lops?)?(?:/s)?[- ]day)|flop|param(?:eter)?|token|)s?)
    (?:\s*(?:±|\+/-|\+-)\s*[\d.]+(?:e[+-]?\d+)?)?""",
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)
_SAME = str.maketrans({"−": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "’": "'"})
EMPTY = frozenset(("", "nan", "none", "null", "na", "n/a", "<na>", "-", "--", "—", "–", "?", "missing", "nil", "#n/a"))
"""What people write where there is no number."""
ACCEPTED = "a number such as 7e9, 7B, 1.2T, 350M, 1,500,000 or 100 PF-days"
LARGEST = 1e30
"""Of parameters, tokens and FLOPs: a million times the compute of all runs so far."""
# What an argument can be: smallest and largest of a quantity by its name, in its own unit. Values of a table are not held
# to these, for they are checked against one another.
PLAUSIBLE: dict[str, tuple[float, float]] = {
    "N": (1.0, 1e18),
    "D": (1.0, 1e19),
    "C": (1.0, LARGEST),
    "U_D": (1.0, 1e19),
    "epochs": (1e-3, 1e9),
    "loss": (1e-6, 1e3),
}


def parse_quantity(value: Any) -> float:
    """Number or text → float.

    Suffixes k, M, B (or G), T and P multiply by 10³ … 10¹⁵; commas, underscores, apostrophes and blanks may group thousands
    in threes; ``±`` and what follows is the error of the number. The words FLOPs, parameters and tokens may follow;
    ``PF-days`` are 10¹⁵ FLOP/s for a day, 8.64e19 FLOPs.

    Raises
    ------
    ArgumentError
        If the text is not a quantity; ``"1,5"`` is refused because it could mean 1.5 or 15.
    """
    if isinstance(value, bool | np.bool_):
        raise ArgumentError(f"{value!r} is not {ACCEPTED}")
    if isinstance(value, int | float | np.number):
        try:
            return float(value)
        except (OverflowError, TypeError):
            raise ArgumentError(f"{str(value)[:40]} is not {ACCEPTED}") from None
    text = str(value).strip()
    match = _NUMBER.fullmatch(text.translate(_SAME)) if len(text) <= 60 else None
    if not match or not re.match(r"[+-]?\.?\d", match["number"]):
        raise ArgumentError(f"{_short(value)} is not {ACCEPTED}")
    unit = match["unit"].lower().removesuffix("s")
    factor = _SUFFIXES[match["suffix"].lower()] * _UNITS[f"{unit[0]}f-day" if unit.endswith("day") else unit]
    if match["power"]:
        factor *= float(f"1e{int(match['power'])}") if abs(int(match["power"])) < 400 else np.inf
    number = float(re.sub("[,_' ]", "", match["number"])) * factor
    if not np.isfinite(number):
        raise ArgumentError(f"{_short(value)} is too large for a number")
    return number


def parse_list(value: Any) -> list[float]:
    """``"1e22, 1e23"`` → both: one quantity or several separated by commas.

    Commas that group thousands separate nothing: ``"1,500,000"`` is one number.
    """
    text = str(value)
    if not isinstance(value, str) or "," not in text or re.fullmatch(rf"\s*[+-]?(?:{_GROUPED})(?:\.\d*)?\D*", text):
        return [parse_quantity(value)]
    if re.fullmatch(r"\s*[+-]?\d+,\d+\s*", text):
        raise ArgumentError(f"{value!r} could be one number or two: write 1.5, or 1 and 5 with a space, '1, 5'")
    return [parse_quantity(part) for part in text.split(",")]


def plausible(name: str, value: Any) -> float:
    """An argument called ``name`` as a float that such a quantity can be: finite, above its least and below its most.

    Raises
    ------
    ArgumentError
        With the value, the bounds and what to write.
    """
    number = parse_quantity(value)
    low, high = PLAUSIBLE.get(name, (0.0, LARGEST))
    if not low <= number <= high:
        raise ArgumentError(f"{name} = {_short(value)}: expected {low:g} to {high:g}; units are ones, as in 7e9 or 7B")
    return number


def as_numbers(value: Any) -> Array:
    """Numbers or text, alone or in a list or column → a flat array.

    Raises
    ------
    ArgumentError

    Raises
    ------
    ArgumentError
        If anything in it is not a quantity.
    """
    array = np.atleast_1d(np.asarray(value))
    if array.dtype.kind in "iuf":
        return array.astype(float)
    return np.array([number for one in array.ravel().tolist() for number in parse_list(one)])


def is_quantity(text: Any) -> bool:
    """Whether a cell holds a number as people write it."""
    try:
        parse_quantity(text)
    except ArgumentError:
        return False
    return True


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
        except ArgumentError:
            bad.append(i)
            continue
        if np.isnan(values[i]):
            bad.append(i)
    return values, bad


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:50]}…"
