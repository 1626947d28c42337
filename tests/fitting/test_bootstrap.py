"""Resampling: multiplicities, units drawn as a whole, strata that keep their size, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quokka_laws.exceptions import RunsError
from quokka_laws.fitting.bootstrap import (
    draws_whole_runs,
    independent_runs,
    multiplicities,
    resample_weights,
    resampling_units,
    unit_codes,
)


@settings(max_examples=20, derandomize=True, deadline=None)
@given(rows=st.integers(1, 40), count=st.integers(1, 30), seed=st.integers(0, 1000))
def test_weights_are_counts_of_rows_drawn(rows: int, count: int, seed: int) -> None:
    w = resample_weights(rows, count, seed=seed)
    assert w.shape == (count, rows)
    assert (w == np.round(w)).all()
    assert (w >= 0).all()
    assert (w.sum(axis=1) == rows).all()
    assert (w == resample_weights(rows, count, seed=seed)).all()


def test_weights_have_the_moments_of_the_multinomial() -> None:
    w = resample_weights(20, 20_000, seed=1)
    assert w.mean(axis=0) == pytest.approx(1.0, abs=0.03)  # 4 standard errors
    assert w.var() == pytest.approx(1 - 1 / 20, rel=0.02)
    assert (w == 0).mean() == pytest.approx((1 - 1 / 20) ** 20, abs=0.005)


def test_rows_of_a_cluster_have_one_weight() -> None:
    cluster = np.array([5, 5, 9, 9, 9, 7])
    w = resample_weights(6, 50, seed=0, cluster=cluster)
    for unit in (5, 7, 9):
        member = w[:, cluster == unit]
        assert (member == member[:, :1]).all()
    assert (w[:, [0, 2, 5]].sum(axis=1) == 3).all()


def test_strata_keep_their_number_of_units() -> None:
    strata = np.array([0, 0, 0, 1, 1, 2])
    w = resample_weights(6, 40, seed=2, strata=strata)
    for s, size in enumerate((3, 2, 1)):
        assert (w[:, strata == s].sum(axis=1) == size).all()
    runs = np.array([0, 0, 1, 2, 3, 3])
    both = resample_weights(6, 40, seed=2, cluster=runs, strata=np.array([0, 0, 0, 1, 1, 1]))
    assert (both[:, [0, 2]].sum(axis=1) == 2).all()
    assert (both[:, [3, 4]].sum(axis=1) == 2).all()


def test_rows_without_an_id_are_units_of_their_own() -> None:
    codes = unit_codes(pd.Series(["a", None, "a", " ", "b", None]))
    assert codes[0] == codes[2]
    assert len(np.unique(codes)) == 5
    assert independent_runs(pd.DataFrame({"run_id": ["a", None, "a", "", "b", None]})) == 5
    assert independent_runs(pd.DataFrame({"loss": [1.0, 2.0]})) == 2


def test_whole_runs_are_drawn_where_each_lies_in_one_unit() -> None:
    groups = np.array([0, 0, 1, 1, 2])
    assert draws_whole_runs(np.array([0, 0, 0, 0, 1]), groups)
    assert not draws_whole_runs(np.array([0, 1, 2, 2, 3]), groups)
    assert not draws_whole_runs(None, groups)


def test_runs_with_checkpoints_are_resampled_as_a_whole() -> None:
    runs = pd.DataFrame({"run_id": ["a", "a", "b", "b", "c"], "C": [1.0, 2.0, 1.0, 2.0, 5.0]})
    units, how = resampling_units(runs, "auto", None)
    assert len(np.unique(units["cluster"])) == how["units"] == 3
    assert how["cluster"] == "run_id"
    assert how["rows_share_runs"]
    units, how = resampling_units(runs.drop(columns="run_id"), "auto", None)
    assert (units["cluster"], how["cluster"], how["units"]) == (None, None, 5)


def test_budgets_that_nearly_agree_are_one_stratum() -> None:
    C = np.array([1.0e18, 1.02e18, 0.99e18, 1.0e19, 1.01e19])
    units, how = resampling_units(pd.DataFrame({"C": C}), None, "C")
    assert how["strata_count"] == 2
    assert units["strata"].tolist() == [0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("cluster", "strata"),
    [
        ("missing", None),
        (None, "missing"),
        ("one", None),  # a single unit
        ("run_id", "row"),  # a run in several strata
        (None, "row"),  # every stratum a single row
    ],
)
def test_what_cannot_be_resampled(cluster: str | None, strata: str | None) -> None:
    table = pd.DataFrame({"run_id": ["a", "a", "b", "b"], "one": ["x"] * 4, "row": ["1", "2", "3", "4"]})
    with pytest.raises(RunsError):
        resampling_units(table, cluster, strata)


def test_multiplicities_are_the_weights_of_rows_before_they_are_written_out() -> None:
    run = np.array([0, 0, 1, 2, 2, 2])
    own = np.array([1.0, 0.5, 2.0, 1.0, 1.0, 3.0])
    kept = multiplicities(own, 9, seed=4, cluster=run)
    assert kept.multiplicity.shape == (9, 3)
    written = resample_weights(6, 9, seed=4, cluster=run) * own
    assert (kept.of_rows() == written).all()
    assert (kept[2:5].of_rows() == written[2:5]).all()
    few = np.array([0, 3])
    assert (kept.on(few, np.array([1.5, 3.0])).of_rows() == written[:, few] / own[few] * [1.5, 3.0]).all()
