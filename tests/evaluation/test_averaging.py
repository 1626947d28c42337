"""Several laws as one prediction: weights, widening intervals, calibration or none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql

TWO = [ql.laws.Chinchilla(), ql.laws.Kaplan()]


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return sweep(ql.laws.Chinchilla(), TRUE_CHINCHILLA, runs=60, noise=0.003)


@pytest.fixture(scope="module")
def stacked(runs: pd.DataFrame) -> ql.Average:
    return ql.average(TWO, runs, holdout=(3, 10, 30))


def test_average_prefers_what_extrapolates_and_widens(stacked: ql.Average, runs: pd.DataFrame) -> None:
    assert sum(stacked.weights.values()) == pytest.approx(1)
    assert stacked.weights["chinchilla"] > 0.7
    far = np.array([1.0, 10.0, 100.0])
    table = stacked.predict(N=1e10 * far, D=2e11 * far, level=0.9)
    width = np.log(table["loss_upper"] / table["loss_lower"])
    assert (np.diff(width) > 0).all()
    assert (table["distance"] >= 1).all()
    by_distance = stacked.calibration(0.9).set_index("distance")
    np.testing.assert_equal(table["coverage_held_out"].iloc[2], by_distance.loc["beyond ×30", "coverage"])
    assert by_distance["coverage"].dropna().min() > 0.7
    assert "95 % intervals held of budgets they had not seen" in stacked.report()
    assert np.allclose(stacked(N=1e9, D=1e10), stacked.predict(N=1e9, D=1e10)["loss"])
    with pytest.raises(ValueError, match="positive numbers"):
        stacked.predict(N=-1.0, D=1e9)


def test_average_that_cannot_be_calibrated_says_so(runs: pd.DataFrame) -> None:
    few = runs.sort_values("C").iloc[:8].reset_index(drop=True)
    found = ql.average([ql.laws.Chinchilla()], few, holdout=(1e6,))
    assert "Not calibrated" in found.report()
    assert np.isnan(found.predict(N=1e9, D=1e10, level=0.9)["coverage_held_out"].iloc[0])


def test_the_stack_is_the_weighted_geometric_mean(stacked: ql.Average) -> None:
    each = [np.log(fit(N=5e9, D=1e11)) for fit in stacked.fits.values()]
    assert stacked(N=5e9, D=1e11) == pytest.approx(np.exp(np.dot(list(stacked.weights.values()), each)), rel=1e-12)
