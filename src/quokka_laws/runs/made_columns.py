"""Columns that are made of others before names are read: sums and formulas that were asked for, and logarithms undone."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.exceptions import ExpressionError, RunsError
from quokka_laws.runs import words
from quokka_laws.runs.columns import ALIASES, SIZE, plain_name, written_sizes
from quokka_laws.runs.expressions import holds_a_column, numbers_of
from quokka_laws.runs.quantities import parse_quantities, parse_quantity
from quokka_laws.runs.remarks import Remark

_EXPERTS = re.compile(r"(?i)moe|\d+x\d|(?<![A-Za-z0-9])a\d+(?:\.\d+)?[bm](?![a-z0-9])")
BASES = {"log10": 10.0, "lg": 10.0, "log2": 2.0, "ln": np.e, "log": 0.0}  # 0: by the values
# Natural logarithms of sizes, tokens and FLOPs lie above these, decimal ones below.
DECIMAL_BELOW = {"N": 13.0, "D": 15.0, "C": 33.0}
_COUNTS = {"N": words.counts_parameters, "D": words.counts_tokens, "C": words.counts_flops, "loss": words.is_loss}
_SINGLE = {"n": "N", "d": "D", "c": "C"}


def made(table: pd.DataFrame, columns: Mapping[str, str]) -> tuple[pd.DataFrame, list[Remark]]:
    """The table with columns that were asked for as formulas of others, and those whose logarithm it holds.

    Parameters
    ----------
    columns : mapping
        Canonical name → what was asked for: ``N=params_blocks + params_head``, ``D=steps * batch_tokens``.
    """
    notes = []
    for canonical, given in columns.items():
        if given in table:
            continue
        parts = [part.strip() for part in given.split("+")]
        if len(parts) > 1 and set(parts) <= set(table):  # names as they are, whatever is in them
            values = np.sum([parse_quantities(table[part])[0] for part in parts], axis=0)
        elif (computed := _computed(given, table)) is not None:
            values = computed
        else:
            continue
        table = table.assign(**{given: values})
        notes.append(Remark("made", {"name": canonical, "formula": given}))
    if "N" not in columns and (named := _sizes_in_names(table)) is not None:
        name, values = named
        table = table.assign(model_size=values)
        notes.append(Remark("sized", {"column": name, "example": str(table[name].iloc[0]), "size": float(values[0])}))
    for name in map(str, list(table)):
        if (found := _logarithm(name, table)) is not None:
            plain, values, base = found
            table = table.assign(**{plain: values})
            notes.append(Remark("unlogged", {"column": name, "name": plain, "base": f"{base:.4g}"}))
    return table, notes


def _sizes_in_names(table: pd.DataFrame) -> tuple[str, Array] | None:
    """The sizes that names of models hold, ``pythia-70m``, where no column counts parameters and each name holds one."""
    if "N" in table or any(words.counts_parameters(str(c)) or plain_name(c) in ALIASES["N"] for c in table):
        return None
    if not any(
        plain_name(c) in ALIASES["D"] or words.counts_tokens(str(c)) or words.counts_flops(str(c)) for c in table
    ):
        return None
    for name in (str(c) for c in table if {"model", "models"} & set(words.words(str(c)))):
        if table[name].astype(str).str.contains(_EXPERTS).any():
            return None  # which parameters count is not said by 8x7B or 30B-A3B
        found = [SIZE.findall(str(cell)) for cell in table[name]]
        if pd.api.types.is_numeric_dtype(table[name]) or written_sizes(table[name]):
            continue
        if found and all(len(sizes) == 1 for sizes in found):
            return name, np.array([parse_quantity(sizes[0]) for sizes in found])
    return None


def _computed(formula: str, table: pd.DataFrame) -> Array | None:
    """The numbers of a formula of columns; None where it is none, so that it is said to be no column."""
    if not set(formula) & set("*/+-("):
        return None
    try:
        return numbers_of(formula, table)
    except ExpressionError as error:
        if holds_a_column(formula, table):
            raise RunsError(f"columns: {error}") from None
        return None


def _logarithm(name: str, table: pd.DataFrame) -> tuple[str, Array, float] | None:
    """What ``log10_params`` holds the logarithm of: a name, its values and the base; None for other columns."""
    said = words.words(name)
    if len(said) < 2 or said[0] not in BASES:
        return None
    rest = "_".join(said[1:])
    counted = next((c for c, counts in _COUNTS.items() if counts(rest)), None)
    canonical = _SINGLE.get(rest) or counted
    if canonical == "loss" and (said[0] == "log" or words.unit_of(name)):
        return None  # log loss is a name of the cross-entropy, ln of a perplexity is in nats
    if canonical is None or any(c in table for c in (rest, canonical)):
        return None
    if any(_COUNTS[canonical](str(c)) for c in table if str(c) != name):
        return None
    values = parse_quantities(table[name])[0]
    if not np.isfinite(values).any():
        return None
    base = BASES[said[0]] or (10.0 if float(np.nanmedian(values)) < DECIMAL_BELOW[canonical] else np.e)
    with np.errstate(over="ignore"):
        return rest, np.asarray(base**values), base
