"""Weights & Biases: runs through the API, and what exports of the web page look like.

The API is read in full (``scan_history``). An export of a chart has one column per run and metric, ``run - metric``,
with ``__MIN`` and ``__MAX`` beside it where points are averages; ``run.history()`` returns 500 rows sampled at random
unless told otherwise. Both are recognised and said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from quokka_laws.exceptions import MissingDependencyError, RunsError
from quokka_laws.importers import axis
from quokka_laws.importers.curves import Curve
from quokka_laws.importers.fields import curve, unreadable
from quokka_laws.importers.options import Options
from quokka_laws.runs import words
from quokka_laws.runs.remarks import Remark

PROJECT = re.compile(r"(?:wandb:|https?://[^/]*wandb[^/]*/)?(?P<path>[\w.-]+/[\w.-]+)(?:/(?:workspace|runs|table).*)?")
SAMPLES = (500, 1500)  # rows of run.history() and of a chart, unless told otherwise
_EDGE = re.compile(r"__(MIN|MAX)$")
_BOOKKEEPING = ("_runtime", "_timestamp", "_wandb")
FULL = "take all rows: quokka-laws import ENTITY/PROJECT --from wandb, or run.scan_history()"


def read(source: str, options: Options) -> Iterator[Curve]:
    """One curve per run of ``entity/project``, its config as facts.

    Raises
    ------
    MissingDependencyError
        Without ``wandb``.
    RunsError
        Without a key, or when the project cannot be read.
    """
    try:
        import wandb
    except ImportError:
        raise MissingDependencyError('reading W&B needs its client: pip install "quokka-laws[wandb]"') from None
    match = PROJECT.fullmatch(source)
    if not match:
        raise RunsError(f"{source!r} is not a project of W&B; write ENTITY/PROJECT")
    try:
        runs = list(wandb.Api().runs(match["path"], lazy=False))
    except Exception as error:  # wandb raises UsageError, CommError, ValueError and requests' kinds
        raise RunsError(
            f"W&B project {match['path']} cannot be read ({type(error).__name__}: {_first(error)}). Is the key set "
            "(`wandb login`, or WANDB_API_KEY), and is it ENTITY/PROJECT?"
        ) from None
    names = [run.name for run in runs]
    for run in options.track(runs, "runs"):
        name = run.name if names.count(run.name) == 1 else f"{run.name} ({run.id})"
        where = f"W&B {match['path']}/{run.id}"
        try:
            logged = pd.DataFrame.from_records(list(run.scan_history()))
            last = run.lastHistoryStep
        except Exception as error:
            raise RunsError(f"{where}: its history cannot be read ({type(error).__name__}: {_first(error)})") from None
        if logged.empty:
            yield unreadable(name, where, [f"nothing was logged (state {run.state})"])
            continue
        got = pd.to_numeric(logged["_step"]).max() if "_step" in logged else np.nan
        remarks = [Remark("short_history", {"got": float(got), "last": last})] if got < last else []
        ended = "" if run.state == "finished" else Remark("state_of", {"source": "W&B", "word": run.state})
        given = options.of(run.name)
        yield curve(name, tidy(logged), where, facts=run.config, ended=ended, remarks=remarks, **given)


def tidy(logged: pd.DataFrame) -> pd.DataFrame:
    """A history without W&B's bookkeeping, with the strings it writes for NaN as they are."""
    return logged.drop(columns=[c for c in logged if str(c).startswith(_BOOKKEEPING)])


def sampled(steps: pd.Series) -> list[Remark]:
    """A remark where a history looks like a random sample of its rows."""
    step = pd.to_numeric(steps, errors="coerce").dropna().to_numpy(float)
    if len(step) in SAMPLES and len(set(np.diff(step))) > 2:
        return [Remark("sampled", {"n": len(step), "full": FULL})]
    return []


def is_wide(names: list[str]) -> bool:
    """Whether columns are runs: ``run - metric``."""
    return sum(" - " in name for name in names) >= max(len(names) / 2, 1)


def unpivot(table: pd.DataFrame, where: str) -> tuple[pd.DataFrame, list[Remark]]:
    """An export with a column per run as a long table ``run_id``, ``step`` or tokens, metrics; and what is doubtful about it.

    ``_step`` beside a run's metric wins over the axis of the chart; without it the axis must be steps or tokens.

    Raises
    ------
    RunsError
        When the axis is neither and no run has steps or tokens of its own.
    """
    outside = [str(c) for c in table if " - " not in str(c)]
    averaged: list[str] = []
    runs: dict[str, dict[str, pd.Series]] = {}
    for column in table.columns.drop(outside):
        run, _, metric = str(column).rpartition(" - ")
        if not _EDGE.search(metric):
            runs.setdefault(run, {})[metric] = table[column]
        elif not (table[column] == table.get(_EDGE.sub("", str(column)), table[column])).all():
            averaged.append(run)
    name, kind = _axis(table, outside, where, runs)
    notes = []
    parts = []
    for run, metrics in runs.items():
        part = pd.DataFrame(metrics)
        if "_step" in metrics:
            part = part.rename(columns={"_step": "step"})
        elif kind == axis.STEPS:
            part.insert(0, "step", table[name])
        elif kind == axis.TOKENS:
            part.insert(0, "tokens", axis.numbers(table[name]) * words.scale_of(name))
        part = tidy(part)
        part.insert(0, "run_id", run)
        logged = part[[c for c in part if c not in ("run_id", "step", "tokens")]]
        parts.append(part[(logged.notna() & (logged.astype(str) != "")).any(axis=1)])
    if kind not in (axis.STEPS, axis.UNKNOWN) or (outside and name != "Step"):
        own = any("_step" in metrics for metrics in runs.values())
        if own and kind != axis.STEPS:
            notes.append(Remark("axis", {"where": where, "column": name, "kind": kind, "used": "_step"}))
        elif kind == axis.TOKENS:
            notes.append(Remark("axis_tokens", {"where": where, "column": name}))
    if averaged:
        notes.append(Remark("averaged", {"where": where, "n": len(set(averaged)), "full": FULL}))
    return pd.concat(parts, ignore_index=True), notes


def _axis(
    table: pd.DataFrame, outside: list[str], where: str, runs: dict[str, dict[str, pd.Series]]
) -> tuple[str, str]:
    """The column that the chart is drawn against, and what it counts."""
    kinds = {name: axis.kind_of(name, axis.numbers(table[name])) for name in outside}
    for wanted in (axis.STEPS, axis.TOKENS):
        if named := [name for name, kind in kinds.items() if kind == wanted]:
            return named[0], wanted
    if all("_step" in metrics or any(words.counts_tokens(m) for m in metrics) for metrics in runs.values()):
        return (outside[0], kinds[outside[0]]) if outside else ("", axis.UNKNOWN)
    if len(outside) != 1:
        raise RunsError(
            f"{where}: expected one column of steps beside columns 'run - metric', found {', '.join(outside) or 'none'}"
        )
    raise RunsError(
        f"{where}: the axis of the chart is {outside[0]!r}, {kinds[outside[0]]}: neither steps nor tokens, and no column _step "
        "stands beside the metric. Choose Step as the chart's X axis and export it again"
    )


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]
