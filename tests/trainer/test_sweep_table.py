"""Sweeps as tables: written by hand, or planned by the library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reference_trainer import sweep_table
from reference_trainer.errors import TrainerError
from reference_trainer.model import Shape, counts


def test_table_of_specs(text_file: Path) -> None:
    table = pd.DataFrame({"width": [8, 16], "tokens": [1e5, 2e5], "cooled_at": ["5e4;1e5", None], "seed": [None, 3.0]})
    a, b = sweep_table.frame_to_specs(table, corpus=str(text_file))
    assert (a.cooled_at, a.seed, b.cooled_at, b.seed) == ((50_000, 100_000), 0, (200_000,), 3)
    assert isinstance(b.tokens, int)


def test_counts_are_written_as_on_the_command_line(text_file: Path) -> None:
    table = pd.DataFrame({"tokens": ["200k", "1e6"], "cooled_at": ["50k;.2M", None], "lr": ["0.01", "1e-3"]})
    a, b = sweep_table.frame_to_specs(table, corpus=str(text_file))
    assert (a.tokens, a.cooled_at, a.lr) == (200_000, (50_000, 200_000), 0.01)
    assert (b.tokens, b.lr) == (1_000_000, 0.001)


def test_table_planned_by_the_library_is_a_sweep() -> None:
    plan = pd.DataFrame({"C": [6e11, 6e12], "N": [2e4, 1e5], "D": [5e6, 1e7], "U_D": [1e6, 1e7], "epochs": [5, 1]})
    specs = sweep_table.frame_to_specs(plan, objective="masked")
    for spec, N in zip(specs, plan["N"], strict=True):
        assert counts(Shape(spec.width, spec.depth))["N_total"] == pytest.approx(N, rel=0.35)
    assert [s.unique_tokens for s in specs] == [1_000_000, 10_000_000]
    assert [s.tokens for s in specs] == [5_000_000, 10_000_000]


def test_planned_slices_keep_their_compute() -> None:
    """N is the nearest shape's, so D makes up for it: the runs of an IsoFLOP slice still share one C."""
    N = np.geomspace(3e3, 3e5, 7)
    for spec in sweep_table.frame_to_specs(pd.DataFrame({"N": N, "D": 1e12 / (6 * N)})):
        assert 6 * counts(spec.shape(256))["N_total"] * spec.tokens == pytest.approx(1e12, rel=1e-4)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("objective", "diffusion", "row 1: objective 'diffusion' is not one of masked, uniform, autoregressive"),
        ("wdith", 8, "row 1: unknown options wdith; known: alphabet, batch"),
        ("tokens", 5, "row 1: tokens = 5 is less than two batches"),
        ("cooled_at", 1024, r"row 1: cooled_at = 1,024 is less than two batches \(16 × 64 tokens each\)"),
        ("tokens", "many", r"row 1: tokens: 'many' is not a number such as"),
        ("depth", 1.5, "row 1: depth = 1.5 is not a whole number"),
        ("lr", "high", "row 1: lr = 'high' is not a number"),
        ("cooldown", 2.0, r"row 1: cooldown = 2.0 must be in \(0, 1\]"),
    ],
)
def test_faults_of_a_table_name_the_row(column: str, value: object, message: str) -> None:
    with pytest.raises(TrainerError, match=message):
        sweep_table.frame_to_specs(pd.DataFrame({column: [value]}))
