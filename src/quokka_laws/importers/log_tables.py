"""Tables out of printed logs: the rows of each run, its facts, and one column of steps whatever the log counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd

from quokka_laws.importers.log_lines import Log, Row
from quokka_laws.runs import words
from quokka_laws.runs.remarks import Remark

Facts = dict[str, float]


def parted(log: Log) -> Iterator[tuple[Log, Facts, list[tuple[str, list[float]]]]]:
    """The runs that one file holds, with their facts: one says another model or batch than the one before.

    Facts that are said in two ways before a run's first row are not taken; they are the third value.
    """
    starts = [0, *_changes(log), len(log.rows)]
    for first, last in pairwise(starts):
        said: dict[str, list[float]] = {}
        for at, name, value in log.facts:
            if first <= at < last:
                said.setdefault(name, [])
                said[name] += [value] if value not in said[name] else []
        known = {name: values[0] for name, values in said.items() if len(values) == 1}
        unlike = [(name, values) for name, values in said.items() if len(values) > 1]
        part = replace(log, rows=log.rows[first:last], bars=log.bars[first:last])
        yield (
            replace(part, ended=log.ended, cut=log.cut)
            if last == len(log.rows)
            else replace(part, ended="", cut=False),
            known,
            unlike,
        )


def _changes(log: Log) -> list[int]:
    """The rows before which another run begins."""
    known: Facts = {}
    changes: list[int] = []
    since = 0
    for at, name, value in log.facts:
        if known.get(name, value) != value and at > since:
            since, known = at, {}
            if at < len(log.rows):
                changes.append(at)
        known.setdefault(name, value)
    return changes


def table_of(log: Log, facts: Facts, where: str) -> tuple[pd.DataFrame, Facts, list[Remark]]:
    """The rows of one run as a table with a column of steps (or epochs, where nothing else is said)."""
    remarks: list[Remark] = []
    log = _of_one_process(log, where, remarks)
    rows = _measured_once(log.rows)
    if log.cut and len(rows) > 2:
        rows = rows[:-1]
        remarks.append(Remark("cut_line", {"file": where}))
    table = pd.DataFrame(rows).drop(columns=["bar", "rank"], errors="ignore")
    table = _one_counter(table)
    if "step" in table:  # several lines of one step, as training and validation, or processes, print them
        same = table["step"].diff().ne(0).cumsum()
        table = table.groupby(same, sort=False).last().reset_index(drop=True)
    elif "epoch" in table:
        table = _steps_of_epochs(table, log, facts, where, remarks)
    known = {k: v for k, v in facts.items() if not k.startswith("examples")}
    ends = table.get("end", pd.Series(dtype=float)).dropna().unique()
    if len(ends) == 1 and not _again(table):
        known.setdefault("max_steps", float(ends[0]))
        table = table.drop(columns="end")
    return table, known, remarks


def _of_one_process(log: Log, where: str, remarks: list[Remark]) -> Log:
    """What the first process printed, where several print their own losses."""
    ranks = sorted({row["rank"] for row in log.rows if "rank" in row})
    if len(ranks) < 2:
        return log
    kept = [i for i, row in enumerate(log.rows) if row.get("rank", ranks[0]) == ranks[0]]
    remarks.append(Remark("one_process", {"file": where, "n": len(ranks), "rank": ranks[0]}))
    return replace(log, rows=[log.rows[i] for i in kept], bars=[log.bars[i] for i in kept])


def _again(table: pd.DataFrame) -> bool:
    """Whether steps start again with every epoch, so that their end is an epoch's."""
    if not {"epoch", "step"} <= set(table):
        return False
    said = table[["epoch", "step"]].dropna().diff()
    return bool((said["step"].lt(0) & said["epoch"].gt(0)).any())


def _one_counter(table: pd.DataFrame) -> pd.DataFrame:
    """``step`` and ``iter`` as one column: two names of one thing, or steps of several iterations each."""
    if "iter" not in table:
        return table
    if "step" not in table or not (table["step"].notna() & table["iter"].notna()).any():
        step = table["iter"] if "step" not in table else table["step"].fillna(table["iter"])
        return table.drop(columns="iter").assign(step=step)
    both = table[table["step"].gt(0) & table["iter"].notna()]
    each = (both["iter"] / both["step"]).min() if len(both) else np.nan  # exact where a step has just been made
    return table.drop(columns="iter").assign(step=table["step"].fillna((table["iter"] / each).round()))


def _steps_of_epochs(table: pd.DataFrame, log: Log, facts: Facts, where: str, remarks: list[Remark]) -> pd.DataFrame:
    """Steps where lines say the epoch alone, as Hugging Face's Trainer prints them: by its bar, or by the examples of a step."""
    steps = [name for name in table if words.is_loss(str(name)) and words.split_of(str(name)) != "validation"]
    trained = [bars for bars, row in zip(log.bars, log.rows, strict=True) if any(name in row for name in steps)]
    ends = Counter(end for bars in trained for end in bars)
    wanted = int(facts.get("max_steps", 0)) or (ends.most_common(1)[0][0] if ends else 0)
    bars = [bars.get(wanted, np.nan) for bars in log.bars][: len(table)]
    if wanted and np.isfinite(bars).mean() > 0.9:
        remarks.append(Remark("steps_by_bar", {"file": where}))
        facts.setdefault("max_steps", float(wanted))
        return table.assign(step=bars)
    if {"examples", "examples_per_step"} <= facts.keys():
        each = max(1.0, facts["examples"] // facts["examples_per_step"])
        remarks.append(Remark("steps_by_epoch", {"file": where, "n": each}))
        return table.assign(step=(table["epoch"] * each).round())
    return table


def _measured_once(rows: list[Row]) -> list[Row]:
    """Rows without the losses of a validation that a bar goes on showing after it was measured."""
    kept, shown = [], dict[str, float]()
    for row in rows:
        stale = {
            k for k, v in row.items() if row.get("bar") and words.split_of(k) == "validation" and shown.get(k) == v
        }
        shown.update({k: v for k, v in row.items() if words.split_of(k) == "validation"})
        kept.append({k: v for k, v in row.items() if k not in stale})
    return kept
