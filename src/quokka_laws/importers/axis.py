"""What a column counts along a run: steps, tokens, samples, epochs or time; by its name and by its values.

Steps are whole numbers that do not fall, and no run takes twenty million of them. What is not steps or tokens becomes
tokens where a factor is known: samples with the length of a sequence, epochs with the unique tokens, FLOPs with N.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.runs.columns import plain_name
from quokka_laws.runs.quantities import parse_quantities, parse_quantity
from quokka_laws.runs.words import counts_flops, counts_tokens, leaf, scale_of, words


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


STEPS, TOKENS, SAMPLES, EPOCHS, TIME, UNKNOWN = "steps", "tokens", "samples", "epochs", "time", "something else"
FLOPS = "FLOPs"
MOST_STEPS = 2e7
_WORDS = {
    STEPS: _set("step steps iteration iterations iter iters it update updates batches"),
    SAMPLES: _set("samples sample examples sequences seqs documents"),
    EPOCHS: _set("epoch epochs"),
    TIME: _set("time seconds hours minutes wall walltime runtime timestamp elapsed duration relative date secs hrs"),
}
_LENGTHS = (
    "seq_len",
    "seq_length",
    "sequence_length",
    "context_length",
    "block_size",
    "max_seq_len",
    "max_seq_length",
    "n_ctx",
    "context",
)


def kind_of(name: str, values: Array | None = None) -> str:
    """What a column counts; by its values only steps are doubted: fractions and hundreds of millions are none."""
    said = set(leaf(name)) | (set(words(name)) if len(leaf(name)) == 1 else set())
    if counts_tokens(name) or (said & {"tokens", "toks"} and not said & {"per", "sec", "second", "s", "batch"}):
        return TOKENS
    if counts_flops(name):
        return FLOPS
    if said & {"per", "sec", "rate", "speed", "throughput"} and not said & _WORDS[STEPS]:
        return UNKNOWN
    for kind in (EPOCHS, SAMPLES, TIME, STEPS):
        if said & _WORDS[kind] and not (said & {"per", "total", "max", "num", "size"} and kind != SAMPLES):
            odd = kind == STEPS and values is not None and not can_be_steps(values * scale_of(name))
            return UNKNOWN if odd else kind
    return UNKNOWN


def can_be_steps(values: Array) -> bool:
    """Whether numbers can be steps of an optimizer: whole, not negative, at most twenty million."""
    there = values[np.isfinite(values)]
    return bool(len(there)) and bool(
        (there == np.round(there)).all() and there.min() >= 0 and there.max() <= MOST_STEPS
    )


def rises(values: Array) -> bool:
    """Whether numbers rise from row to row, as an axis does."""
    there = values[np.isfinite(values)]
    return len(there) > 1 and bool((np.diff(there) > 0).all())


def by_epoch(metric: str, steps: Array) -> bool:
    """Whether a series is logged once an epoch and counts epochs as its steps, as Keras' ``epoch_loss`` does."""
    there = steps[np.isfinite(steps)]
    return "epoch" in words(metric) and len(there) > 1 and there.min() <= 1 and bool((np.diff(there) == 1).all())


class Through(NamedTuple):
    """Steps counted through, ``values``, where an epoch has ``each`` steps (None if nothing says it); the ``first`` epoch."""

    values: Array
    each: float | None
    first: float


def through_epochs(steps: Array, epochs: Array, ends: Array | None = None) -> Through | None:
    """Steps that start again with every epoch, counted through from the first epoch; None where they do not start again.

    ``ends``: the steps of an epoch where the log says them, ``200/1000``; without it a log of every step tells them.
    """
    there = np.flatnonzero(np.isfinite(steps) & np.isfinite(epochs))
    step, epoch = steps[there], epochs[there]
    again, next_ = np.diff(step) < 0, np.diff(epoch) > 0
    if not (again & next_).any() or (next_ & ~again).any():
        return None
    first = float(epoch.min() > 0)
    each = _steps_each(step, np.flatnonzero(np.diff(epoch) != 0) + 1)
    if ends is not None and np.isfinite(ends[there]).any():
        each = float(np.nanmax(ends[there]))
    return Through(steps + (epochs - first) * (each or 0.0), each, first)


def _steps_each(step: Array, starts: Array) -> float | None:
    """Steps of an epoch where every one is logged."""
    parts = np.split(step, starts)
    whole = {float(part[-1] - part[0] + 1) for part in parts[:-1]}
    dense = all((np.diff(part) == 1).all() for part in parts)
    return whole.pop() if dense and len(whole) == 1 else None


def evenly(values: Array) -> bool:
    """Whether steps between numbers are alike, as those of a log and unlike those of a sweep."""
    gaps = np.diff(values[np.isfinite(values)])
    return len(gaps) >= 5 and bool(np.abs(gaps / np.median(gaps) - 1).max() < 0.02)


def numbers(column: pd.Series) -> Array:
    """A column as floats, NaN where it holds no number as people write them."""
    values = pd.to_numeric(column, errors="coerce")
    if values.isna().all() and len(column):
        return parse_quantities(column)[0]
    return values.to_numpy(dtype=float)


def tokens_each(kind: str, facts: Mapping[str, Any]) -> tuple[float, str] | None:
    """Tokens of a sample, an epoch or a FLOP, and the fact they follow from; None where nothing says it."""
    if kind == SAMPLES:
        for name, value in facts.items():
            if plain_name(name).endswith(_LENGTHS) and (length := _number(value)):
                return length, f"{name} = {length:g}"
    if kind == EPOCHS and (unique := _number(facts.get("U_D"))):
        return unique, f"U_D = {unique:g}"
    if kind == FLOPS and (size := _number(facts.get("N"))):
        return 1 / (6 * size), f"1/6N, N = {size:g}"
    return None


def _number(value: Any) -> float:
    try:
        return parse_quantity(value)
    except ValueError:
        return 0.0
