"""Columns of task accuracy: which they are, in which unit, what a guesser scores and how many questions there are.

Chance and questions of common benchmarks are those of the split and form that lm-evaluation-harness scores by default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._spelling import option
from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, RunsError
from quokka_laws.runs.quantities import parse_quantity
from quokka_laws.runs.rows import labelled

BENCHMARKS: dict[str, tuple[float, int]] = {
    "arc_challenge": (0.25, 1172),
    "arc_easy": (0.25, 2376),
    "boolq": (0.5, 3270),
    "commonsense_qa": (0.2, 1221),
    "copa": (0.5, 100),
    "gsm8k": (0.0, 1319),
    "hellaswag": (0.25, 10042),
    "humaneval": (0.0, 164),
    "lambada_openai": (0.0, 5153),
    "logiqa": (0.25, 651),
    "mmlu": (0.25, 14042),
    "nq_open": (0.0, 3610),
    "openbookqa": (0.25, 500),
    "piqa": (0.5, 1838),
    "race": (0.25, 1045),
    "sciq": (0.25, 1000),
    "social_iqa": (1 / 3, 1954),
    "winogrande": (0.5, 1267),
}
"""Score of a guesser, and number of questions."""
QUESTIONS = "_questions"
"""Ending of the column that holds how many questions a task has, beside its accuracy."""
METRICS = ("acc_norm", "acc", "exact_match", "em", "accuracy")
SHOWN = 12


@dataclass(frozen=True)
class Task:
    """Accuracy of one task over runs.

    Parameters
    ----------
    name : str
    chance : float
        Score of a guesser.
    chance_known : bool
        Whether it is the benchmark's own rather than given.
    rows : array of int
        Positions of the runs that have an accuracy.
    accuracy : array (rows,)
        From 0 to 1.
    questions : array (rows,)
        NaN where not known.
    percent : bool
        Whether the column was in per cent.
    under_chance : tuple of str
        Rows that lie under chance by more than three of their standard errors.
    """

    name: str
    chance: float
    chance_known: bool
    rows: Array
    accuracy: Array
    questions: Array
    percent: bool
    under_chance: tuple[str, ...] = ()


def plain_task(name: str) -> str:
    """The benchmark behind a column: ``hellaswag_acc_norm`` → ``hellaswag``."""
    plain = re.sub(r"\W+", "_", name.lower()).strip("_")
    plain = re.sub(rf"_({'|'.join(METRICS)})(_none)?$", "", plain)
    return re.sub(r"_\d+_?shot$", "", plain)


def task_columns(runs: pd.DataFrame) -> list[str]:
    """Columns that are accuracies of benchmarks by their names: one of each benchmark, ``acc_norm`` before ``acc``."""
    best: dict[str, tuple[int, str]] = {}
    for name in (str(c) for c in runs if not str(c).endswith(QUESTIONS)):
        task = plain_task(name)
        if task in BENCHMARKS and "stderr" not in name:
            ending = re.sub(r"\W+", "_", name.lower()).strip("_").removeprefix(task).strip("_").removesuffix("_none")
            rank = METRICS.index(ending) if ending in METRICS else -1
            best[task] = min(best.get(task, (len(METRICS), name)), (rank, name))
    return [name for _, name in best.values()]


def column_of(runs: pd.DataFrame, metric: str) -> str:
    """The column of a metric: by its name, or the only one of that benchmark.

    Raises
    ------
    ArgumentError
        If there is none, or several.
    """
    names = [str(c) for c in runs]
    if metric in names:
        return metric
    found = [c for c in names if plain_task(c) == plain_task(metric) and not c.endswith(QUESTIONS)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ArgumentError(f"metric {metric!r}: {', '.join(found)} could all be meant; give one of them")
    numeric = [c for c in names if pd.api.types.is_numeric_dtype(runs[c])] or names
    shown = ", ".join(numeric[:SHOWN]) + (" …" if len(numeric) > SHOWN else "")
    raise ArgumentError(f"metric {metric!r}: no such column; the table has {shown}")


def read_task(runs: pd.DataFrame, metric: str, chance: float | None, questions: Any) -> Task:
    """A task's column, checked.

    Parameters
    ----------
    runs : DataFrame
    metric : str
        Column of accuracies.
    chance : float or None
        Score of a guesser; the benchmark's own where it is a known one.
    questions : int, str or None
        How many there are, or a column of it; the column ``METRIC_questions``, or the benchmark's own number, without.

    Raises
    ------
    ArgumentError
        For a chance or a number of questions that cannot be, or none where the benchmark is not known.
    RunsError
        For accuracies that are none, each row named.
    """
    column = column_of(runs, metric)
    known = BENCHMARKS.get(plain_task(column))
    if chance is None and known is None:
        raise ArgumentError(
            f"{metric}: what does a guesser score? Give {option('chance', 0.25)} for four choices, 0 where the answer is free text"
        )
    level = float(known[0]) if chance is None and known else float(chance or 0.0)
    level = level / 100.0 if 1.0 < level <= 100.0 else level
    if not 0.0 <= level < 1.0:
        raise ArgumentError(
            f"chance = {chance!r} of {metric}: expected a share from 0 to below 1, such as 0.25 for four choices"
        )
    values = _numbers(runs[column], metric)
    have = np.flatnonzero(np.isfinite(values))
    if not have.size:
        raise RunsError(f"column {column} holds no accuracy in any row")
    values = values[have]
    names = [str(label) for label in labelled(runs).index[have]]
    percent = bool((values > 1.0).any())
    if percent and (values.max() > 100.0 or (0.0 < values[values > 0.0].min() <= 1.0 and level < 0.9)):
        odd = [(n, v) for n, v in zip(names, values, strict=True) if v > 1.0]
        rest = "all others are shares of 1" if values.max() <= 100.0 else "more than 100 %"
        raise RunsError(
            f"column {column}: accuracy is from 0 to 1, or from 0 to 100 in every row; {_rows(odd)}, {rest}"
        )
    values = values / 100.0 if percent else values
    if (values < 0.0).any():
        odd = [(n, v) for n, v in zip(names, values, strict=True) if v < 0.0]
        raise RunsError(f"column {column}: an accuracy is from 0 to 1, and {_rows(odd)}")
    counts = _questions(runs, column, metric, questions, None if known is None else known[1])[have]
    error = np.sqrt(level * (1.0 - level) / np.where(np.isfinite(counts), counts, 1000.0))
    low = values < level - np.maximum(3.0 * error, 1e-9)
    if low.all() and level > 0:
        raise RunsError(
            f"column {column}: every row lies under chance, {level:g} (the highest is {values.max():.3g}); is chance right, or is it an "
            "error rate? Then give 1 less it"
        )
    under = tuple(n for n, below in zip(names, low, strict=True) if below)
    return Task(metric, level, chance is None, have, values, counts, percent, under)


def _numbers(column: pd.Series, metric: str) -> Array:
    """Numbers, also as text with a sign of per cent; NaN where empty."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=float)
    found = np.full(len(column), np.nan)
    odd = []
    for i, (label, cell) in enumerate(zip(labelled(column.to_frame()).index, column, strict=True)):
        text = "" if cell is None or cell != cell else str(cell).strip()
        if not text:
            continue
        try:
            found[i] = parse_quantity(text.removesuffix("%").strip())
        except ArgumentError:
            odd.append((str(label), text))
    if odd:
        raise RunsError(f"column {metric}: an accuracy is a number, and {_rows(odd)}")
    return found


