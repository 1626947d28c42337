"""Logged curves as a fit of whole curves takes them: one run each, its learning rate from the first step to the last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._spelling import BLANK, either, option
from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, RunsError
from quokka_laws.laws.schedules import relative_rate
from quokka_laws.runs.columns import ALIASES, recognise
from quokka_laws.runs.files import read_table
from quokka_laws.runs.quantities import parse_quantities
from quokka_laws.runs.remarks import sentence

COLUMNS: dict[str, list[str]] = {
    **{k: ALIASES[k] for k in ("N", "D", "loss", "run_id")},
    "step": ["step", "global_step", "iteration", "iter", "iterations", "steps"],
    "lr": ["lr", "learning_rate"],
    "D_final": ["d_final", "planned_tokens", "total_tokens", "tokens_total", "max_tokens"],
    "schedule": ["schedule", "lr_schedule", "lr_scheduler"],
}
NUMBERS = ("N", "D", "loss", "step", "lr", "D_final")
SHARES = np.unique(np.concatenate([np.geomspace(1e-3, 0.02, 20), np.linspace(0.0, 1.0, 151)]))
"""Of the planned tokens: where a schedule is known; denser at the start, where it rises."""
POINTS = 60  # of a curve that are fitted
EARLIEST, OF_SEEN = 0.1, 1 / 3
"""Of the planned tokens and, if that is less, of those seen: before, no power law holds (small models leave a plateau)."""
FINISHED = 0.995  # of the planned tokens seen
FEWEST_POINTS = 6
SAME_RATE = 0.03  # largest mean difference from a stated schedule, over the peak


@dataclass(frozen=True)
class CurveOfRun:
    """One run.

    Parameters
    ----------
    run_id : str
    N : float
    D, log_loss, count : array (points,)
        Tokens, mean log-loss of a piece of the curve, and how many logged losses are in it.
    nodes, rate : array (nodes,)
        Tokens from 0 to ``D_final``, and the learning rate over its peak there.
    D_final : float
        Planned tokens.
    seen : float
        Tokens at the last logged loss.
    last_loss : float
    """

    run_id: str
    N: float
    D: Array
    log_loss: Array
    count: Array
    nodes: Array
    rate: Array
    D_final: float
    seen: float
    last_loss: float

    @property
    def finished(self) -> bool:
        """Whether the planned tokens have been seen."""
        return self.seen >= FINISHED * self.D_final

    def until(self, share: float) -> CurveOfRun:
        """What was known at a share of the planned tokens."""
        kept = share * self.D_final >= self.D
        seen = float(self.D[kept].max()) if kept.any() else 0.0
        return replace(self, D=self.D[kept], log_loss=self.log_loss[kept], count=self.count[kept], seen=seen)


def read_curves(
    source: Any, *, columns: Mapping[str, str] | None, schedule: str | None, D_final: float | None
) -> list[CurveOfRun]:
    """Curves from a table, in the order of their first rows.

    Raises
    ------
    RunsError
        With every fault: columns that are missing, runs without a size, a schedule or enough points.
    ArgumentError
        For a schedule that is not understood.
    """
    if schedule is not None:
        relative_rate(schedule, 0.0)
    table = _table(source, dict(columns or {}))
    faults: list[str] = []
    logged = []
    for name, rows in table.groupby("run_id", sort=False):
        try:
            logged.append(_logged(str(name), rows, schedule, D_final))
        except RunsError as error:
            faults.append(str(error))
    shapes = [own for own in logged if own.shape is None and own.covers]
    found = []
    for own in logged:
        try:
            found.append(own.curve(shapes))
        except RunsError as error:
            faults.append(str(error))
    if faults:
        raise RunsError("; ".join(faults))
    return found


def _table(source: Any, columns: dict[str, str]) -> pd.DataFrame:
    table = source.reset_index(drop=True) if isinstance(source, pd.DataFrame) else read_table(source)
    table = table.rename(columns=str)
    mapping, _, faults = recognise(list(table), columns, COLUMNS)
    if faults:
        raise RunsError("; ".join(sentence(fault) for fault in faults))
    table = table.rename(columns=mapping)
    table = table.loc[:, ~table.columns.duplicated()]
    if missing := [k for k in ("N", "D", "loss") if k not in table]:
        raise RunsError(
            f"curves need run_id, N, D (tokens seen so far) and loss; missing: {', '.join(missing)}. Columns: "
            f"{', '.join(map(str, table))}. Name one that holds it, {option('columns', {missing[0]: BLANK})}; logs are read by "
            f"{either('ql.import_runs(..., checkpoints=True)', '`quokka-laws import --checkpoints`')}"
        )
    if "run_id" not in table:
        if table["N"].nunique() > 1:
            raise RunsError("curves of several runs need a column run_id that tells them apart")
        table = table.assign(run_id="run")
    for name in NUMBERS:
        if name in table:
            numbers, _ = parse_quantities(table[name])
            table = table.assign(**{name: numbers})
    return table[table["run_id"].notna()]


@dataclass(frozen=True)
class _Logged:
    """A run's rows, sorted, and what its schedule is known by: a name, its own rates, or nothing yet."""

    run_id: str
    N: float
    D: Array
    loss: Array
    lr: Array | None
    D_final: float
    shape: str | None

    @property
    def covers(self) -> bool:
        """Whether its own learning rates reach the end of the planned tokens."""
        return self.lr is not None and self.D[-1] >= FINISHED * self.D_final

    def logged_rate(self, nodes: Array) -> Array:
        """Logged learning rates over their peak, from zero at the start: a rate is warmed up even where that was not logged."""
        assert self.lr is not None
        there = np.isfinite(self.lr)
        D, lr = self.D[there], self.lr[there]
        return np.interp(nodes, np.concatenate([[0.0], D]), np.concatenate([[0.0], lr / lr.max()]))

    def curve(self, shapes: list[_Logged]) -> CurveOfRun:
        """With a learning rate up to the end: as stated, as logged, or as the runs that are finished have had it."""
        nodes = SHARES * self.D_final
        rate = self._rate(nodes, shapes)
        warm = float(nodes[np.argmax(rate >= 0.99)])
        first = max(min(EARLIEST * self.D_final, OF_SEEN * self.D[-1]), 2.0 * warm)
        there = np.isfinite(self.loss) & (self.loss > 0) & (first <= self.D)
        if there.sum() < FEWEST_POINTS:
            raise RunsError(
                f"run {self.run_id}: {int(there.sum())} losses after the warm-up and the first {first / self.D_final:.0%} of its "
                f"tokens; a curve needs {FEWEST_POINTS}"
            )
        D, log_loss = self.D[there], np.log(self.loss[there])
        edges = np.linspace(np.log(D[0]) - 1e-9, np.log(D[-1]), POINTS + 1)
        piece = np.minimum(np.searchsorted(edges, np.log(D), side="left"), POINTS)
        _, piece = np.unique(piece, return_inverse=True)
        count = np.bincount(piece).astype(float)
        mean = np.bincount(piece, log_loss) / count
        at = np.exp(np.bincount(piece, np.log(D)) / count)
        at[-1] = D[-1] if count[-1] == 1 else at[-1]
        return CurveOfRun(
            self.run_id, self.N, at, mean, count, nodes, rate, self.D_final, float(D[-1]), float(np.exp(mean[-1]))
        )

    def _rate(self, nodes: Array, shapes: list[_Logged]) -> Array:
        share = nodes / self.D_final
        own = None
        if self.lr is not None:
            own = self.logged_rate(nodes)
            if self.covers:
                return own
        if self.shape is not None:
            stated = relative_rate(self.shape, share)
            if own is None:
                return stated
            known = (nodes <= self.D[-1]) & (nodes > nodes[np.argmax(own >= 0.99)])
            if known.any() and (off := float(np.abs(own - stated)[known].mean())) > SAME_RATE:
                raise RunsError(
                    f"run {self.run_id}: its learning rates so far are {off:.0%} of the peak away from the schedule {self.shape!r}"
                )
            return np.where(nodes <= self.D[-1], own, stated)
        if own is None and not shapes:
            raise RunsError(
                f"run {self.run_id} has no learning rates (a column lr); state its schedule: 'cosine', 'wsd', 'linear' or 'constant'"
            )
        if not shapes:
            raise RunsError(
                f"run {self.run_id} has seen {self.D[-1] / self.D_final:.0%} of its tokens and nothing says how its learning "
                "rate goes on; state it (schedule 'cosine', 'wsd', 'linear' or 'constant'), or give a run that is finished"
            )
        like = shapes[0]
        expected = like.logged_rate(share * like.D_final)
        return expected if own is None else np.where(nodes <= self.D[-1], own, expected)


