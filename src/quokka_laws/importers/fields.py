"""Which logged name holds what: the loss, steps, tokens and learning rate of a curve, and facts about a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._spelling import option
from quokka_laws._typing import Array
from quokka_laws.exceptions import RunsError
from quokka_laws.importers import axis
from quokka_laws.importers.curves import Curve
from quokka_laws.runs import words
from quokka_laws.runs.columns import ALIASES, INPUTS, plain_name, recognise, scaled
from quokka_laws.runs.quantities import parse_quantity
from quokka_laws.runs.remarks import Remark, sentence

LOGGED: dict[str, list[str]] = {
    "step": ["step", "global_step", "train_global_step", "trainer_global_step", "iteration", "iter", "iterations", "it", "steps",
             "training_iteration", "train_step", "training_step", "optimizer_step", "optimizer_steps", "opt_step", "num_updates"],
    "D": [*ALIASES["D"], "train_num_input_tokens_seen", "train_tokens_seen", "total_training_tokens"],
    "loss": [
        *ALIASES["loss"],
        *("lm_loss", "lm_loss_validation", "lm_loss_training", "val_lm_loss", "train_lm_loss", "loss_val"),
        *("loss_train", "loss_metrics_global_avg_loss"),
    ],
    "lr": ["lr", "learning_rate", "train_lr", "train_learning_rate"],
}  # fmt: skip
FACTS: dict[str, list[str]] = {
    **{k: ALIASES[k] for k in INPUTS},
    "max_steps": ["max_steps", "total_steps", "num_steps", "train_steps", "max_iters", "train_iters", "num_iterations"],
}
TAKEN = frozenset(plain for aliases in (*ALIASES.values(), *FACTS.values()) for plain in aliases)
TO_NATS = {"perplexity": "ln", "bits/token": "× ln 2"}
SHOWN = 20  # names listed in a message


def curve(
    run_id: str,
    logged: pd.DataFrame,
    source: str,
    *,
    columns: Mapping[str, str],
    facts: Mapping[str, Any] | None = None,
    name_facts: Mapping[str, Any] | None = None,
    ended: Remark | str = "",
    remarks: Iterable[Remark] = (),
    series_end: float | None = None,
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
    series_end : float, optional
        Last step of what was logged along the same axis as the loss; found from the table without it.

    Raises
    ------
    RunsError
        When a name could mean several things, or a value is no number. A run without the loss asked for is kept,
        with the reason.
    """
    configured = _flat(facts or {})
    names = [str(c) for c in logged.columns]
    columns, factors = scaled(columns, [*names, *configured])
    run = _Run(run_id, source, logged, names, columns, factors, configured, name_facts or {}, list(remarks))
    try:
        return run.curve(ended, series_end)
    except _Unreadable as refused:
        return unreadable(run_id, source, [str(refused)])


def unreadable(run_id: str, source: str, reasons: list[str]) -> Curve:
    """A run without a loss, kept so that it is listed."""
    return Curve(run_id, pd.DataFrame({"step": [], "loss": []}, dtype=float), "", source, ended="; ".join(reasons))


class _Unreadable(Exception):
    """Why a run has no curve; the run is kept, with the reason."""