def _rows(odd: list[tuple[str, Any]]) -> str:
    shown = ", ".join(f"row {n} has {v if isinstance(v, str) else f'{v:.4g}'}" for n, v in odd[:4])
    return shown + (f" and {len(odd) - 4} more" if len(odd) > 4 else "")


def _questions(runs: pd.DataFrame, column: str, metric: str, given: Any, known: int | None) -> Array:
    """How many questions each row answered; NaN where not known."""
    if given is None:
        given = next((c for c in (f"{column}{QUESTIONS}", f"{plain_task(column)}{QUESTIONS}") if c in runs), known)
    if given is None:
        return np.full(len(runs), np.nan)
    if isinstance(given, str) and given in runs:
        counts = pd.to_numeric(runs[given], errors="coerce").to_numpy(dtype=float)
        used = np.isfinite(_numbers(runs[column], metric))
        names = labelled(runs).index
        if odd := [str(n) for n, c, u in zip(names, counts, used, strict=True) if u and not c >= 1]:
            raise RunsError(
                f"column {given}: a number of questions is at least 1, and row {', '.join(odd[:4])} "
                f"{'has' if len(odd) == 1 else 'have'} none"
            )
        return counts
    try:
        count = parse_quantity(given)
    except ArgumentError:
        raise ArgumentError(
            f"questions = {given!r} of {metric}: expected how many there are, or a column of the table"
        ) from None
    if not count >= 1:
        raise ArgumentError(f"questions = {given!r} of {metric}: there is at least 1")
    return np.full(len(runs), count)


def per_task(given: Any, metrics: list[str], what: str) -> Mapping[str, Any]:
    """One value for all tasks, or a mapping by task → a mapping.

    Raises
    ------
    ArgumentError
        If the mapping names a task that is not asked for.
    """
    if not isinstance(given, Mapping):
        return dict.fromkeys(metrics, given)
    if unknown := [k for k in given if k not in metrics]:
        raise ArgumentError(
            f"{what}: {', '.join(map(str, unknown))} is not among the tasks asked for, {', '.join(metrics)}"
        )
    return {m: given.get(m) for m in metrics}
