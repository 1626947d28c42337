"""From curves to points: what a run's logged losses say about the loss at its end (or at every evaluation).

==============  ====================================================================================================
``last:K``      mean of the last K logged losses
``smooth:W``    Gaussian window of W steps (σ = W/6) around the step, cut off at the end of the run. Half a window
                looks back only, so the value at the end is that of about 0.8·σ steps earlier (40 steps for the
                Quokka paper's W = 301); this lag, and what it does to the loss, is reported
``cooldown``    the loss where the learning rate has come down to a tenth of its peak and ends or rises again
==============  ====================================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._spelling import option
from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, RunsError
from quokka_laws.runs.remarks import Remark, sentence

COOLED = 0.1  # of the peak learning rate: cosine schedules commonly end here
FINISHED_SHARE = 0.99  # of the planned tokens or steps
GAP = 5.0  # times the usual distance between logged steps
LOST = 0.5  # of the progress from the first to the lowest loss


@dataclass(frozen=True)
class Curve:
    """One run as it was logged.

    Parameters
    ----------
    run_id : str
        Name of the run.
    table : DataFrame
        ``step`` and ``loss``, in the order they were logged; ``D`` (tokens seen so far) and ``lr`` where logged.
        A loss is NaN where none was logged, and infinite where one was logged that is not a number.
    metric : str
        What the loss is called in the source.
    source : str
        File, folder or address, for messages.
    facts : dict
        What is known of the whole run: ``N``, ``D`` (planned tokens), ``C``, ``U_D``, ``epochs``, ``max_steps``, and
        whatever else was logged.
    ended : Remark or str
        Why the source itself says that the run did not finish; empty otherwise.
    remarks : tuple of Remark
        What the reader noticed.
    axis : str
        What rows follow one another by: ``step``, ``tokens``, or ``row`` where nothing says it.
    end : float or None
        Last step of what was logged along the axis of the loss; None for the last row of the table.
    """

    run_id: str
    table: pd.DataFrame
    metric: str
    source: str
    facts: dict[str, Any] = field(default_factory=dict)
    ended: Remark | str = ""
    remarks: tuple[Remark, ...] = ()
    axis: str = "step"
    end: float | None = None


class IncompleteError(RunsError):
    """Nothing tells the tokens or the size of a run."""


@dataclass(frozen=True)
class Final:
    """How a value is read off a curve: ``last``, ``smooth`` or ``cooldown``, and its window."""

    kind: str
    window: int

    @classmethod
    def parse(cls, text: str) -> Final:
        """``"last:10"``, ``"smooth:301"``, ``"cooldown"``.

        Raises
        ------
        ArgumentError
            For anything else.
        """
        match = re.fullmatch(r"(last|smooth|cooldown)(?::(\d+))?", text.strip())
        if not match or (match[1] == "smooth" and not match[2]) or match[2] == "0":
            raise ArgumentError(
                f"final {text!r} is not understood; use last:K (mean of the last K logged losses), smooth:W (Gaussian "
                "window of W steps, 301 in the Quokka paper) or cooldown (where the learning rate has come down)"
            )
        return cls(match[1], int(match[2] or 1))


def points(
    curve: Curve, *, final: Final, checkpoints: bool = False, tokens_per_step: float | None = None
) -> list[dict[str, Any]]:
    """Rows of a table of runs from one curve.

    One row at the end of the run, or one for every logged loss (with ``final="cooldown"``, every cool-down). Rows
    have ``status`` (``ok``, ``diverged``, ``stopped``, ``gap``, ``not cooled``, ``no loss``), the ``reason`` when it
    is not ``ok``, and ``lag_steps`` and ``lag_loss`` when a window looks back.

    Raises
    ------
    IncompleteError
        When neither the curve nor the facts tell what is needed: tokens, the size of the model, a learning rate.
    """
    remarks = list(curve.remarks)
    table = _last_attempt(_on_steps(curve, remarks), remarks)
    base = _base(curve)
    logged = table["loss"].notna()
    if not logged.any():
        return [unusable(curve, "no loss", str(curve.ended) or f"{curve.metric} was never logged as a number")]
    tokens = _tokens(curve, table, tokens_per_step, remarks)
    if "N" not in curve.facts and not ({"C", "D"} <= set(curve.facts)):
        raise IncompleteError(
            f"nothing says how many parameters run {curve.run_id} has; read them from its name, {option('name', '{N:M}_{D}')}, from "
            f"a table with a row per run, {option('facts', '…')}, or map a setting, {option('columns', {'N': 'NAME'})}"
        )
    status, reason = _status(curve, table, tokens, final, remarks)
    if "lr" in table:
        table["lr"] = table["lr"].ffill()
    usable = np.isfinite(table["loss"]) & (True if tokens is None else tokens > 0)  # step 0 has seen nothing
    table = table.assign(tokens=tokens)[usable]
    if table.empty:
        return [unusable(curve, "diverged", f"no {curve.metric} is a finite number after the first step")]
    at = np.arange(len(table)) if checkpoints else np.array([len(table) - 1])
    if final.kind == "cooldown":
        ends = _cooldowns(table, curve)
        if not len(ends) and status == "ok":
            status, reason = "not cooled", f"the learning rate never came down to {COOLED:.0%} of its peak"
        at = (ends if checkpoints else ends[-1:]) if len(ends) else at[-1:]
    if checkpoints and tokens is None:
        raise IncompleteError(
            f"run {curve.run_id} has no tokens per logged loss, which checkpoints need; map a column, "
            f"{option('columns', {'D': 'NAME'})}, or give {option('tokens_per_step', '…')}"
        )
    remarks += _noise(table, final)
    if final.kind == "smooth" and curve.axis != "step":
        raise IncompleteError(
            f"run {curve.run_id} has no column of steps, which a window of steps needs; use final last:K"
        )
    if final.kind == "smooth" and len(table) > 1 and np.diff(table["step"]).min() > final.window / 2:
        remarks.append(Remark("narrow_window", {"window": final.window}))
    rows = []
    step, loss, seen = (table[name].to_numpy() for name in ("step", "loss", "tokens"))
    for i in at:
        row = {**base, **({"step": int(step[i])} if curve.axis == "step" else {}), **_value(step, loss, int(i), final)}
        if tokens is not None:
            row["D"] = float(seen[i])
            row.pop("epochs", None)  # planned; what was seen follows from D and U_D
        if checkpoints or tokens is not None:
            planned = row.pop(
                "C", None
            )  # what was spent follows from N and D, or is the share of the planned that was seen
            if planned is not None and "D" in base and "D" in row:
                row["C"] = planned * row["D"] / base["D"]
        if checkpoints:
            row |= _along(table, int(i), curve, tokens_per_step)
        rows.append({**row, "status": status, "reason": reason, "remark": _text(remarks)})
    return rows


def _along(table: pd.DataFrame, i: int, curve: Curve, tokens_per_step: float | None) -> dict[str, float]:
    """What a fit of whole curves needs of a point: its learning rate, and the planned tokens where they are known."""
    known = {"lr": float(table["lr"].iloc[i])} if "lr" in table else {}
    if tokens_per_step and curve.facts.get("max_steps"):
        return {**known, "D_final": float(curve.facts["max_steps"]) * tokens_per_step}
    return {**known, "D_final": float(curve.facts["D"])} if "D" in curve.facts else known


def unusable(curve: Curve, status: str, reason: str) -> dict[str, Any]:
    """The row of a run without a value."""
    return {**_base(curve), "loss": None, "status": status, "reason": reason, "remark": _text(curve.remarks)}


def _text(remarks: Iterable[Remark]) -> str:
    """Remarks as the table of runs shows them."""
    return "; ".join(sentence(remark) for remark in remarks)


def _base(curve: Curve) -> dict[str, Any]:
    facts = {k: v for k, v in curve.facts.items() if k != "max_steps"}
    return {"run_id": curve.run_id, **facts, "metric": curve.metric, "source": curve.source}


# ---- values ---------------------------------------------------------------------------------------------------


def _value(step: Array, loss: Array, i: int, final: Final) -> dict[str, float]:
    if final.kind != "smooth":
        first = max(0, i + 1 - final.window)
        value: dict[str, float] = {"loss": float(loss[first : i + 1].mean())}
        lag, slope = step[i] - step[first : i + 1].mean(), _slope(step[first : i + 1], loss[first : i + 1])
        return value if i == first else {**value, "lag_steps": float(lag), "lag_loss": float(-slope * lag)}
    sigma = final.window / 6
    inside = slice(*np.searchsorted(step, [step[i] - final.window / 2, step[i] + final.window / 2 + 1e-9]))
    weight = np.exp(-0.5 * ((step[inside] - step[i]) / sigma) ** 2)
    lag = float(step[i] - np.average(step[inside], weights=weight))
    return {
        "loss": float(np.average(loss[inside], weights=weight)),
        "lag_steps": lag,
        "lag_loss": float(-_slope(step[inside], loss[inside], weight) * lag),
    }


def _slope(x: Array, y: Array, weight: Array | None = None) -> float:
    centred = x - np.average(x, weights=weight)
    spread = np.average(centred**2, weights=weight)
    return float(np.average(centred * y, weights=weight) / spread) if spread > 0 else 0.0


def _cooldowns(table: pd.DataFrame, curve: Curve) -> Array:
    """Positions where a stretch at a low learning rate, after the peak, ends."""
    if "lr" not in table or table["lr"].notna().sum() == 0:
        raise IncompleteError(
            f"run {curve.run_id} has no learning rate, which the end of a cool-down needs; map it "
            "(columns lr=NAME), or read the last losses (final last:K)"
        )
    lr = table["lr"].bfill().to_numpy(float)
    low = lr <= COOLED * lr.max()
    low[: int(np.argmax(lr))] = False  # warm-up
    return np.flatnonzero(low & ~np.append(low[1:], False))


def _noise(table: pd.DataFrame, final: Final) -> list[Remark]:
    """A single last value of a jumping curve is a poor point: say how far it jumps."""
    if final != Final("last", 1) or len(table) < 20:
        return []
    tail = table["loss"].to_numpy(float)[-20:]
    bend = np.diff(tail, 2)  # a curve that falls smoothly has nearly none
    jump = float(1.4826 * np.median(np.abs(bend)) / np.sqrt(6))
    if jump < 0.005 * tail.mean():
        return []
    return [Remark("noisy", {"jump": jump})]


# ---- the curve itself -----------------------------------------------------------------------------------------


def _on_steps(curve: Curve, remarks: list[Remark]) -> pd.DataFrame:
    """The table with losses at the steps they are of, where they were logged by epoch or once, at step 0."""
    table = curve.table
    if curve.axis != "step" or table.empty:
        return table
    there = ~np.isnan(table["loss"].to_numpy(float))
    step = table["step"].to_numpy(float)
    if there[-1] and step[-1] > 0:
        return table
    end, at = float(np.nanmax(step)), step[there]
    last = at.max() if len(at) else 0.0
    if last >= end or not len(at):
        return table
    if last == 0:
        moved = step.copy()
        moved[there] = end
        remarks.append(Remark("at_the_end", {"metric": curve.metric, "step": 0.0, "end": end}))
    elif len(at) >= 2 and end >= GAP * last and np.array_equal(at - at[0], np.arange(len(at))) and at[0] <= 1:
        epochs = last + (1 if at[0] == 0 else 0)
        moved = step.copy()
        moved[there] = np.round((at + (1 if at[0] == 0 else 0)) * end / epochs)
        remarks.append(Remark("by_epoch", {"metric": curve.metric, "epochs": last, "end": end}))
    else:
        return table
    # Rows of a loss that moved are taken apart from what else was logged at their old step.
    rest = table.assign(loss=table["loss"].mask(there))
    losses = table.loc[there, ["loss"]].assign(step=moved[there])
    return pd.concat([rest, losses]).sort_values("step", kind="stable").reset_index(drop=True)


def _last_attempt(table: pd.DataFrame, remarks: list[Remark]) -> pd.DataFrame:
    """A run that was resumed logs some steps twice; what it repeated replaces what it had."""
    same = table["step"].diff().eq(0)
    if same.any():  # training and evaluation of one step, logged one after the other
        table = table.groupby((~same).cumsum(), sort=False).last()
    step = table["step"].to_numpy(float)
    if len(step) < 2 or (np.diff(step) > 0).all():
        return table.reset_index(drop=True)
    later = np.append(np.minimum.accumulate(step[::-1])[::-1][1:], np.inf)
    keep = step < later
    if keep.mean() < 0.5:  # not a resumed run: rows in another order
        ordered = table.sort_values("step", kind="stable").drop_duplicates("step", keep="last")
        remarks.append(Remark("unordered", {"n": len(table) - len(ordered)}))
        return ordered.reset_index(drop=True)
    back = int(np.argmax(np.diff(step) <= 0))
    facts = {"last": float(step[back]), "first": float(step[back + 1]), "n": int((~keep).sum())}
    remarks.append(Remark("replaced", facts))
    return table[keep].reset_index(drop=True)


def _tokens(curve: Curve, table: pd.DataFrame, tokens_per_step: float | None, remarks: list[Remark]) -> Array | None:
    if tokens_per_step is not None and curve.axis == "step":
        step = table["step"].to_numpy(float)
        planned = float(curve.facts.get("max_steps") or 0)
        if step[0] == 0 and step[-1] == planned - 1:
            remarks.append(Remark("from_zero", {"last": float(step[-1]), "steps": planned}))
            step = step + 1
        return np.asarray(step * tokens_per_step)
    if "D" in table and table["D"].notna().any():
        tokens = table["D"].ffill().to_numpy(float)
        if np.nanmax(tokens) <= 0:
            raise IncompleteError(
                f"run {curve.run_id} logged 0 tokens seen throughout; give {option('tokens_per_step', '…')} "
                "(global batch × sequence length)"
            )
        if (np.diff(tokens[np.isfinite(tokens)]) < 0).any():
            remarks.append(Remark("tokens_fall"))
        return np.where(tokens > 0, tokens, np.nan)
    known = set(curve.facts)
    if "D" in known or {"U_D", "epochs"} <= known or {"N", "C"} <= known:
        return None
    if curve.axis not in ("step", "tokens", "row"):
        factor = {
            "e": f"the unique tokens of an epoch (a column U_D, or {option('facts', '…')})",
            "s": "the length of a sequence (a column seq_len)",
            "F": "the size of the model",
        }
        raise IncompleteError(
            f"rows of run {curve.run_id} are told apart by {curve.axis}, neither steps nor tokens; give "
            f"{factor.get(curve.axis[0], 'a column of steps or tokens')}, or read the tokens from the run's name, {option('name', '{N:M}_{D}')}"
        )
    raise IncompleteError(
        f"nothing says how many tokens run {curve.run_id} saw; map a column, {option('columns', {'D': 'NAME'})}, give "
        + (
            f"{option('tokens_per_step', '…')} (global batch × sequence length)"
            if curve.axis == "step"
            else f"a column of steps, {option('columns', {'step': 'NAME'})}"
        )
        + f", or read them from the run's name, {option('name', '{N:M}_{D}')}"
    )


def _status(
    curve: Curve, table: pd.DataFrame, tokens: Array | None, final: Final, remarks: list[Remark]
) -> tuple[str, str]:
    logged = table[table["loss"].notna()]
    step, loss = logged["step"].to_numpy(float), logged["loss"].to_numpy(float)
    if not np.isfinite(loss[-1]):
        return "diverged", f"{curve.metric} is not a finite number at the end (step {step[-1]:g})"
    at, values = step[np.isfinite(loss)], loss[np.isfinite(loss)]
    lowest = int(np.argmin(values))
    rise, progress = values[-1] - values[lowest], values[0] - values[lowest]
    # Runs on repeated data rise, too, but gradually.
    if len(values) >= 8 and rise > LOST * max(progress, 1e-9) and np.diff(values[lowest:]).max() > 0.5 * rise:
        return "diverged", f"{curve.metric} jumped from {values[lowest]:.4g} to {values[-1]:.4g}"
    distance = np.diff(at)
    usual = float(np.median(distance[-5:])) if len(distance) else 0.0
    end = float(table["step"].iloc[-1]) if curve.end is None else curve.end
    if reason := _stopped(curve, end, tokens, float(at[-1]), usual):
        return "stopped", reason
    before, after = np.append(np.inf, distance[:-1]), np.append(distance[1:], 0.0)
    holes = np.flatnonzero(distance > GAP * np.maximum(before, after))  # not steps spaced ever wider
    if not len(holes):
        return "ok", ""
    i = int(holes[-1])
    gap = Remark("gap", {"metric": curve.metric, "first": float(at[i]), "last": float(at[i + 1]), "usual": usual})
    if at[i + 1] > at[-1] - final.window / 2 if final.kind == "smooth" else i + 2 > len(at) - final.window + 1:
        return "gap", str(gap)
    remarks.append(gap)
    return "ok", ""


def _stopped(curve: Curve, end: float, tokens: Array | None, last: float, usual: float) -> str:
    """Why the run counts as stopped early; empty if it does not. ``end``: last step of the run, ``last``: of a loss."""
    steps, target = curve.facts.get("max_steps"), curve.facts.get("D")
    if target is None and {"U_D", "epochs"} <= set(curve.facts):
        target = float(curve.facts["U_D"]) * float(curve.facts["epochs"])
    if steps and end + usual < FINISHED_SHARE * float(steps):
        return f"stopped at step {end:g} of {float(steps):g}"
    if target is not None and tokens is not None:
        seen = float(np.nanmax(tokens)) * (1 + (usual / last if last > 0 else 0.0))  # up to the next logged loss
        if seen < FINISHED_SHARE * float(target):
            return f"stopped after {np.nanmax(tokens):.4g} of {float(target):.4g} tokens"
    elif not steps and curve.ended:
        return str(curve.ended)
    if usual and last + GAP * usual < end:
        return f"{curve.metric} ends at step {last:g}, the run at {end:g}: not logged, or not a number, after it"
    return ""


def metrics_agree(curves: Sequence[str]) -> None:
    """One loss for all runs, or a sentence that says which runs have which."""
    kinds = sorted(set(curves))
    if len(kinds) > 1:
        counted = ", ".join(f"{k!r} in {list(curves).count(k)} runs" for k in kinds)
        raise RunsError(
            f"the loss is {counted}, which do not compare; choose one with {option('columns', {'loss': 'NAME'})}"
        )


def by_run(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """A long table (``run_id``, ``step``, …) as one table per run, in order of appearance."""
    for run, rows in table.groupby("run_id", sort=False):
        yield str(run), rows.drop(columns="run_id").reset_index(drop=True)
