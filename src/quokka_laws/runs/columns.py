"""Which column holds what: names as people write them, mapped to canonical ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws.exceptions import ArgumentError
from quokka_laws.runs import words
from quokka_laws.runs.quantities import parse_quantities, parse_quantity
from quokka_laws.runs.remarks import Remark

INPUTS = ("N", "D", "C", "U_D", "epochs")
"""Canonical columns that a law can take."""
POSITIVE = (*INPUTS, "loss")
GUESSED = ("loss", "run_id", "step", "lr")  # the first candidate is taken, and said; others are asked for

ALIASES: dict[str, list[str]] = {
    name: names.split()
    for name, names in {
        "N": "n params parameters n_params num_params n_parameters num_parameters param_count parameter_count model_size size "
        "total_params params_total n_total non_embedding_params n_non_embedding active_params n_active",
        "D": "d tokens n_tokens num_tokens train_tokens training_tokens tokens_seen total_tokens "
        "num_input_tokens_seen consumed_tokens",
        "C": "c flops flop train_flops training_flops training_flop total_flops total_flos compute",
        "U_D": "u_d u unique_tokens n_unique_tokens num_unique_tokens unique_d",
        "epochs": "epochs epoch n_epochs num_epochs num_train_epochs",
        "loss": "loss val_loss valid_loss validation_loss eval_loss test_loss final_val_loss train_loss "
        "training_loss final_loss final_train_loss",
        "run_id": "run_id run_uuid run run_name runid name id",
        "weight": "weight weights",
    }.items()
}
WORDED: dict[str, Callable[[str], bool]] = {
    "N": words.counts_parameters,
    "D": words.counts_tokens,
    "C": words.counts_flops,
    "U_D": words.counts_unique,
    "loss": words.is_loss,
}
"""What a name means by its words, where it is none of the aliases."""
HINTS = tuple(WORDED)


SIZE = re.compile(r"(?<![A-Za-z0-9.])(\d+(?:\.\d+)?\s*[kKmMbBtT])(?![A-Za-z0-9])")
"""A size inside a name, ``pythia-70m``."""


@dataclass
class Recognised:
    """Columns by their canonical names: ``mapping`` (name → canonical), what multiplies them, what is to be said.

    ``undecided``: canonical name → columns that could all hold it; whether that matters depends on the law.
    """

    mapping: dict[str, str] = field(default_factory=dict)
    factors: dict[str, float] = field(default_factory=dict)
    notes: list[Remark] = field(default_factory=list)
    faults: list[Remark] = field(default_factory=list)
    undecided: dict[str, list[str]] = field(default_factory=dict)

    def given(self, canonical: str) -> str:
        """What the column is called in the source; the canonical name where it is not known."""
        return next((name for name, meaning in self.mapping.items() if meaning == canonical), canonical)


def inputs_of(runs: pd.DataFrame, names: Sequence[str] = ()) -> dict[str, Any]:
    """The columns of runs that a law can take: canonical ones, and those named; numbers as floats, others as text."""
    wanted = dict.fromkeys([*INPUTS, *names])
    return {k: _array(runs[k]) for k in wanted if k in runs}


def _array(column: pd.Series) -> Any:
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=float)
    return column.astype(str).to_numpy(dtype=object)


@lru_cache(maxsize=65536)
def plain_name(column: object) -> str:
    """``Train/Loss`` → ``train_loss``: the form in which names are compared."""
    return re.sub(r"\W+", "_", str(column)).strip("_").lower()


def scaled(columns: Mapping[str, str], names: Sequence[str]) -> tuple[dict[str, str], dict[str, float]]:
    """Columns without the unit given with them, ``params_m:M``, and what those units multiply by."""
    if not isinstance(columns, Mapping):
        raise ArgumentError(
            f"columns = {columns!r}: expected a mapping such as {{'N': 'n_params', 'loss': 'val_loss'}}"
        )
    plain, factors = {str(canonical): str(given) for canonical, given in columns.items()}, {}
    for canonical, given in list(plain.items()):
        name, mark, unit = given.rpartition(":")
        if mark and given not in names and name in names:
            plain[canonical], factors[canonical] = name, parse_quantity(f"1{unit}")
    return plain, factors


def recognise(
    names: Sequence[str], columns: Mapping[str, str], aliases: Mapping[str, list[str]] = ALIASES
) -> tuple[dict[str, str], list[Remark], list[Remark]]:
    """Which of the names holds what, by aliases alone: name → canonical name, notes on choices made, faults.

    Several that could hold one thing are a fault, but for those of which the first is taken.
    """
    found = Recognised()
    _asked(names, columns, aliases, found)
    plain = {name: plain_name(name) for name in names}
    for canonical, known in aliases.items():
        if canonical in columns or canonical in found.mapping.values():
            continue
        if canonical in names:
            found.mapping[canonical] = canonical
            continue
        ranked = sorted((known.index(p), c) for c, p in plain.items() if p in known and c not in found.mapping)
        _choose(canonical, [c for _, c in ranked], found)
    _said(found)
    for canonical, several in found.undecided.items():
        advice = ({"columns": {canonical: several[0]}},)
        found.faults.append(Remark("ambiguous", {"names": several, "name": canonical}, advice=advice))
    return found.mapping, found.notes, found.faults


def recognise_runs(table: pd.DataFrame, columns: Mapping[str, str]) -> Recognised:
    """Which column of a table of runs holds what: as asked for, by aliases, by the words of names and by values.

    A whole count of parameters comes before a part, the active ones of a mixture of experts before all, compute spent
    before a budget, a validation loss before a training loss, a loss in nats before the same in another unit.
    """
    names = [str(c) for c in table]
    found = Recognised()
    _asked(names, columns, ALIASES, found)
    plain = {name: plain_name(name) for name in names}
    for canonical, known in ALIASES.items():
        if canonical in columns or canonical in found.mapping.values():
            continue
        free = [c for c in names if c not in found.mapping]
        exact = [c for *_, c in sorted((len(c) == 1, known.index(plain[c]), c) for c in free if plain[c] in known)]
        if canonical in names and canonical != "loss":
            exact = [canonical]
        worded = [c for c in free if canonical in WORDED and WORDED[canonical](c)]
        if canonical == "N":
            sizes = [c for c in dict.fromkeys([*exact, *worded]) if _countable(table[c])]
            whole = [c for c in sizes if _countable(table[c], 1.0)]  # not one that also holds small and large
            called = [] if sizes else [c for c in free if words.names_a_size(c) and written_sizes(table[c])]
            _choose_size(table, whole or sizes or called, found)
        elif canonical == "loss":
            _choose_loss(exact, worded, found)
        elif canonical == "C":
            _choose_compute(table, exact, worded, found)
        else:
            _choose(canonical, _distinct(table, exact or worded), found)
    _units_in_names(table, columns, found)
    _said(found)
    return found


def _asked(
    names: Sequence[str], columns: Mapping[str, str], aliases: Mapping[str, list[str]], found: Recognised
) -> None:
    for canonical, given in columns.items():
        if canonical not in aliases:
            facts = {"name": canonical, "known": list(aliases)}
            turned = ({"columns": {given: canonical}},) if given in aliases and canonical in names else ()
            found.faults.append(Remark("turned_names" if turned else "not_canonical", facts, advice=turned))
        elif given not in names:
            facts = {"column": given, "name": canonical, "names": [str(n) for n in names]}
            found.faults.append(Remark("no_column", facts))
        else:
            found.mapping[given] = canonical


def _choose(canonical: str, candidates: Sequence[str], found: Recognised) -> None:
    if not candidates:
        return
    if len(candidates) > 1 and canonical not in GUESSED:
        found.undecided[canonical] = list(candidates)
        return
    if len(candidates) > 1:
        facts = {"name": canonical, "column": candidates[0], "others": list(candidates[1:])}
        found.notes.append(Remark("chosen", facts))
    found.mapping[candidates[0]] = canonical


def _said(found: Recognised) -> None:
    for given, canonical in found.mapping.items():
        if given != canonical:
            found.notes.append(Remark("read_as", {"column": given, "name": canonical}))


# ---- one canonical name each ----------------------------------------------------------------------------------


def _choose_size(table: pd.DataFrame, candidates: list[str], found: Recognised) -> None:
    """N: the canonical name, else active parameters before all of them, else a total before one without embeddings."""
    if "N" in candidates:
        candidates = ["N", *(c for c in candidates if words.active_parameters(c))]
    candidates = _distinct(table, candidates)
    active = [c for c in candidates if words.active_parameters(c)]
    rest = [c for c in candidates if c not in active and not words.without_embedding(c)]
    bare = [c for c in candidates if words.without_embedding(c) and c not in active]
    if len(active) == 1:
        found.mapping[active[0]] = "N"
        for other in rest[:1]:
            found.notes.append(_ratio("active_and_total", table, active[0], other))
        return
    if len(rest) > 1:
        totals = [c for c in rest if "total" in words.words(c)]
        rest = totals if len(totals) == 1 else rest
    taken = rest or bare
    if len(taken) != 1:
        _choose("N", taken, found)
        return
    found.mapping[taken[0]] = "N"
    for other in bare if rest else ():
        found.notes.append(_ratio("counted_twice", table, taken[0], other))
    parts = [c for c in map(str, table) if words.part_of_parameters(c)]
    embeddings = [c for c in parts if words.of_embedding(c)]
    if embeddings:
        share = np.sum([_numbers(table, c) for c in embeddings], axis=0) / _numbers(table, taken[0])
        facts = {"column": taken[0], "parts": parts, "low": float(np.nanmin(share)), "high": float(np.nanmax(share))}
        found.notes.append(Remark("counted_by_part", facts | {"embeddings": embeddings}))
    experts = [c for c in map(str, table) if {"experts", "moe", "topk"} & set(words.words(c)) and _countable(table[c])]
    if experts and (_numbers(table, experts[0]) > 1).any():
        found.notes.append(Remark("total_of_experts", {"column": experts[0]}))


def _choose_loss(exact: list[str], worded: list[str], found: Recognised) -> None:
    candidates = list(dict.fromkeys([*exact, *worded]))
    if not candidates:
        return
    rank = {c: _loss_rank(c, exact) for c in candidates}
    candidates.sort(key=rank.__getitem__)
    best, others = candidates[0], candidates[1:]
    tied = [c for c in others if rank[c][:4] == rank[best][:4]]
    if tied and best not in exact:
        facts = {"names": [best, *tied]}
        found.faults.append(
            Remark("several_losses", facts, advice=tuple({"columns": {"loss": c}} for c in (best, tied[0])))
        )
        return
    if others:
        found.notes.append(Remark("chosen", {"name": "loss", "column": best, "others": others}))
    found.mapping[best] = "loss"


def _loss_rank(name: str, exact: list[str]) -> tuple[bool, bool, bool, bool, int]:
    """The column called loss, then validation before training, nats before other units, usual names before others."""
    at = exact.index(name) if name in exact else len(exact)
    odd = bool(words.unit_of(name)) or name in ("value",)
    split = words.split_of(name)
    return plain_name(name) != "loss", odd, split == "training", split != "validation" and name not in exact, at


def _choose_compute(table: pd.DataFrame, exact: list[str], worded: list[str], found: Recognised) -> None:
    exact = [c for c in exact if c == "C" or len(c) > 1 or _large(table, c)]  # c may count channels
    worded = [c for c in worded if _countable(table[c]) and (c in exact or _large(table, c))]
    candidates = exact or worded
    if len(candidates) > 1:
        spent = [c for c in candidates if {"achieved", "actual", "spent", "used"} & set(words.words(c))]
        spent = spent or [c for c in candidates if "budget" not in words.words(c)]
        if len(spent) == 1:
            facts = {"name": "C", "column": spent[0], "others": [c for c in candidates if c != spent[0]]}
            found.notes.append(Remark("chosen", facts))
            candidates = spent
    _choose("C", _distinct(table, candidates), found)
    if (given := found.given("C")) != "C" and (factor := words.flops_scale(given)) > 1:
        found.factors["C"] = factor


def _units_in_names(table: pd.DataFrame, columns: Mapping[str, str], found: Recognised) -> None:
    """``params_m`` and ``Tokens (B)`` that were not asked for count millions and billions, if their values can."""
    for canonical in ("N", "D", "U_D"):
        given = found.given(canonical)
        if canonical in columns or given not in table or given == canonical:
            continue
        factor = words.scale_of(given)
        if factor > 1 and float(np.nanmax(_numbers(table, given), initial=0.0)) < factor:
            found.factors[canonical] = factor


def _countable(column: pd.Series, share: float = 0.0) -> bool:
    """Whether more than a share of the filled cells, or all, are quantities: ``model_size`` may hold small, base and large."""
    if pd.api.types.is_numeric_dtype(column):
        return True
    filled = column[column.notna() & (column.astype(str).str.strip() != "")]
    numbers = len(filled) - len(parse_quantities(filled)[1])
    return numbers > 0 and numbers >= share * len(filled)


def written_sizes(column: pd.Series) -> bool:
    """Whether all filled cells are sizes written with a unit, 70M or 1.5B, as models are called by them."""
    if pd.api.types.is_numeric_dtype(column):
        return False
    filled = column[column.notna() & (column.astype(str).str.strip() != "")].astype(str)
    return bool(len(filled)) and bool(filled.str.strip().str.fullmatch(r"\d+(\.\d+)?\s*[kKmMbBtT]").all())


def _numbers(table: pd.DataFrame, name: str) -> np.ndarray[Any, Any]:
    return parse_quantities(table[name])[0]


def _large(table: pd.DataFrame, name: str) -> bool:
    """Whether a budget can be one of FLOPs, not of dollars or steps."""
    values = _numbers(table, name) * words.flops_scale(name)
    return bool(np.isfinite(values).any()) and float(np.nanmedian(values)) > 1e9


def _distinct(table: pd.DataFrame, candidates: Sequence[str]) -> list[str]:
    """Candidates without those that hold what an earlier one holds."""
    kept: list[str] = []
    for name in candidates:
        if not any(table[name].astype(str).equals(table[other].astype(str)) for other in kept):
            kept.append(name)
    return kept


def _ratio(code: str, table: pd.DataFrame, taken: str, other: str) -> Remark:
    with np.errstate(all="ignore"):
        ratio = _numbers(table, other) / _numbers(table, taken)
    ratio = ratio[np.isfinite(ratio)]
    low, high = (float(ratio.min()), float(ratio.max())) if len(ratio) else (np.nan, np.nan)
    span = f"{low:.3g}" if f"{low:.3g}" == f"{high:.3g}" else f"{low:.3g} to {high:.3g}"
    return Remark(code, {"column": taken, "other": other, "low": low, "high": high, "range": span})
