"""Which column holds what: names as people write them, mapped to canonical ones."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from quokka_laws.runs.quantities import parse_quantity

INPUTS = ("N", "D", "C", "U_D", "epochs")
"""Canonical columns that a law can take."""
GUESSED = ("loss", "run_id", "step", "lr")  # the first candidate is taken, and said; others are asked for

ALIASES: dict[str, list[str]] = {
    name: names.split()
    for name, names in {
        "N": "n params parameters n_params num_params n_parameters num_parameters param_count model_size size "
        "total_params n_total non_embedding_params n_non_embedding",
        "D": "d tokens n_tokens num_tokens train_tokens training_tokens tokens_seen total_tokens "
        "num_input_tokens_seen consumed_tokens",
        "C": "c flops flop train_flops training_flops training_flop total_flops total_flos compute",
        "U_D": "u_d u unique_tokens n_unique_tokens num_unique_tokens unique_d",
        "epochs": "epochs epoch n_epochs num_epochs num_train_epochs",
        "loss": "loss val_loss valid_loss validation_loss eval_loss test_loss final_val_loss train_loss "
        "training_loss final_loss final_train_loss",
        "run_id": "run_id run run_name runid name id",
        "weight": "weight weights",
    }.items()
}


def inputs_of(runs: pd.DataFrame, names: Sequence[str] = ()) -> dict[str, Any]:
    """The columns of runs that a law can take: canonical ones, and those named; numbers as floats, others as text."""
    wanted = dict.fromkeys([*INPUTS, *names])
    return {k: _array(runs[k]) for k in wanted if k in runs}


def _array(column: pd.Series) -> Any:
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=float)
    return column.astype(str).to_numpy(dtype=object)


def plain_name(column: object) -> str:
    """``Train/Loss`` → ``train_loss``: the form in which names are compared."""
    return re.sub(r"\W+", "_", str(column)).strip("_").lower()


def scaled(columns: Mapping[str, str], names: Sequence[str]) -> tuple[dict[str, str], dict[str, float]]:
    """Columns without the unit given with them, ``params_m:M``, and what those units multiply by."""
    plain, factors = dict(columns), {}
    for canonical, given in columns.items():
        name, mark, unit = given.rpartition(":")
        if mark and given not in names and name in names:
            plain[canonical], factors[canonical] = name, parse_quantity(f"1{unit}")
    return plain, factors


HINTS = {"N": ("param", "size"), "D": ("token",), "C": ("flop", "compute"), "loss": ("loss", "ppl", "perplexity")}


def suggested(names: Sequence[str], wanted: Sequence[str]) -> str:
    """``columns={'N': '# Params', 'D': …}``: what to say where columns were not recognised, with names that look right."""
    pairs = []
    for canonical in wanted:
        near = [n for n in names if any(word in plain_name(n) for word in HINTS[canonical])]
        unit = re.search(r"_([kmbt])$", plain_name(near[0])) if near else None
        name = f"{near[0]}:{unit[1].upper()}" if near and unit else near[0] if near else ""
        pairs.append(f"{canonical!r}: {name!r}" if name else f"{canonical!r}: …")
    return f"columns={{{', '.join(pairs)}}}"


def recognise(
    names: Sequence[str],
    columns: Mapping[str, str],
    aliases: Mapping[str, list[str]] = ALIASES,
    undecided: dict[str, list[str]] | None = None,
) -> tuple[dict[str, str], list[str], list[str]]:
    """Which of the names holds what: name → canonical name, with notes on choices made and faults.

    Several that could hold one thing are a fault, or are noted in ``undecided``: whether it matters depends on the law.
    """
    mapping: dict[str, str] = {}
    notes: list[str] = []
    faults: list[str] = []
    for canonical, given in columns.items():
        if canonical not in aliases:
            faults.append(f"columns: {canonical!r} is not a canonical name ({', '.join(aliases)})")
        elif given not in names:
            faults.append(
                f"columns: the table has no column {given!r} for {canonical}; it has {', '.join(map(str, names))}"
            )
        else:
            mapping[given] = canonical
    plain = {name: plain_name(name) for name in names}
    for canonical, known in aliases.items():
        if canonical in columns or canonical in mapping.values():
            continue
        if canonical in names:
            mapping[canonical] = canonical
            continue
        found = sorted((known.index(p), c) for c, p in plain.items() if p in known and c not in mapping)
        if not found:
            continue
        candidates = [c for _, c in found]
        if len(candidates) > 1 and canonical not in GUESSED and undecided is not None:
            undecided[canonical] = candidates
            continue
        if len(candidates) > 1 and canonical not in GUESSED:
            faults.append(
                f"columns {', '.join(candidates)} could all be {canonical}; say which: "
                f"columns={{{canonical!r}: {candidates[0]!r}}}"
            )
            continue
        if len(candidates) > 1:
            notes.append(f"{canonical} was taken from {candidates[0]!r}, not from {', '.join(candidates[1:])}")
        mapping[candidates[0]] = canonical
    notes += [f"column {given!r} read as {canonical}" for given, canonical in mapping.items() if given != canonical]
    return mapping, notes, faults
