"""Stacked intervals: weights, growth and width are learned from what was held out, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quokka_laws.evaluation.stacking import TYPICAL_GROWTH, Folds, learn, nested

CUTS = (20, 40, 60, 80, 100, 120)


def folds(*, drift: float = 0.02, noise: float = 0.003, second: float = 2.0, seed: int = 0) -> Folds:
    """Two laws on 120 rows of 12 budgets: each fold's slope is off by a random drift; the second law is twice as wrong."""
    rng = np.random.default_rng(seed)
    log_C = np.repeat(np.log(1e18) + 0.7 * np.arange(12), 10)
    truth = 1.0 - 0.05 * (log_C - log_C[0])
    predicted = []
    for n in CUTS:
        wrong = drift * rng.standard_normal() * np.maximum(log_C - log_C[n - 1], 0.0)
        predicted.append(np.stack([truth + wrong, truth + second * wrong]))
    return Folds(truth + noise * rng.standard_normal(120), log_C, np.stack(predicted), np.array(CUTS))


def test_the_better_law_has_the_weight_and_growth_is_recovered() -> None:
    stack = learn(folds())
    assert stack.weights.tolist() == pytest.approx([2 / 3, 1 / 3], abs=0.03)  # inverse errors
    assert stack.noise == pytest.approx(0.003, rel=0.3)
    found = [learn(folds(seed=s)).growth for s in range(40)]
    assert np.median(found) == pytest.approx(0.02, rel=0.5)
    assert learn(folds(drift=0.0)).growth < 0.005  # what is left is the two imagined folds


def test_intervals_widen_with_distance_disagreement_and_few_folds() -> None:
    stack = learn(folds())
    agree, apart = np.zeros((2, 3)), np.array([[0.0] * 3, [0.3] * 3])
    far = np.log([1.0, 10.0, 100.0])
    near = stack.half_width(agree, far, 0.9)
    assert (np.diff(near) > 0).all()
    assert (stack.half_width(apart, far, 0.9) > near).all()
    assert (replace(stack, folds=1).half_width(agree, far, 0.9) > 1.2 * near).all()
    assert (stack.half_width(agree, far, 0.99) > near).all()


def test_a_law_that_was_far_off_does_not_set_the_width() -> None:
    fair = learn(folds())
    assert fair.errors[1] == pytest.approx(2 * fair.errors[0], rel=0.2)
    apart = np.array([[0.0], [0.3]])
    poor = learn(folds(second=20.0))
    assert poor.spread(apart)[0] < 0.6 * fair.spread(apart)[0]


def test_nested_intervals_hold_what_they_say() -> None:
    inside = [nested(folds(seed=s), 0.9)["inside"].mean() for s in range(60)]
    assert 0.85 < np.mean(inside) < 0.97


def test_outer_budgets_are_not_seen_by_the_inner_calibration() -> None:
    given = folds()
    spoilt = replace(given, log_observed=np.r_[given.log_observed[:80], given.log_observed[80:] + 1.0])
    assert learn(spoilt.until(3)) is not None
    before, after = learn(given.until(3)), learn(spoilt.until(3))
    np.testing.assert_array_equal(before.weights, after.weights)
    assert (before.noise, before.growth, before.folds) == (after.noise, after.growth, after.folds)
    tried = nested(spoilt, 0.9)
    assert tried[tried["fitted"] == 80]["inside"].max() == 0.0
    assert set(tried["fitted"]) == {40, 60, 80, 100}


def test_without_folds_the_interval_is_noise_and_a_typical_growth() -> None:
    alone = folds().until(0)
    stack = learn(alone)
    assert stack.weights.tolist() == [0.5, 0.5]
    assert (stack.folds, stack.growth) == (0, TYPICAL_GROWTH)
    assert nested(alone, 0.9).empty
