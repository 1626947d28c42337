"""Which logged name holds what: the loss, steps, tokens and learning rate of a curve, and facts about a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws.exceptions import RunsError
from quokka_laws.importers.curves import Curve
from quokka_laws.runs.columns import ALIASES, INPUTS, plain_name, recognise
from quokka_laws.runs.quantities import parse_quantity

LOGGED: dict[str, list[str]] = {
    "step": ["step", "global_step", "train_global_step", "iteration", "iter", "iterations", "it", "steps"],
    "D": [*ALIASES["D"], "train_num_input_tokens_seen", "train_tokens_seen", "total_training_tokens"],
    "loss": [
        *ALIASES["loss"],
        *("lm_loss", "lm_loss_validation", "lm_loss_training", "val_lm_loss", "train_lm_loss", "loss_val"),
        *("loss_train", "loss_metrics_global_avg_loss"),
    ],
    "lr": ["lr", "learning_rate", "train_lr", "train_learning_rate"],
}
FACTS: dict[str, list[str]] = {
    **{k: ALIASES[k] for k in INPUTS},
    "max_steps": ["max_steps", "total_steps", "num_steps", "train_steps", "max_iters", "train_iters", "num_iterations"],
}
SHOWN = 20  # names listed in a message


def curve(
    run_id: str,
    logged: pd.DataFrame,
    source: str,
    *,
    columns: Mapping[str, str],
    facts: Mapping[str, Any] | None = None,
    name_facts: Mapping[str, Any] | None = None,
    ended: str = "",
    remarks: Iterable[str] = (),
) -> Curve:
    """A curve from a run's table of logged values and the facts logged beside it.

    Parameters
    ----------
    logged : DataFrame
        One row per step, in the order of logging. Empty cells were not logged; a logged NaN is infinite.
    columns : mapping
        Canonical name → name in the source, for values and facts alike; common names are recognised without it.
    facts : mapping
        Configuration of the run, nested or not.
    name_facts : mapping
        Facts from the run's name or a table; they come before logged ones that are not mapped.

    Raises
    ------
    RunsError
        When a name could mean several things, or a value is no number. A run without the loss asked for is kept,
        with the reason.
    """
    configured = _flat(facts or {})
    names = [str(c) for c in logged.columns]
    if lost := [f"{k}={v}" for k, v in columns.items() if v not in names and v not in configured]:
        return unreadable(run_id, source, [f"it has no {', '.join(lost)}; it has {_listed([*names, *configured])}"])
    asked = {k: v for k, v in columns.items() if k in LOGGED and v in names}
    losses = [name for name in names if plain_name(name) in LOGGED["loss"]]
    if losses and "loss" not in asked:
        asked["loss"] = min(losses, key=_preference)
        others = [name for name in losses if name != asked["loss"]]
        remarks = [*remarks, *([f"{asked['loss']!r} is the loss; not used: {', '.join(others)}"] if others else [])]
    found, faults = _match(names, asked, LOGGED)
    mapped = {k: v for k, v in columns.items() if k in FACTS and v in configured}
    wanted = {k: v for k, v in FACTS.items() if k in mapped or k not in (name_facts or {})}
    known, more = _match(list(configured), mapped, wanted)
    if faults := [*faults, *more]:
        raise RunsError(f"{source}: run {run_id}: {'; '.join(faults)}")
    if "loss" not in found:
        reason = f"it has no loss that is recognised; it has {_listed(names)}. Say --columns loss=NAME"
        return unreadable(run_id, source, [reason])
    table = pd.DataFrame({k: _numbers(logged[v], f"{source}: column {v}") for k, v in found.items()})
    if "step" not in table:
        table.insert(0, "step", np.arange(len(table), dtype=float))
    taken = {plain for aliases in (*ALIASES.values(), *FACTS.values()) for plain in aliases}
    other = {k: v for k, v in configured.items() if plain_name(k) not in taken and k not in known.values()}
    stated: dict[str, Any] = {}
    for key, given in known.items():
        try:
            stated[key] = parse_quantity(configured[given])
        except ValueError as error:
            if key in columns:
                raise RunsError(f"{source}: run {run_id}: {given}: {error}") from None
    if len(table) > 1 and "D" in table and table["D"].nunique() == 1 and table["D"].iloc[0] > 0:
        planned = float(table.pop("D").iloc[0])  # the same at every step: not what was seen by then
        if "D" not in (name_facts or {}):
            stated.setdefault("D", planned)
    facts = {**other, **_split(found["loss"]), **(name_facts or {}), **stated}
    return Curve(run_id, table[np.isfinite(table["step"])], found["loss"], source, facts, ended, tuple(remarks))


def unreadable(run_id: str, source: str, reasons: list[str]) -> Curve:
    """A run without a loss, kept so that it is listed."""
    return Curve(run_id, pd.DataFrame({"step": [], "loss": []}, dtype=float), "", source, ended="; ".join(reasons))


def _match(
    names: list[str], columns: Mapping[str, str], aliases: Mapping[str, list[str]]
) -> tuple[dict[str, str], list[str]]:
    mapping, _, faults = recognise(names, columns, aliases)
    return {canonical: given for given, canonical in mapping.items()}, faults


def _preference(metric: str) -> tuple[bool, int]:
    """Validation before training: one logged training loss is noise beside it."""
    return _split(metric) != {"loss_split": "validation"}, LOGGED["loss"].index(plain_name(metric))


def _split(metric: str) -> dict[str, str]:
    plain = plain_name(metric)
    for split, words in (("validation", ("val", "eval", "test")), ("training", ("train",))):
        if any(word in plain for word in words):
            return {"loss_split": split}
    return {}


def _numbers(column: pd.Series, where: str) -> np.ndarray[Any, Any]:
    """Logged values: NaN where nothing was logged, infinite where what was logged is no finite number."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=float, na_value=np.nan)
    values = np.full(len(column), np.nan)
    for i, cell in enumerate(column):
        text = (
            "" if cell is None or cell is pd.NA or (isinstance(cell, float) and np.isnan(cell)) else str(cell).strip()
        )
        if text.lower().lstrip("+-") in ("nan", "inf", "infinity"):
            values[i] = np.inf
        elif text and text.lower() not in ("none", "null"):
            try:
                values[i] = parse_quantity(cell)
            except ValueError as error:
                raise RunsError(f"{where}, row {i + 1}: {error}") from None
    return values


def _flat(facts: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, given in facts.items():
        value = given.item() if isinstance(given, np.generic) else given
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{key}."))
        elif isinstance(value, str | int | float | bool) and value != "":
            flat[f"{prefix}{key}"] = value
    return flat


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(names[:SHOWN]) or "nothing") + more
