"""Task accuracy in a report: the numbers of `predict`, and a figure a task."""

from __future__ import annotations

from simulated_tasks import scored, scored_runs

import quokka_laws as ql
from quokka_laws.plan import compute_optimal
from quokka_laws.reporting.page_tasks import task_figures, task_rows


def test_rows_are_predictions_at_the_best_model_of_a_budget() -> None:
    rows = {row["task"]: row for row in task_rows(scored(), [1e22])}
    best = compute_optimal(scored().fit, 1e22, level=None)
    expected = scored().predict(metric="hellaswag", N=best["N"], D=best["D"])["accuracy"][0]
    assert rows["hellaswag"]["accuracy"] == f"{expected:.3f}"
    assert rows["piqa"]["accuracy"] == "not predictable"
    assert task_rows(scored(), []) == []


def test_a_figure_a_task_says_what_became_of_held_out_runs() -> None:
    found = ql.hold_out_tasks(scored(), scored_runs(), [10.0])
    figures = list(task_figures(found))
    assert [f.title for f in figures] == ["Accuracy: hellaswag", "Accuracy: piqa"]
    assert "held out" in figures[0].caption
    assert "<svg" in figures[0].drawn(True)["svg"]