@dataclass(frozen=True)
class _Run:
    """A run that is read in turn: its names, its numbers, its facts, its tokens, and what its rows follow one another by."""

    run_id: str
    source: str
    logged: pd.DataFrame
    names: list[str]
    columns: Mapping[str, str]
    factors: Mapping[str, float]
    configured: Mapping[str, Any]
    name_facts: Mapping[str, Any]
    said: list[Remark]

    def curve(self, ended: Remark | str, series_end: float | None) -> Curve:
        found, known = self._recognised()
        metric = found["loss"]
        table = self._table(found)
        stated = self._stated(known)
        if len(table) > 1 and "D" in table and table["D"].nunique() == 1 and table["D"].iloc[0] > 0:
            planned = float(table.pop("D").iloc[0])  # the same at every step: not what was seen by then
            if "D" not in self.name_facts:
                stated.setdefault("D", planned)
        facts = {**self.configured, **self.name_facts, **stated}
        if "D" not in table and (tokens := _converted(self.logged, self.names, facts, self.said)) is not None:
            table["D"] = tokens
        table["loss"] = _in_nats(table["loss"].to_numpy(dtype=float), metric, self.said)
        along = self._axis(table, found, facts)
        if along == "step":
            self._check_steps(table, found["step"])
        if along == "tokens":
            table["step"] = table["D"]
        table = _placed(table[~np.isinf(table["step"])], self.said)
        other = {k: v for k, v in self.configured.items() if plain_name(k) not in TAKEN and k not in known.values()}
        everything = {**other, **_told(metric, known), **self.name_facts, **stated}
        return Curve(self.run_id, table, metric, self.source, everything, ended, tuple(self.said), along, series_end)

    def _recognised(self) -> tuple[dict[str, str], dict[str, str]]:
        """Which logged names hold the loss, steps, tokens and learning rate, and which settings the facts."""
        columns, names, configured = self.columns, self.names, self.configured
        if lost := [f"{k}={v}" for k, v in columns.items() if v not in names and v not in configured]:
            everything = list(dict.fromkeys([*names, *configured]))
            raise _Unreadable(f"it has no {', '.join(lost)}; it has {_listed(everything)}")
        asked = {k: v for k, v in columns.items() if k in LOGGED and v in names}
        if "loss" not in asked and (chosen := _loss(names, self.source, self.run_id, self.said)):
            asked["loss"] = chosen
        steps_are_tokens = columns.get("D") in _usual_steps(names)
        if "step" not in asked and not steps_are_tokens and (steps := _steps(self.logged, names)):
            asked["step"] = steps
        if "D" not in asked and not any(plain_name(n) in LOGGED["D"] for n in names):
            seen = [n for n in names if words.counts_tokens(n)]
            asked |= {"D": seen[0]} if len(seen) == 1 else {}
        usual = {k: v for k, v in LOGGED.items() if k != "step" or "step" in asked or not steps_are_tokens}
        found, faults = _match(names, asked, usual)
        mapped = {k: v for k, v in columns.items() if k in FACTS and v in configured}
        wanted = {k: v for k, v in FACTS.items() if k in mapped or k not in self.name_facts}
        if "N" in wanted and "N" not in mapped and (size := _size(configured)):
            mapped["N"] = size
        known, more = _match(list(configured), mapped, wanted)
        if faults := [*faults, *more]:
            raise RunsError(f"{self.source}: run {self.run_id}: {'; '.join(sentence(fault) for fault in faults)}")
        if "loss" not in found:
            raise _Unreadable(
                f"it has no loss that is recognised; it has {_listed(names)}. Say {option('columns', {'loss': 'NAME'})}"
            )
        return found, known

    def _table(self, found: Mapping[str, str]) -> pd.DataFrame:
        """Numbers of what was found; steps are counted where none were logged."""
        table = pd.DataFrame(
            {k: _numbers(self.logged[name], f"{self.source}: column {name}") for k, name in found.items()}
        )
        for canonical in ("step", "D"):
            if canonical in table:
                table[canonical] *= self._factor(canonical, found[canonical], table[canonical])
        if "step" not in table:
            table.insert(0, "step", np.arange(len(table), dtype=float) + float("D" in table))
        return table

    def _stated(self, known: Mapping[str, str]) -> dict[str, Any]:
        """Facts that settings state, as numbers; a setting that is none counts only where it was asked for."""
        stated: dict[str, Any] = {}
        for key, given in known.items():
            try:
                stated[key] = parse_quantity(self.configured[given])
            except ValueError as error:
                if key in self.columns:
                    raise RunsError(f"{self.source}: run {self.run_id}: {given}: {error}") from None
            else:
                stated[key] *= self._factor(key, given, stated[key])
        return stated

    def _factor(self, canonical: str, given: str, values: Any) -> float:
        """What a unit multiplies by: as asked for, else as the name of a count says it, if its values can be such: ``params_m``."""
        factor = self.factors.get(canonical, 1.0)
        if canonical not in self.factors and canonical not in self.columns and canonical in ("N", "D", "U_D", "step"):
            named = words.scale_of(given) if given != canonical else 1.0
            factor = named if float(np.nanmax(np.asarray(values, dtype=float), initial=0.0)) < named else 1.0
        if factor > 1:
            self.said.append(Remark("scaled", {"name": canonical, "factor": factor}))
        return max(factor, 1.0)

    def _axis(self, table: pd.DataFrame, found: Mapping[str, str], facts: Mapping[str, Any]) -> str:
        """What rows follow one another by, in the words of ``Curve``; epochs become tokens where a factor is known."""
        metric, step = found["loss"], table["step"].to_numpy(dtype=float)
        if "D" not in table and "step" in found and axis.by_epoch(metric, step):
            if (each := axis.tokens_each(axis.EPOCHS, facts)) is None:
                return f"{axis.EPOCHS} ({metric!r})"
            table["D"] = (table["step"] + float(step.min() == 0)) * each[0]
            converted = {"column": metric, "kind": axis.EPOCHS, "factor": each[0], "source": each[1]}
            self.said.append(Remark("axis_converted", converted))
            return "tokens"
        if "step" in found:
            return "step"
        return "tokens" if "D" in table else _axis(self.logged, self.names)

    def _check_steps(self, table: pd.DataFrame, given: str) -> None:
        """Steps that were named are whole; steps that were not are as many as a run can take."""
        step = table["step"].to_numpy(dtype=float)
        whole = step[np.isfinite(step)]
        if "step" in self.columns and (broken := whole[whole != np.round(whole)]).size:
            raise _Unreadable(
                f"its steps {given} are fractions ({broken[0]:g}): thousands, time or epochs? "
                f"For thousands say {option('columns', {'step': given + ':K'})}"
            )
        reached = float(np.nanmax(np.where(table["loss"].isna(), -np.inf, step), initial=-np.inf))
        if reached > axis.MOST_STEPS and "step" not in self.columns:
            raise _Unreadable(
                f"its steps go up to {reached:.4g}, more than any run takes: tokens or samples? For tokens say "
                f"{option('columns', {'D': given})}"
            )


