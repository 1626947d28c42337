"""Task accuracy in a report: a table of predictions at the budgets asked for, and a figure for each task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from quokka_laws.plan.compute import compute_optimal
from quokka_laws.reporting.page_figures import Figure
from quokka_laws.reporting.plot.downstream import accuracy_over_loss
from quokka_laws.results.downstream import MEAN, Downstream
from quokka_laws.results.format import human


def task_rows(found: Downstream, budgets: Sequence[float]) -> list[dict[str, str]]:
    """Accuracy of each task at the compute-optimal model of each budget."""
    if not budgets or not set(found.fit.law.takes) <= {"N", "D"}:
        return []
    best = compute_optimal(found.fit, np.asarray(budgets, dtype=float), level=None)
    predicted = found.predict(N=best["N"].to_numpy(), D=best["D"].to_numpy())
    rows = []
    for _, row in predicted.iterrows():
        told = not row["why"]
        name = f"mean of {len(found.predictable)} tasks" if row["task"] == MEAN else str(row["task"])
        rows.append(
            {
                "task": name,
                "N": human(row["N"]),
                "D": human(row["D"]),
                "accuracy": f"{row['accuracy']:.3f}" if told else "not predictable",
                f"{100 * found.level:.3g} % interval": f"{row['accuracy_lower']:.3f} … {row['accuracy_upper']:.3f}"
                if told
                else "–",
                "by the other method": f"{row['beside']:.3f}" if row["beside"] == row["beside"] else "–",
                "of questions": f"± {row['error_questions']:.3f}"
                if row["error_questions"] == row["error_questions"]
                else "–",
                "of seeds": f"± {row['error_seeds']:.3f}" if told and row["error_seeds"] == row["error_seeds"] else "–",
            }
        )
    return rows


def task_figures(found: Downstream) -> Iterator[Figure]:
    """Accuracy against loss, task by task, with what is to be known of it."""
    for task in found.tasks:
        said = " ".join(d.sentence() for d in task.diagnostics)
        held = _held_out(found, task.name)
        spread = f"{len(task.runs)} runs, {task.runs['accuracy'].min():.3f} to {task.runs['accuracy'].max():.3f}."
        yield Figure(
            f"Accuracy: {task.name}",
            " ".join(filter(None, [spread, held, said])),
            partial(accuracy_over_loss, found, task.name),
            task.runs,
        )


def _held_out(found: Downstream, name: str) -> str:
    """Errors of held-out runs in a sentence."""
    if found.held_out is None:
        return ""
    rows = found.held_out[(found.held_out["task"] == name) & (found.held_out["why"] == "")]
    parts = [f"{row['method']} {row['error']:.3f} ({row['holdout']})" for _, row in rows.iterrows()]
    return f"Error on runs held out: {', '.join(parts)}." if parts else ""
