"""Tables out of printed logs."""

from __future__ import annotations

import pytest

from quokka_laws.importers.log_lines import parsed
from quokka_laws.importers.log_tables import parted, table_of


def test_another_model_is_another_run() -> None:
    log = parsed(
        ["params: 1,000,000\n", "step 1 loss 3\n", "step 2 loss 2\n", "params: 2,000,000\n", "step 1 loss 4\n"]
    )
    parts = list(parted(log))
    assert [facts for _, facts, _ in parts] == [{"params": 1e6}, {"params": 2e6}]
    assert [len(part.rows) for part, _, _ in parts] == [2, 1]


def test_facts_said_in_two_ways_are_not_taken() -> None:
    ((_, facts, unlike),) = parted(parsed(["params: 1,000,000\n", "params: 2,000,000\n", "step 1 loss 3\n"]))
    assert facts == {}
    assert unlike == [("params", [1e6, 2e6])]


def test_iterations_of_a_step_are_turned_into_steps() -> None:
    log = parsed(
        [
            line
            for s in (1, 2, 3)
            for line in (f"iter {4 * s} step {s} | loss train: 3.5\n", f"iter {4 * s}: val loss 3.25\n")
        ]
    )
    table, facts, _ = table_of(log, {}, "a.log")
    assert table["step"].tolist() == [1, 2, 3]
    assert "iter" not in table
    assert facts == {}


def test_steps_that_lines_do_not_say() -> None:
    lines = [f"{{'loss': 3.0, 'epoch': {e}}}\n" for e in (0.5, 1.0, 1.5)]
    table, facts, remarks = table_of(parsed(lines), {"examples": 6400.0, "examples_per_step": 64.0}, "a.log")
    assert table["step"].tolist() == [50, 100, 150]
    assert (facts, remarks[0].code) == ({}, "steps_by_epoch")
    drawn = [line for i, row in enumerate(lines) for line in (f"{i}%| | {50 * (i + 1)}/200 [00:01]\n", row)]
    table, facts, remarks = table_of(parsed(drawn), {}, "a.log")
    assert table["step"].tolist() == [50, 100, 150]
    assert (facts, remarks[0].code) == ({"max_steps": 200.0}, "steps_by_bar")
    assert "step" not in table_of(parsed(lines), {}, "a.log")[0]


def test_a_bar_that_goes_on_showing_a_validation() -> None:
    lines = [
        f"\r| {s}/1000 [00:10, loss=3.0{v}]\n" for s, v in ((100, ""), (200, ", val_loss=2.5"), (300, ", val_loss=2.5"))
    ]
    table, facts, _ = table_of(parsed(lines), {}, "a.log")
    assert table["val_loss"].tolist() == pytest.approx([float("nan"), 2.5, float("nan")], nan_ok=True)
    assert facts == {"max_steps": 1000.0}


def test_one_process_of_several() -> None:
    lines = [f"[rank{r}]: step {s} loss {3 + r}\n" for s in (1, 2) for r in (0, 1)]
    table, _, remarks = table_of(parsed(lines), {}, "a.log")
    assert table["loss"].tolist() == [3, 3]
    assert remarks[0].code == "one_process"