def _logged(run_id: str, rows: pd.DataFrame, schedule: str | None, D_final: float | None) -> _Logged:
    rows = rows[np.isfinite(rows["D"]) & (rows["D"] > 0)].sort_values("D", kind="stable")
    if not len(rows):
        raise RunsError(f"run {run_id}: no row has a positive number of tokens seen")
    sizes = rows["N"].dropna().unique()
    if len(sizes) != 1 or not sizes[0] > 0:
        raise RunsError(f"run {run_id} has {len(sizes)} sizes N; a run has one, a positive number")
    rows = rows.drop_duplicates("D", keep="last")
    planned = rows["D_final"].dropna() if "D_final" in rows else pd.Series(dtype=float)
    end = float(planned.iloc[-1]) if len(planned) else float(rows["D"].iloc[-1] if D_final is None else D_final)
    if end < float(rows["D"].iloc[-1]) * FINISHED:
        raise RunsError(
            f"run {run_id}: {rows['D'].iloc[-1]:.4g} tokens were seen, more than the {end:.4g} planned (D_final)"
        )
    named = rows["schedule"].dropna() if "schedule" in rows else pd.Series(dtype=object)
    shape = str(named.iloc[-1]) if len(named) else schedule
    if shape is not None:
        try:
            relative_rate(shape, 0.0)
        except ArgumentError as error:
            raise RunsError(f"run {run_id}: {error}") from None
    lr = rows["lr"].to_numpy(dtype=float) if "lr" in rows else None
    if lr is not None and (not np.isfinite(lr).any() or not np.nanmax(lr) > 0):
        lr = None
    return _Logged(
        run_id,
        float(sizes[0]),
        rows["D"].to_numpy(float),
        rows["loss"].to_numpy(float),
        lr,
        max(end, rows["D"].iloc[-1]),
        shape,
    )