def _told(metric: str, known: Mapping[str, str]) -> dict[str, str]:
    """What names tell of a run: the split and unit of its loss, and whether its N counts active parameters."""
    split, unit = words.split_of(metric), words.unit_of(metric)
    return {
        **({"loss_split": split} if split != "unstated" else {}),
        **({"loss_unit": unit} if unit and unit not in TO_NATS else {}),
        **({"N_counts": "active"} if "N" in known and words.active_parameters(known["N"]) else {}),
    }


def _match(
    names: list[str], columns: Mapping[str, str], aliases: Mapping[str, list[str]]
) -> tuple[dict[str, str], list[Remark]]:
    mapping, _, faults = recognise(names, columns, aliases)
    return {canonical: given for given, canonical in mapping.items()}, faults


# ---- one field each -------------------------------------------------------------------------------------------


def _loss(names: Sequence[str], source: str, run_id: str, said: list[Remark]) -> str:
    """The loss: validation before training, nats before other units, usual names before others; others are said."""
    losses = [n for n in names if plain_name(n) in LOGGED["loss"] or words.is_loss(n)]
    if not losses:
        return ""
    ranked = sorted(losses, key=_preference)
    best, others = ranked[0], ranked[1:]
    tied = [n for n in others if _preference(n) == _preference(best)]
    if tied:
        listed = ", ".join([best, *tied])
        raise RunsError(
            f"{source}: run {run_id} has several losses ({listed}), which do not compare; choose one with "
            f"{option('columns', {'loss': best})}"
        )
    if others:
        said.append(Remark("not_used", {"column": best, "others": others}))
    return best


def _preference(metric: str) -> tuple[bool, bool, int]:
    """Validation before training: one logged training loss is noise beside it."""
    plain = plain_name(metric)
    usual = LOGGED["loss"].index(plain) if plain in LOGGED["loss"] else len(LOGGED["loss"])
    return words.split_of(metric) != "validation", bool(words.unit_of(metric)), usual


