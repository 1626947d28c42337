"""Weights, and the rows that are left out because of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql

LAW = ql.laws.Chinchilla()


def test_integer_weights_are_repetitions(runs: pd.DataFrame) -> None:
    doubled = ql.fit(LAW, runs.assign(weight=np.where(np.arange(len(runs)) < 10, 2.0, 1.0)))
    repeated = pd.concat([runs, runs.iloc[:10]], ignore_index=True).assign(seed=lambda t: np.arange(len(t)))
    repeated = repeated.assign(run_id=repeated["seed"])
    assert doubled.values == pytest.approx(ql.fit(LAW, ql.check_runs(repeated)).values, rel=1e-6)


def test_rows_of_weight_zero_were_not_fitted(runs: pd.DataFrame) -> None:
    first = runs["N"] < runs["N"].median()
    fit, part = ql.fit(LAW, runs.assign(weight=first * 1.0), bootstrap=20), runs[first].reset_index(drop=True)
    part.attrs = runs.attrs
    alone = ql.fit(LAW, part, bootstrap=20)
    assert fit.values == alone.values
    assert (fit.fitted_range, fit.bootstrap) == (alone.fitted_range, alone.bootstrap)
    assert fit.excluded["reason"].tolist() == ["weight 0"] * 30
    with pytest.raises(ql.RunsError, match="5 runs cannot determine"):
        ql.fit(LAW, runs.assign(w=(runs.index < 5) * 1.0), weights="w")


def test_weights_of_any_column_stay_with_the_fit(quokka87: pd.DataFrame) -> None:
    weights = np.where(quokka87["D"] / quokka87["N"] < 4, 0.1, 10.0)
    usual, named = quokka87.assign(weight=weights), quokka87.assign(w=weights)
    one = ql.fit(LAW, usual, bootstrap=50)
    two = ql.read_fit(ql.fit(LAW, named, weights="w", bootstrap=50).to_json())
    assert two.values == one.values
    assert two.runs.attrs == one.runs.attrs
    profiles = ql.profile(one, "alpha", points=5), ql.profile(two, "alpha", points=5)
    assert profiles[1].equals(profiles[0])
    assert profiles[1]["rise"].min() == pytest.approx(0.0, abs=1e-9)
    assert ql.sensitivity(two, 1.1e23).equals(ql.sensitivity(one, 1.1e23))
    next_runs = (ql.plan.next_runs(f, 1e21, target_C=1.1e23) for f in (one, two))
    assert next(next_runs).equals(next(next_runs))


def test_bad_weights_are_refused(runs: pd.DataFrame) -> None:
    with pytest.raises(ql.RunsError, match="no column 'w'"):
        ql.fit(LAW, runs, weights="w")
    with pytest.raises(ql.RunsError, match="finite and not negative"):
        ql.fit(LAW, runs.assign(w=-1.0), weights="w")
