"""Costs are counted of what is trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reference_trainer.cost import gpu_hours, grid, training_flops
from reference_trainer.model import counts
from reference_trainer.spec import RunSpec
from reference_trainer.train import Trainer


def test_flops_are_those_of_the_trainer(text_file: Path, tmp_path: Path) -> None:
    spec = RunSpec(
        objective="autoregressive", width=16, depth=1, batch=8, context=32, tokens=51_200, cooled_at=(12_800, 51_200),
        evaluated_at=(25_600,), corpus=str(text_file), alphabet="full",
    )  # fmt: skip
    trainer = Trainer([spec], tmp_path)
    assert training_flops([spec], 256) == trainer.total_tokens * counts(trainer.shape)["flops_per_token"]
    assert training_flops([spec, replace(spec, seed=1)], 256) == 2 * training_flops([spec], 256)


@pytest.mark.parametrize("compute", [1e18, 1e21])
def test_a_grid_costs_what_its_sums_say(compute: float) -> None:
    specs = grid(compute, context=64)
    assert len(specs) == 5
    assert 6 * counts(specs[0].shape(50304))["N_total"] * specs[0].tokens == pytest.approx(compute, rel=0.1)
    sizes = sum(2.0**-i for i in range(5))
    tokens = 0.8 + 0.2 * sizes  # one trunk up to the longest branch, and a fifth of every D
    # In short contexts attention scores cost next to nothing; what is left is the rounding of shapes.
    assert training_flops(specs, 50304) / compute == pytest.approx(sizes * tokens, rel=0.1)


def test_hours() -> None:
    assert gpu_hours(3600 * 989e12, 0.5) == pytest.approx(2.0)
    with pytest.raises(ValueError, match="mfu = 40"):
        gpu_hours(1e18, 40)
