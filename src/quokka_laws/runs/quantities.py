"""Quantities as people write them: ``7B``, ``350M``, ``3e18``, ``1,500,000``, ``1.3×10^9``, ``10⁹``, ``3.41 ± 0.02``."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError

_SUFFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12, "p": 1e15}
_WORDS = {
    "thousand": 1e3,
    "million": 1e6,
    "mio": 1e6,
    "mn": 1e6,
    "billion": 1e9,
    "bn": 1e9,
    "bt": 1e9,
    "mrd": 1e9,
    "trillion": 1e12,
}
_UNITS = {"": 1.0, "nat": 1.0, "nats/token": 1.0, "flop": 1.0, "param": 1.0, "parameter": 1.0, "token": 1.0, "tok": 1.0}
_DAY = 86400.0  # seconds
_UNITS |= {f"{letter}f-day": flops * _DAY for letter, flops in {"t": 1e12, "p": 1e15, "e": 1e18}.items()}
_GROUPED = r"\d{1,3}(?:[,_']\d{3})+|\d{1,3}(?:[ ]\d{3})+"
_NUMBER = re.compile(
    rf"""[~≈∼]?\s*
    (?:(?P<number>[+-]?(?:{_GROUPED}|\d+)?(?:\.\d*)?(?:e[+-]?\d+)?)
       (?:\s*[×x*·⋅∙]\s*(?:10(?:\^|\*\*)(?P<power>[+-]?\d+)|1(?P<ones>e[+-]?\d+)))?
       |10(?:\^|\*\*)(?P<exponent>[+-]?\d+(?:\.\d+)?))
    \s*(?P<suffix>[kmbgtp]?|{"|".join(f"{word}s?" for word in _WORDS)})
    \s*(?:(?P<unit>(?:[tpe](?:eta|era|xa)?f(?:lops?)?(?:/s)?[- ]day)|flop|param(?:eter)?|tok(?:en)?|nats/token|nat|)s?)
    (?:\s*(?:±|\+/-|\+-)\s*[\d.]+(?:e[+-]?\d+)?|\s*\(\s*(?:±\s*)?[\d.]+\s*\)|\s*[\[(]\s*[\d.]+\s*[;,–-]\s*[\d.]+\s*[\])])?
    [*†‡§¶]{{0,3}}""",
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)
_WRAPPED = re.compile(
    r"(?:(?:np\.|numpy\.|torch\.)?(?:float\d+|int\d+|tensor|array)\(|\[)([^()\[\],]*)(?:,[^()\[\]]*)?[)\]]"
)
_SAME = str.maketrans({"−": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "’": "'"})
_RAISED = re.compile("[⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_LOWERED = str.maketrans("⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹", "-+0123456789")
_PLAIN = frozenset("0123456789.eE+-")
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

    Suffixes k, M, B (or G), T and P multiply by 10³ … 10¹⁵, as do the words million, billion and trillion; commas,
    underscores, apostrophes and blanks may group thousands in threes; ``±`` and what follows, or a number in brackets, is
    the error of the number, two in brackets its interval. ``~`` before it and marks of footnotes behind it mean nothing. The words FLOPs, parameters and
    tokens may follow; ``PF-days`` are 10¹⁵ FLOP/s for a day, 8.64e19 FLOPs.

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
    number = _plain(text)
    if number is None:
        number = _written(text)
    if number is None:
        raise ArgumentError(f"{_short(value)} is not {ACCEPTED}")
    if not np.isfinite(number):
        raise ArgumentError(f"{_short(value)} is too large for a number")
    return number


def _plain(text: str) -> float | None:
    """A number as machines write it, which most are; None for any other text."""
    if not _PLAIN.issuperset(text):
        return None
    try:
        return float(text)
    except ValueError:
        return None


def _written(text: str) -> float | None:
    """A number as people write it; None for any other text."""
    if len(text) > 60:
        return None
    if wrapped := _WRAPPED.fullmatch(text):  # np.float64(3.21), tensor(3.21, device='cuda'), [3.21]
        text = "" if text.startswith("[") and "," in text else wrapped[1].strip()
    raised = _RAISED.sub(lambda found: "^" + found[0].translate(_LOWERED), text.translate(_SAME))
    match = _NUMBER.fullmatch(raised)
    if not match or (match["exponent"] is None and not re.match(r"[+-]?\.?\d", match["number"] or "")):
        return None
    suffix, unit = match["suffix"].lower(), match["unit"].lower().removesuffix("s")
    factor = _SUFFIXES.get(suffix) or _WORDS[suffix.removesuffix("s")]
    factor *= _UNITS[f"{unit[0]}f-day" if unit.endswith("day") else unit]
    if match["exponent"] is not None:
        return factor * _power(match["exponent"])
    factor *= _power(match["power"] or (match["ones"] or "0").lstrip("eE"))
    return float(re.sub("[,_' ]", "", match["number"])) * factor


def _power(exponent: str) -> float:
    """Ten to the power of a written number, infinite where that is too large."""
    whole, part = divmod(float(exponent), 1)
    return float(f"1e{int(whole)}") * 10.0**part if abs(whole) < 400 else float("inf")


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
    """Numbers or text, alone or in a list or column → a flat array; NaN where a value is masked.

    Raises
    ------
    ArgumentError
        If anything in it is not a quantity.
    """
    if isinstance(value, np.ma.MaskedArray):
        value = np.where(np.ma.getmaskarray(value), np.nan, value.data.astype(float))
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
    odd = pd.api.types.is_bool_dtype(column) or pd.api.types.is_complex_dtype(column)
    if pd.api.types.is_numeric_dtype(column) and not odd:
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
