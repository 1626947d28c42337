"""Tuned rates: the minimum of a curve, and curves that stay as rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reference_trainer.records import read_rows
from reference_trainer.spec import RunSpec, default_lr
from reference_trainer.tune import FACTORS, best_rate, probe_lr, tune


def test_best_rate_is_the_minimum_of_a_parabola() -> None:
    lr = 0.004 * np.array([4, 0.25, 1, 0.5, 2])
    loss = 2.0 + 0.03 * np.log(lr / 0.0053) ** 2
    assert best_rate(lr, loss) == pytest.approx(0.0053, rel=1e-9)
    assert best_rate(lr, -np.log(lr)) == pytest.approx(0.016)  # at the edge: the lowest point
    assert best_rate(lr, [np.nan, 3, 2, 2.5, np.nan]) == pytest.approx(0.004)  # a neighbour diverged


def test_each_size_is_tuned_and_its_curve_kept(text_file: Path, tmp_path: Path) -> None:
    spec = RunSpec(
        corpus=str(text_file), width=8, depth=1, context=32, batch=8, tokens=8 * 32 * 30, eval_sequences=16,
        eval_passes=1, init="mup", warmup=5, objective="autoregressive",
    )  # fmt: skip
    fixed = RunSpec(**{**spec.to_dict(), "lr": 0.001})
    tuned, kept = tune([spec, fixed], tmp_path, workers=1, pack=5, progress=False)
    rows = list(read_rows(tmp_path / "runs.jsonl"))
    assert [row["phase"] for row in rows] == ["probe"] * len(FACTORS)
    assert all("cooled_loss" not in row for row in rows)
    losses = {row["lr"]: row["loss"] for row in rows}
    assert tuned.lr == pytest.approx(best_rate(losses, losses.values()), rel=1e-3)
    assert min(losses) <= tuned.lr <= max(losses)
    assert kept == fixed
    assert tune([spec], tmp_path, workers=1, pack=5, progress=False)[0] == tuned  # from the rows, without training
    assert len(list(read_rows(tmp_path / "runs.jsonl"))) == len(FACTORS)
    assert default_lr(8, "mup", "autoregressive") in losses


def test_probe_finds_the_edges_worse(text_file: Path) -> None:
    spec = RunSpec(corpus=str(text_file), width=16, depth=1, context=32, batch=8, tokens=8 * 32 * 60, eval_sequences=32)
    table = probe_lr(spec, factors=(0.01, 1.0))
    assert table["loss"].is_monotonic_decreasing
