"""Curves of accuracy are recovered, one at a time by lmfit and many at once."""

from __future__ import annotations

import numpy as np
import pytest

from quokka_laws.fitting.accuracy import fit_curve, solve_curves
from quokka_laws.laws.accuracy import LogAccuracyPower, LossSigmoid

rng = np.random.default_rng(0)
LOSS = np.linspace(3.6, 2.0, 14)
N, D = (v.ravel() for v in np.meshgrid(np.geomspace(5e7, 5e9, 5), np.geomspace(1e9, 1e11, 4)))


def test_a_sigmoid_without_noise_is_recovered() -> None:
    curve = LossSigmoid(0.25, LOSS.mean(), np.ptp(LOSS))
    truth = curve.theta({"middle": np.array(2.4), "width": np.array(0.25), "ceiling": np.array(0.9)})
    y = curve.at(truth[None], {"loss": LOSS})[0][0]
    found = fit_curve(curve, {"loss": LOSS}, y, np.ones(len(y)))
    assert [found.params[k].value for k in curve.names] == pytest.approx(truth, rel=1e-5)


def test_the_direct_law_without_noise_is_recovered() -> None:
    curve = LogAccuracyPower(0.25, ("N", "D"), (np.log(N).mean(), np.log(D).mean()))
    truth = np.array([-0.5, 0.35, -0.8, 0.3])
    y = curve.at(truth[None], {"N": N, "D": D})[0][0]
    found = fit_curve(curve, {"N": N, "D": D}, y, np.ones(len(y)))
    assert [found.params[k].value for k in curve.names] == pytest.approx(truth, rel=1e-4)


def test_a_ceiling_of_one_is_a_bound_that_is_reached() -> None:
    curve = LossSigmoid(0.0, LOSS.mean(), np.ptp(LOSS))
    y = np.clip(1.3 / (1.0 + np.exp((LOSS - 2.1) / 0.3)), 0.0, 1.0)
    found = fit_curve(curve, {"loss": LOSS}, y, np.ones(len(y)))
    assert found.params["ceiling"].value == pytest.approx(1.0, abs=1e-6)


def test_a_batch_is_each_of_its_problems() -> None:
    curve = LossSigmoid(0.25, LOSS.mean(), np.ptp(LOSS))
    truth = curve.theta({"middle": np.array(2.4), "width": np.array(0.25), "ceiling": np.array(0.9)})
    noisy = curve.at(truth[None], {"loss": LOSS})[0] + 0.01 * rng.standard_normal((6, len(LOSS)))
    weights = rng.uniform(0.5, 2.0, (6, len(LOSS)))
    together, cost = solve_curves(curve, {"loss": LOSS}, noisy, weights, np.repeat(truth[None], 6, axis=0))
    for k in range(6):
        found = fit_curve(curve, {"loss": LOSS}, noisy[k], weights[k])
        assert found.chisqr == pytest.approx(cost[k], rel=1e-4)
        assert together[k] == pytest.approx([found.params[c].value for c in curve.names], rel=0.01)
