"""Points, departures and learning rates of a run that can be checked by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reference_trainer import schedule
from reference_trainer.spec import RunSpec

# 10 tokens a step: a branch of 20 steps to 100, one of 40 to 200, an evaluation at 150.
SPEC = RunSpec(batch=2, context=5, tokens=2000, cooled_at=(1000, 2000), evaluated_at=(1500,), cooldown=0.2, warmup=10)


def test_events_of_a_pack() -> None:
    assert schedule.events([SPEC]) == [(80, "cooled", 100), (150, "trunk", 150), (160, "cooled", 200)]
    other = replace(SPEC, seed=1, cooled_at=(1000,), evaluated_at=(500,))
    assert schedule.events([SPEC, other]) == sorted([*schedule.events([SPEC]), (50, "trunk", 50)])


def test_tokens_of_trunk_and_branches() -> None:
    assert schedule.total_tokens([SPEC]) == 10 * (160 + 20 + 40)
    assert schedule.total_tokens([replace(SPEC, cooled_at=(), evaluated_at=(500,))]) == 500


def test_a_branch_has_a_step_at_least() -> None:
    assert schedule.departure(replace(SPEC, cooldown=1e-6), 100) == 99
    assert schedule.departure(replace(SPEC, cooldown=1.0), 100) == 0


def test_learning_rates() -> None:
    assert [schedule.trunk_factor(SPEC, step) for step in (0, 4, 9, 500)] == [0.1, 0.5, 1.0, 1.0]
    assert schedule.trunk_factor(replace(SPEC, warmup=0), 0) == 1.0
    found = [schedule.branch_factor(SPEC, step, 80, 100) for step in (80, 85, 100)]
    assert found == pytest.approx([1.0, 0.5, 0.0])
