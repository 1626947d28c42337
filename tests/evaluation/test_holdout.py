"""Held-out extrapolation: who is fitted and who predicted, candidates, refusals, errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql
from quokka_laws.evaluation.holdout import (
    KAPLAN_WITH_FLOOR,
    Candidate,
    as_candidates,
    default_candidates,
    log_errors,
    reach_of_runs,
    splits,
    try_family,
    try_fold,
)
from quokka_laws.exceptions import ArgumentError, RunsError
from quokka_laws.laws import Chinchilla, Kaplan, PowerLaw, Skaling


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return sweep(Chinchilla(), TRUE_CHINCHILLA, runs=60, noise=0.003)


def test_splits_hold_out_the_expensive_runs(runs: pd.DataFrame) -> None:
    (part,), refused = splits(runs, (10.0, 1e9), need=7)
    C = runs["C"].to_numpy()
    assert C[part.fitted].max() <= C.max() / 10 * (1 + 1e-5) < C[part.held_out].min()
    assert "×1e+09: 0 runs to fit" in refused[0]
    with pytest.raises(ValueError, match="a distance is a factor above 1"):
        splits(runs, (0.5,), need=7)


def test_checkpoints_of_a_run_stay_together(runs: pd.DataFrame) -> None:
    twice = pd.concat([runs.assign(run_id=runs.index), runs.assign(run_id=runs.index, C=runs["C"] / 100)])
    (part,), _ = splits(twice.reset_index(drop=True), (10.0,), need=7)
    ids = twice["run_id"].to_numpy()
    assert not set(ids[part.fitted]) & set(ids[part.held_out])


def test_runs_without_a_run_id_are_held_out_one_by_one(runs: pd.DataFrame) -> None:
    named = runs.assign(run_id=[f"run {i}" if i < 30 else None for i in range(60)])
    (part,), _ = splits(named, (10.0,), need=7)
    (plain,), _ = splits(runs, (10.0,), need=7)
    assert part.fitted.tolist() == plain.fitted.tolist()


def test_an_own_mask_is_taken_as_it_is(runs: pd.DataFrame) -> None:
    mask = np.arange(60) % 3 == 0
    (part,), refused = splits(runs, mask, need=7)
    assert part.held_out.tolist() == np.flatnonzero(mask).tolist()
    assert part.fitted.tolist() == np.flatnonzero(~mask).tolist()
    assert not refused


@pytest.mark.parametrize("mask", [np.ones(60, dtype=bool), np.zeros(60, dtype=bool), np.ones(5, dtype=bool)])
def test_masks_that_split_nothing(runs: pd.DataFrame, mask: np.ndarray) -> None:
    with pytest.raises(ArgumentError):
        splits(runs, mask, need=7)


def test_a_run_reaches_as_far_as_its_last_checkpoint() -> None:
    table = pd.DataFrame({"run_id": ["a", "a", "b", None], "C": [1.0, 3.0, 2.0, 5.0]})
    assert reach_of_runs(table).tolist() == [3.0, 3.0, 2.0, 5.0]
    assert reach_of_runs(table[["C"]]).tolist() == [1.0, 3.0, 2.0, 5.0]
    with pytest.raises(RunsError):
        reach_of_runs(table[["run_id"]])


def test_candidates() -> None:
    assert [c.label for c in default_candidates()] == ["chinchilla", "skaling", "skaling, beta = 1", "kaplan"]
    assert [c.free for c in default_candidates()] == [5, 6, 5, 4]
    assert Candidate(Chinchilla(), {"beta": {"expr": "alpha"}}).free == 4
    assert as_candidates([Kaplan(), KAPLAN_WITH_FLOOR])[0] == Candidate(Kaplan())
    with pytest.raises(ArgumentError):
        as_candidates([Kaplan(), Candidate(Kaplan())])


def test_a_candidate_is_fitted_with_its_settings_or_says_why_not(runs: pd.DataFrame) -> None:
    fit = try_fold(Candidate(Chinchilla(), {"E": {"value": 1.9, "vary": False}}, "held"), runs)
    assert isinstance(fit, ql.FitResult)
    assert (fit.label, fit.values["E"]) == ("held", 1.9)
    said = try_fold(Candidate(ql.laws.Memorization()), runs)
    assert isinstance(said, str)
    assert said.startswith("memorization: ")


def test_a_law_that_contains_another_is_never_worse(runs: pd.DataFrame) -> None:
    fits, refused = try_family(as_candidates([Chinchilla(), Skaling()]), runs)
    assert not refused
    assert fits["skaling"].objective_value <= fits["chinchilla"].objective_value * (1 + 1e-9)


def test_errors_are_logarithms_of_predicted_over_observed(runs: pd.DataFrame) -> None:
    law = ql.FittedLaw(PowerLaw("C"), {"E": 2.0, "K": 0.0, "kappa": 0.1})
    np.testing.assert_allclose(log_errors(law, runs), np.log(2.0 / runs["loss"]), rtol=1e-13)
