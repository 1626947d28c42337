"""Profiles: the normal interval on a parabola, the valley where there is one, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql

LAW = ql.laws.Chinchilla()


@pytest.fixture(scope="module")
def fit() -> ql.FitResult:
    runs = sweep(LAW, TRUE_CHINCHILLA, runs=60, noise=0.005, seed=3)
    return ql.fit(LAW, runs, objective=ql.LogL2(), bootstrap=200, seed=0)


def test_least_squares_profile_gives_about_the_normal_interval(fit: ql.FitResult) -> None:
    table = ql.profile(fit, "alpha", points=11)
    lower, upper = table.attrs["interval"]
    assert fit.draws is not None
    half = 1.96 * fit.draws["alpha"].std(ddof=1)
    assert (upper - lower) == pytest.approx(2 * half, rel=0.15)
    assert lower < fit.values["alpha"] < upper
    assert table["rise"].min() == pytest.approx(0.0, abs=1e-9)
    assert (np.diff(table["rise"]) > 0).sum() == 5


def test_amplitudes_are_profiled_in_their_logarithm(fit: ql.FitResult) -> None:
    lower, upper = ql.profile(fit, "A", points=9).attrs["interval"]
    assert 0 < lower < fit.values["A"] < upper


def test_no_interval_without_draws(fit: ql.FitResult) -> None:
    bare = ql.fit(LAW, fit.runs, objective=ql.LogL2())
    assert ql.profile(bare, "alpha", points=5).attrs["interval"] is None


def test_nothing_to_profile(fit: ql.FitResult) -> None:
    with pytest.raises(ValueError, match="no coefficient 'gamma'"):
        ql.profile(fit, "gamma")
    tied = ql.fit(LAW, fit.runs, params=LAW.make_params(beta=dict(expr="alpha"), E=dict(value=1.7, vary=False)))
    with pytest.raises(ValueError, match="beta was tied"):
        ql.profile(tied, "beta")
    with pytest.raises(ValueError, match="E was fixed"):
        ql.profile(tied, "E")