def _usual_steps(names: Sequence[str]) -> list[str]:
    return [n for n in names if plain_name(n) in LOGGED["step"]]


def _steps(logged: pd.DataFrame, names: Sequence[str]) -> str:
    """The column of steps: a usual name first; W&B's own ``_step`` before others; never one that cannot be steps."""
    usual = _usual_steps(names)
    if usual:
        best = min(usual, key=lambda n: (n != "_step", LOGGED["step"].index(plain_name(n))))
        return best if len(usual) > 1 and best == "_step" else ""
    others = [n for n in names if axis.kind_of(n, axis.numbers(logged[n])) == axis.STEPS]
    return others[0] if len(others) == 1 else ""


def _axis(logged: pd.DataFrame, names: Sequence[str]) -> str:
    """What rows without steps and tokens follow one another by: ``epochs ('epoch')``, ``time ('wall_time')``, or ``row``."""
    for kind in (axis.EPOCHS, axis.SAMPLES, axis.FLOPS, axis.TIME):
        for name in names:
            if axis.kind_of(name) == kind and axis.rises(axis.numbers(logged[name])):
                return f"{kind} ({name!r})"
    return "row"


def _size(configured: Mapping[str, Any]) -> str:
    """The setting that counts parameters, where usual names do not: the active ones, or the only whole count."""
    usual = [n for n in configured if plain_name(n) in ALIASES["N"]]
    counts = [n for n in configured if words.counts_parameters(n) and _is_quantity(configured[n])]
    if len(active := [n for n in counts if words.active_parameters(n)]) == 1:
        return active[0]
    return counts[0] if not usual and len({str(configured[n]) for n in counts}) == 1 else ""


def _is_quantity(value: Any) -> bool:
    try:
        return parse_quantity(value) > 0
    except ValueError:
        return False


def _converted(
    logged: pd.DataFrame, names: Sequence[str], facts: Mapping[str, Any], said: list[Remark]
) -> Array | None:
    """Tokens from samples or epochs, where a factor is known."""
    for kind in (axis.SAMPLES, axis.EPOCHS, axis.FLOPS):
        for name in names:
            if axis.kind_of(name) == kind and (each := axis.tokens_each(kind, facts)):
                values = axis.numbers(logged[name]) * (words.flops_scale(name) if kind == axis.FLOPS else 1.0)
                if kind != axis.SAMPLES and "step" in {plain_name(n) for n in names}:
                    continue
                if kind == axis.EPOCHS and np.isfinite(values).any() and np.nanmin(values) == 0:
                    values = values + 1  # counted from 0, logged at their end
                if np.isfinite(values).any() and np.nanmax(values) > 0:
                    facts_ = {"column": name, "kind": kind, "factor": each[0], "source": each[1]}
                    said.append(Remark("axis_converted", facts_))
                    return np.asarray(values * each[0])
    return None


def _in_nats(loss: Array, metric: str, said: list[Remark]) -> Array:
    """A perplexity or bits per token as nats per token, before anything is averaged."""
    unit = words.unit_of(metric)
    if unit not in TO_NATS:
        return loss
    said.append(Remark("converted", {"unit": unit, "into": "nats/token", "how": TO_NATS[unit]}))
    with np.errstate(all="ignore"):
        return np.asarray(np.log(loss) if unit == "perplexity" else loss * np.log(2))


def _placed(table: pd.DataFrame, said: list[Remark]) -> pd.DataFrame:
    """Rows without a step stand where they were logged: after the row before them."""
    if not np.isnan(table["step"].to_numpy(dtype=float)).any():
        return table
    blank = table["step"].isna()
    there = blank & table["loss"].notna()
    if there.any():
        table = table.assign(step=table["step"].where(~there, table["step"].ffill()))
        said.append(Remark("without_step", {"n": int(there.sum())}))
    return table[table["step"].notna()]


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
        elif text and text.lower() not in ("none", "null", "n/a", "na"):
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
