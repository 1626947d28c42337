"""Laws that stand in, and what none of them knows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.plan.design.believed import WRONG, believe, last_points, laws_of, only_candidates
from quokka_laws.plan.design.question import Question

POOL = pd.DataFrame({"N": np.geomspace(1e8, 3e9, 6), "D": np.geomspace(3e10, 4e9, 6)})
NONE = pd.DataFrame(columns=["N", "D"], dtype=float)


@pytest.mark.parametrize("repeated", [False, True])
def test_weights_sum_to_one(repeated: bool) -> None:
    laws, weights = laws_of(None, repeated=repeated)
    assert len(laws) == len(weights) >= 2
    assert weights.sum() == pytest.approx(1.0)


def test_a_fit_counts_half_and_its_rivals_the_rest() -> None:
    fit = ql.fit(ql.laws.Chinchilla(), ql.datasets.load_quokka_isoflops())
    laws, weights = laws_of(fit, repeated=False)
    assert laws[0] is fit
    assert weights.tolist() == [0.5, 0.5]
    assert laws[1].law.name == "skaling"


def test_what_no_law_knows_remains_when_everything_near_is_trained() -> None:
    laws, weights = laws_of(None, repeated=False)
    question = Question.asked(laws[0], None, {"N": 1e11, "D": 1e13}, None)
    many = pd.concat([POOL] * 40, ignore_index=True)
    now = believe(laws, weights, POOL, many, question, 0.003)
    assert now.error() > 0.5 * WRONG**2


def test_trained_rows_cannot_be_bought_or_dropped() -> None:
    laws, weights = laws_of(None, repeated=False)
    question = Question.asked(laws[0], None, {"N": 1e9, "D": 8e9}, None)
    whole = believe(laws, weights, POOL, POOL, question, 0.005)
    now = only_candidates(whole, len(POOL))
    assert len(now.chosen) == len(POOL)
    assert not now.chosen.any()
    assert now.error() == pytest.approx(whole.error())
    assert now.error() < believe(laws, weights, POOL, NONE, question, 0.005).error()


def test_the_last_point_of_a_run_counts() -> None:
    runs = pd.DataFrame({"run_id": ["a", "a", "b"], "N": [1.0, 1.0, 2.0], "D": [1.0, 2.0, 1.0]})
    assert last_points(runs)["D"].tolist() == [2.0, 1.0]
