"""Curves of accuracy: values of the published formulas, and derivatives that are theirs."""

from __future__ import annotations

import numpy as np
import pytest

from quokka_laws.laws.accuracy import AccuracyCurve, LogAccuracyPower, LossSigmoid

RUNS = {"loss": np.array([3.2, 2.6, 2.1]), "N": np.array([1e8, 1e9, 7e9]), "D": np.array([2e9, 2e10, 1.4e11])}
RUNS["C"] = 6.0 * RUNS["N"] * RUNS["D"]
CURVES: list[tuple[AccuracyCurve, dict[str, float]]] = [
    (LossSigmoid(0.25, 2.6, 1.1), {"middle": 2.4, "width": 0.3, "ceiling": 0.9}),
    (LossSigmoid(0.25, 2.6, 1.1, ceiling=0.95), {"middle": 2.4, "width": 0.3, "ceiling": 0.95}),
    (LogAccuracyPower(0.25, ("N", "D"), (20.0, 23.0)), {"A": 90.0, "alpha": 0.25, "B": 120.0, "beta": 0.2}),
    (LogAccuracyPower(0.0, ("C",), (45.0,)), {"A": 3e4, "alpha": 0.22}),
]


@pytest.mark.parametrize(("curve", "values"), CURVES)
def test_formula_coordinates_and_derivatives(curve: AccuracyCurve, values: dict[str, float]) -> None:
    theta = curve.theta({k: np.array([v]) for k, v in values.items()})
    assert {k: v[0] for k, v in curve.values(theta).items()} == pytest.approx(values)
    found, J = curve.at(theta, RUNS)
    if isinstance(curve, LossSigmoid):
        z = (RUNS["loss"] - values["middle"]) / values["width"]
        expected = curve.chance + (values["ceiling"] - curve.chance) / (1.0 + np.exp(z))
    else:
        pairs = zip(curve.of, (("A", "alpha"), ("B", "beta")), strict=False)
        terms = [values[a] * RUNS[x] ** -values[p] for x, (a, p) in pairs]
        expected = curve.chance + (1.0 - curve.chance) * np.exp(-sum(terms))
    assert found[0] == pytest.approx(expected)
    for j in range(theta.shape[1]):
        step = np.zeros_like(theta)
        step[0, j] = 1e-6
        slope = (curve.at(theta + step, RUNS)[0] - curve.at(theta - step, RUNS)[0]) / 2e-6
        assert J[0, :, j] == pytest.approx(slope[0], abs=1e-7)


@pytest.mark.parametrize("curve", [c for c, _ in CURVES])
def test_starts_lie_within_bounds(curve: AccuracyCurve) -> None:
    low, high = curve.bounds
    starts = curve.starts()
    assert starts.shape[1] == len(curve.names) == len(low)
    assert ((starts >= low) & (starts <= high)).all()
