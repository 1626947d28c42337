"""Sweeps by name."""

from __future__ import annotations

import pytest

from reference_trainer import presets
from reference_trainer.sweep import packs


@pytest.mark.parametrize("name", presets.PRESETS)
def test_presets_are_distinct_runs(name: str) -> None:
    specs = presets.PRESETS[name]("text.txt", "")
    assert len({s.run_id for s in specs}) == len(specs)


def test_calibration_is_packed_by_threes() -> None:
    """Seeds of a size are one pack; so are unique tokens of a size, and learning rates by halves."""
    specs = presets.calibration("text.txt")
    sizes = {group: [len(p) for p in packs([s for s in specs if s.group == group], 3)] for group in ("grid", "probe")}
    assert set(sizes["grid"]) == set(sizes["probe"]) == {3}


def test_calibration_slices_have_one_compute() -> None:
    """Points of different sizes at N·D of one slice."""
    products: dict[int, int] = {}
    for width, depth in presets.GRID:
        (spec, *_) = presets._trunks(presets.calibration("x")[0], width, depth)
        N = presets.counts(presets.Shape(width, depth, presets.ALPHABET, head_size=8))["N_total"]
        for D in spec.cooled_at:
            for C in presets.BUDGETS:
                if abs(6 * N * D / C - 1) < 0.01:
                    products[round(C)] = products.get(round(C), 0) + 1
    assert min(products.values()) >= 4


def test_the_largest_width_is_in_its_own_preset() -> None:
    assert {s.width for s in presets.calibration("x")}.isdisjoint({presets.LARGEST[0]})
    assert {s.width for s in presets.calibration_largest("x")} == {presets.LARGEST[0]}
