"""What makes a table of runs unusable: contradictions, mixed or wrong units, duplicates. Every fault names its rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from quokka_laws._expression_tree import quoted
from quokka_laws._typing import Array
from quokka_laws.exceptions import RunsError
from quokka_laws.runs.conventions import AS_GIVEN, Conventions, training_flops
from quokka_laws.runs.remarks import Remark, sentence
from quokka_laws.runs.words import scale_of

EPOCHS_TOLERANCE = 0.02
UNITS_APART = 1e4
SMALLEST, SMALL, LARGEST = (
    1e3,
    1e6,
    1e15,
)  # parameters: some below the first, none above the second, are millions or billions
SHORTEST = 1e4  # tokens: a median below is one of millions or billions
UNITS = {"": 1.0, "M": 1e6, "B": 1e9, "T": 1e12}
WRITTEN = ("M", "B", "T")
COUNTED = {"N": "parameters", "D": "tokens"}
USUAL = 20.0  # tokens per parameter
FEW = 0.2  # share of rows that a rule may miss for them to be slips
FEWEST, MOST = 0.01, 1e6  # tokens per parameter
LEAST_COUNT = 1e4  # parameters or tokens; -1 is written for what is not known
ROUNDED = 1e-9  # relative error of a whole number that was written as a float
OWN = ("_row", "_label")  # columns of the reader, not of the table


def contradictions(table: pd.DataFrame, conventions: Conventions, tolerance: float, given: Any = None) -> list[Remark]:
    """C against the FLOP rule, beyond a relative ``tolerance``, and epochs against D/U_D.

    A constant is advised only where it holds for every row; where none does, only to take C as it is.
    """
    faults = []
    if {"N", "D", "C"} <= set(table) and not conventions.flops.startswith(AS_GIVEN):
        ratio = (table["C"] / training_flops(table["N"], table["D"], conventions.flops)).to_numpy()
        bad = np.abs(ratio - 1) > tolerance
        if bad.any():
            k = (table["C"] / (table["N"] * table["D"])).to_numpy(dtype=float)
            named = dict(given or {})
            facts = {
                "rule": conventions.flops,
                "tolerance": tolerance,
                "low": float(ratio[bad].min()),
                "high": float(ratio[bad].max()),
                "least": float(k.min()),
                "most": float(k.max()),
                "read": [f"{c}={named.get(c, c)}" for c in ("N", "D", "C", "loss") if c in table],
            }
            advice: list[dict[str, Any]] = [{"flops": AS_GIVEN}]
            if unit := _unit(ratio, tolerance):
                advice = [{"columns": {"C": f"{quoted(named.get('C', 'C'))} * {unit}"}}]
            elif units := _units_beside_compute(table, ratio, tolerance):
                advice = [{"columns": {n: f"{named.get(n, n)}:{u}" for n, u in way.items()}} for way in units]
            elif constant := constant_flops(k, tolerance):
                advice.insert(0, {"flops": f"{constant}ND"})
            elif bad.mean() <= FEW:
                rule = training_rule(conventions)
                advice.insert(0, {"drop": f"abs(C / ({rule}) - 1) > {tolerance:g}"})
            faults.append(Remark("flops", facts, rows_of(table, bad), tuple(advice)))
    if {"D", "U_D", "epochs"} <= set(table):
        ratio = (table["epochs"] * table["U_D"] / table["D"]).to_numpy()
        bad = np.abs(ratio - 1) > EPOCHS_TOLERANCE
        if bad.any():
            facts = {"tolerance": EPOCHS_TOLERANCE, "low": float(ratio[bad].min()), "high": float(ratio[bad].max())}
            faults.append(Remark("epochs", facts, rows_of(table, bad)))
    return faults


def overflowed(table: pd.DataFrame, conventions: Conventions, tolerance: float, given: Any = None) -> list[Remark]:
    """Whole numbers of 64 or 32 bits, which start over where they end: N or D below zero, or C that was multiplied out of such."""
    for name in [k for k in ("N", "D") if k in table]:
        if (below := table[name].to_numpy(dtype=float) < -LEAST_COUNT).any():
            return [
                Remark("started_over", {"column": quoted(dict(given or {}).get(name, name))}, rows_of(table, below))
            ]
    factor = conventions.flops_per_ND
    if not {"N", "D", "C"} <= set(table) or conventions.flops.startswith(AS_GIVEN) or factor != int(factor):
        return []
    numbers = {k: table[k].to_numpy(dtype=float) for k in ("N", "D", "C")}
    whole = (numbers["N"] % 1 == 0) & (numbers["D"] % 1 == 0) & (np.maximum(numbers["N"], numbers["D"]) < 2.0**63)
    size, tokens = (np.where(whole, numbers[k], 0.0).astype(np.uint64) for k in ("N", "D"))
    product = np.uint64(int(factor)) * size * tokens  # arrays of whole numbers overflow in silence
    right = np.isclose(numbers["C"], factor * numbers["N"] * numbers["D"], rtol=tolerance)
    for kind in (np.int64, np.uint64, np.int32):
        bad = whole & ~right & np.isclose(numbers["C"], product.astype(kind), rtol=ROUNDED, atol=0.0)
        if bad.any():
            called = {k: quoted(dict(given or {}).get(k, k)) for k in ("N", "D", "C")}
            formula = f"{factor:g} * {called['N']} * {called['D']}"
            most = float(np.iinfo(kind).max)
            facts = {"column": called["C"], "bits": np.iinfo(kind).bits, "most": most, "formula": formula}
            return [Remark("overflow", facts, rows_of(table, bad), ({"columns": {"C": formula}},))]
    return []


def _unit(ratio: Array, tolerance: float) -> str:
    """The unit that compute was written in, where every row is one power of a thousand off the rule; empty if not."""
    power = -3 * round(float(np.log10(np.median(ratio))) / 3)
    return f"1e{power}" if power > 0 and np.abs(ratio * 10.0**power - 1).max() <= tolerance else ""


def _units_beside_compute(table: pd.DataFrame, ratio: Array, tolerance: float) -> list[dict[str, str]]:
    """Units of N and D, such as millions, that bring every row to the rule where C is in FLOPs; the usual D/N first."""
    factor = float(np.median(ratio))
    if np.abs(ratio / factor - 1).max() > tolerance:
        return []
    found = []
    for units in product(UNITS, repeat=2):
        if abs(UNITS[units[0]] * UNITS[units[1]] / factor - 1) > tolerance:
            continue
        size = _in({k: np.array([table[k].min(), table[k].median(), table[k].max()]) for k in COUNTED}, units)
        if all(_possible(size, name) for name in COUNTED):
            way = {name: unit for name, unit in zip(COUNTED, units, strict=True) if unit}
            found.append((abs(math.log(size["D"][1] / size["N"][1] / USUAL)), way))
    return [way for _, way in sorted(found, key=lambda one: one[0])[:2] if way]


def training_rule(conventions: Conventions) -> str:
    """The FLOP rule as a condition writes it: ``6 * N * D``."""
    return f"{conventions.flops_per_ND:g} * N * D"


def constant_flops(k: Array, tolerance: float) -> str:
    """The k of C = k·N·D as it is written, if one holds for every row within the tolerance; empty if none does."""
    middle = 2 / (1 / k.min() + 1 / k.max())  # the largest relative error is least here
    for value in (float(np.median(k)), float(middle)):
        for digits in (3, 6):
            written = f"{value:.{digits}g}"
            if np.abs(k / float(written) - 1).max() <= tolerance:
                return written
    return ""


def mixed_units(table: pd.DataFrame) -> list[Remark]:
    """Sizes or tokens that fall into two groups a factor of 10,000 apart: millions beside ones."""
    faults = []
    for name in ("N", "D"):
        if name not in table:
            continue
        ordered = np.sort(table[name].to_numpy(dtype=float))
        with np.errstate(over="ignore"):
            leap = np.flatnonzero(ordered[1:] / ordered[:-1] > UNITS_APART)
        if len(leap):
            below, above = float(ordered[leap[0]]), float(ordered[leap[0] + 1])
            small = table[name].to_numpy() <= below
            fewer = small if small.sum() <= len(table) / 2 else ~small
            facts = {"column": name, "below": below, "above": above}
            faults.append(Remark("mixed_units", facts, rows_of(table, fewer)))
    return faults


def wrong_units(table: pd.DataFrame, given: Any = None) -> list[Remark]:
    """Sizes or tokens that no run has: millions or billions written without their unit."""
    seen = {
        name: np.array([table[name].min(), table[name].median(), table[name].max()])
        for name in COUNTED
        if name in table
    }
    wrong = [name for name in seen if not _possible(seen, name)]
    if not wrong:
        return []
    named = {name: dict(given or {}).get(name, name) for name in seen}

    def odd(units: tuple[str, ...]) -> tuple[int, float]:
        """Units that the names do not hold come last, then those that leave a D/N far from what people train at."""
        unlike = sum(
            UNITS[unit] != scale_of(named[name]) for name, unit in zip(seen, units, strict=True) if name in wrong
        )
        size = _in(seen, units)
        if len(size) < 2:
            return unlike, 0.0
        far = math.log(size["D"][1] / size["N"][1] / USUAL)
        return unlike, max(far, -3.0 * far)  # runs on too many tokens are many, on too few are not

    ways = product(*(WRITTEN if name in wrong else ("",) for name in seen))
    possible = [units for units in ways if all(_possible(_in(seen, units), name) for name in seen)]
    advice = tuple(
        {"columns": {name: f"{named[name]}:{unit}" for name, unit in zip(seen, units, strict=True) if name in wrong}}
        for units in sorted(possible, key=odd)[:2]
    )
    return [
        Remark("wrong_unit", {"column": named[name], "low": low, "high": high, "what": COUNTED[name]}, advice=advice)
        for name in wrong
        for low, _, high in [seen[name].tolist()]
    ]


def _in(seen: dict[str, Array], units: tuple[str, ...]) -> dict[str, Array]:
    return {name: values * UNITS[unit] for (name, values), unit in zip(seen.items(), units, strict=True)}


def _possible(seen: dict[str, Array], name: str) -> bool:
    """Whether the least, middle and largest number can be ones of parameters, or of tokens, beside the others."""
    low, middle, high = seen[name]
    if name == "D" and not SHORTEST <= middle < LARGEST * MOST:
        return False
    if name == "N" and not SMALLEST <= middle < LARGEST:
        return False
    if len(seen) < 2:
        return not (name == "N" and low < SMALLEST and high < SMALL)
    if name == "N" and low < SMALLEST and high < SMALL and not _possible({"D": seen["D"]}, "D"):
        return False
    if name == "D" and not _possible({"N": seen["N"]}, "N"):
        return True
    ratio = seen["D"][1] / seen["N"][1]
    return bool(ratio >= FEWEST if name == "D" else ratio <= MOST)


def duplicated(table: pd.DataFrame, keep: Literal["first", False] = "first") -> pd.Series:
    """Rows that agree with another in every column of the table: all but the first, or all of them.

    What only counts the rows, or names the file that a row is from, tells no runs apart.
    """
    if "loss" in table and table["loss"].is_unique:
        return pd.Series(False, index=table.index)
    own = table[[c for c in table if c not in OWN and c != "file" and not str(c).startswith("Unnamed: 0")]]
    texts = {
        c: str for c in own if not pd.api.types.is_numeric_dtype(own[c])
    }  # cells may hold lists, which have no hash
    return own.astype(texts).duplicated(keep=keep)


def duplicates(table: pd.DataFrame) -> list[Remark]:
    """Rows that are the same run, which would count twice."""
    same = duplicated(table, keep=False).to_numpy()
    if not same.any():
        return []
    return [Remark("duplicates", {"n": int(same.sum())}, rows_of(table, same), ({"drop": "duplicates"},))]


def rows_of(table: pd.DataFrame, mask: Any) -> tuple[str, ...]:
    """The rows under a mask as their owner knows them: by label (:mod:`quokka_laws.runs.rows`), and by run where one is named."""
    rows = table[np.asarray(mask, dtype=bool)]
    names = rows["_label"] if "_label" in rows else [""] * len(rows)
    return tuple(f"{row} ({name})" if name else str(row) for row, name in zip(rows.index, names, strict=True))


def where_from(source: Any) -> str:
    """What a message calls the table."""
    if isinstance(source, pd.DataFrame):
        return "the DataFrame"
    if isinstance(source, list | tuple) and all(isinstance(one, str | Path) for one in source):
        return ", ".join(where_from(one) for one in source[:3]) + (" …" if len(source) > 3 else "")
    if isinstance(source, str | Path):
        return "stdin" if str(source) == "-" else str(source)
    return "the table"


def raise_faults(source: Any, faults: Sequence[Remark]) -> None:
    """Raise one :class:`RunsError` of all faults, numbered where there are several."""
    if faults:
        where = where_from(source)
        raise RunsError(fault_text(where, faults), source=where, faults=tuple(faults))


def fault_text(where: str, faults: Sequence[Remark]) -> str:
    """All faults of a table in one message."""
    said = [sentence(fault) for fault in faults]
    return f"{where}: " + (said[0] if len(said) == 1 else "".join(f"\n  {i}. {s}" for i, s in enumerate(said, 1)))
