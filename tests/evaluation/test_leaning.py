"""Forecasts lean on the most expensive runs, and on weak priors where the runs say nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql
from quokka_laws.evaluation.holdout import KAPLAN_WITH_FLOOR, Candidate
from quokka_laws.evaluation.leaning import lean, leaning, weak_prior
from quokka_laws.objective import LogHuber

AUTO = LogHuber("auto")


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return sweep(ql.laws.Chinchilla(), TRUE_CHINCHILLA, runs=60, noise=0.003)


def test_a_weight_is_halved_for_every_factor_of_three() -> None:
    assert lean(np.log([1e18, 3e18, 9e18])).tolist() == pytest.approx([0.25, 0.5, 1.0])


def test_own_weights_are_kept_and_runs_untouched(runs: pd.DataFrame) -> None:
    own = runs.assign(weight=2.0)
    np.testing.assert_allclose(leaning(own)["weight"], 2.0 * leaning(runs)["weight"])
    assert leaning(runs)["weight"].max() == 1.0
    assert "weight" not in runs
    assert leaning(runs).attrs == runs.attrs


def test_what_is_expected_of_a_law(runs: pd.DataFrame) -> None:
    floor = (pytest.approx(np.log(runs["loss"].min() * 2 / 3)), 0.25)
    assert weak_prior(Candidate(ql.laws.Skaling()), runs, AUTO) == {"E": floor, "k": (0.7, 0.3)}
    assert weak_prior(KAPLAN_WITH_FLOOR, runs, AUTO) == {"E": floor}
    assert weak_prior(Candidate(ql.laws.Kaplan()), runs, AUTO) is None  # no floor to expect anything of
    assert weak_prior(Candidate(ql.laws.Skaling()), runs, LogHuber(1e-3)) is None
    few = weak_prior(Candidate(ql.laws.Chinchilla()), runs.iloc[:10], AUTO)
    assert isinstance(few, dict)
    assert set(few) == {"E", "alpha", "beta"}


def test_runs_far_below_that_follow_another_law_hardly_move_the_forecast(runs: pd.DataFrame) -> None:
    """Cheap runs whose losses bend away, as those of tiny models do."""
    low = np.log(runs["C"].max() / runs["C"]).to_numpy()
    bent = ql.check_runs(runs[["N", "D"]].assign(loss=runs["loss"] * (1.0 - 0.002 * low**2)))
    at = {"N": 3e10, "D": 6e11}
    truth = ql.FittedLaw(ql.laws.Chinchilla(), TRUE_CHINCHILLA)(**at)
    leaned = ql.average([ql.laws.Chinchilla()], bent, holdout=(10,))
    plain = ql.fit("chinchilla", bent, objective="auto")
    assert abs(np.log(leaned(**at) / truth)) < 0.6 * abs(np.log(plain(**at) / truth))
