"""Held-out task accuracy: law and curves from the cheap runs, scores of the expensive ones predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.evaluation.holdout import Candidate, fit_candidate, splits
from quokka_laws.evaluation.sensitivity_analysis import own_settings
from quokka_laws.exceptions import ArgumentError, QuokkaError
from quokka_laws.fitting.downstream import FEWEST_RUNS, downstream
from quokka_laws.progress import Progress
from quokka_laws.results.diagnostic import Diagnostic
from quokka_laws.results.downstream import METHODS, Downstream
from quokka_laws.runs.columns import inputs_of
from quokka_laws.runs.rows import subset
from quokka_laws.runs.tasks import read_task

REFITS = 300
MATERIAL = 1.5
"""Ratio of held-out errors from which on the other method is worth a warning."""


def hold_out_tasks(
    found: Downstream,
    runs: pd.DataFrame | None = None,
    holdout: Sequence[float] | Array = (3.0, 10.0),
    *,
    progress: bool = False,
) -> Downstream:
    """Task accuracy with what became of its largest runs when predicted from the cheaper ones.

    Parameters
    ----------
    found : Downstream
    runs : DataFrame, optional
        Those it was made from; the runs of its law by default.
    holdout : sequence of float, or boolean array (rows,)
        Distances: at 3 the runs of up to a third of the largest compute are fitted. Or the rows to hold out.
    progress : bool

    Returns
    -------
    Downstream
        With ``held_out``: ``task, holdout, fitted, held_out`` (runs), ``method``, ``error`` (root mean square, of accuracy), ``bias`` (mean,
        predicted less observed), ``inside`` (share of scores within the interval of a run), ``level``, ``why``.

    Raises
    ------
    ArgumentError
        Where no distance leaves enough runs to fit and to predict.
    """
    table = found.fit.runs if runs is None else runs
    law = found.fit
    possible, refused = splits(table, holdout, need=max(FEWEST_RUNS, len(law.law.coefficients) + 2))
    if not possible:
        raise ArgumentError(f"no runs can be held out: {'; '.join(refused)}")
    names = [t.name for t in found.tasks]
    chance = {t.name: t.chance for t in found.tasks}
    questions = {t.name: t.questions for t in found.tasks if np.isfinite(t.questions)}
    rows: list[dict[str, Any]] = []
    with Progress("held out", len(possible), enabled=progress) as bar:
        for split in possible:
            cheap, dear = subset(table, split.fitted), subset(table, split.held_out)
            base = {"holdout": split.label, "fitted": len(cheap), "held_out": len(dear)}
            rows += _of_split(found, cheap, dear, names, chance, questions, base)
            bar.update(1)
    return replace(found, held_out=pd.DataFrame(rows))


def _of_split(
    found: Downstream,
    cheap: pd.DataFrame,
    dear: pd.DataFrame,
    names: list[str],
    chance: dict[str, float],
    questions: dict[str, float],
    base: dict[str, Any],
) -> list[dict[str, Any]]:
    law = found.fit
    blank = {"method": "", "error": np.nan, "bias": np.nan, "inside": np.nan, "level": found.level}
    try:
        candidate = Candidate(law.law, own_settings(law), law.name)
        fitted = fit_candidate(candidate, cheap, objective=law.objective, bootstrap=REFITS, seed=found.seed)
    except QuokkaError as error:
        return [{"task": name, **base, **blank, "why": str(error)} for name in names]
    rows = []
    for name in names:
        try:
            task = downstream(
                cheap,
                fitted,
                name,
                {name: chance[name]},
                {name: questions.get(name)},
                level=found.level,
                seed=found.seed,
            )
        except QuokkaError as error:
            rows.append({"task": name, **base, **blank, "why": str(error)})
            continue
        if not task.tasks[0].predictable:
            rows.append({"task": name, **base, **blank, "why": task.tasks[0].why})
            continue
        try:
            scores = read_task(dear, name, chance[name], questions.get(name))
        except QuokkaError as error:
            rows.append({"task": name, **base, **blank, "why": str(error)})
            continue
        y, here = scores.accuracy, inputs_of(subset(dear, scores.rows), law.law.takes)
        at: dict[str, Any] = {k: here[k] for k in law.law.takes}
        for method in METHODS:
            if task.tasks[0].curve(method) is None:
                continue
            told = task.predict(metric=name, method=method, kind="run", **at)
            off = told["accuracy"].to_numpy() - y
            inside = (told["accuracy_lower"] <= y) & (y <= told["accuracy_upper"])
            rows.append(
                {
                    "task": name,
                    **base,
                    "method": method,
                    "error": float(np.sqrt(np.mean(off**2))),
                    "bias": float(off.mean()),
                    "inside": float(inside.mean()),
                    "level": found.level,
                    "why": "",
                }
            )
    return rows


def closer_methods(found: Downstream) -> tuple[Diagnostic, ...]:
    """Tasks whose held-out runs the other method came closer to."""
    if found.held_out is None:
        return ()
    said = []
    other = next(m for m in METHODS if m != found.method)
    for (task, holdout), rows in found.held_out.groupby(["task", "holdout"], sort=False):
        errors = rows.set_index("method")["error"]
        if {found.method, other} <= set(errors.index) and errors[other] * MATERIAL < errors[found.method]:
            numbers = {
                "task": str(task),
                "holdout": str(holdout),
                "closer": other,
                "error": float(errors[other]),
                "other": float(errors[found.method]),
            }
            said.append(Diagnostic("OTHER_METHOD_CLOSER", numbers=numbers))
    return tuple(said)
