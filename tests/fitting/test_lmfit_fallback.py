"""The escape hatch: minima of known place under ties and bounds, and convergence that is not claimed too early."""

from __future__ import annotations

import lmfit
import pytest

from quokka_laws.fitting.lmfit_fallback import minimize_with_lmfit


def params(**settings: dict) -> lmfit.Parameters:
    found = lmfit.Parameters()
    for name, options in settings.items():
        found.add(name, **options)
    return found


def bowl(v: dict[str, float]) -> float:
    return (v["x"] - 1.5) ** 2 + 4.0 * (v["y"] + 0.5) ** 2 + 1.0


def test_a_bowl() -> None:
    start = params(x={"value": 0.0}, y={"value": 0.0})
    values, converged = minimize_with_lmfit(start, {"x": 1.0, "y": 1.0}, bowl)
    assert converged
    assert values == pytest.approx({"x": 1.5, "y": -0.5}, abs=1e-5)
    assert start["x"].value == 0.0  # what was given is not changed


def test_a_tie_that_is_not_linear_holds() -> None:
    tied = params(x={"value": 1.0, "min": 0.0}, y={"expr": "x**2"})
    values, converged = minimize_with_lmfit(tied, {"x": 0.9, "y": 0.0}, lambda v: (v["x"] + v["y"] - 6.0) ** 2 + 1.0)
    assert converged
    assert values == pytest.approx({"x": 2.0, "y": 4.0}, rel=1e-5)


def test_a_bound_holds() -> None:
    bounded = params(x={"value": 0.5, "max": 1.0}, y={"value": 0.0})
    values, _ = minimize_with_lmfit(bounded, {"x": 0.5, "y": 0.0}, bowl)
    assert values["x"] == pytest.approx(1.0, abs=1e-6)
    assert values["x"] <= 1.0
    assert values["y"] == pytest.approx(-0.5, abs=1e-5)


def test_a_kink_is_no_obstacle() -> None:
    values, _ = minimize_with_lmfit(
        params(x={"value": 3.0}, y={"value": 3.0}),
        {"x": 3.0, "y": 3.0},
        lambda v: abs(v["x"] - 1.0) + 2 * abs(v["y"] - 2.0) + 1.0,
    )
    assert values == pytest.approx({"x": 1.0, "y": 2.0}, abs=1e-5)


def test_one_round_that_still_improves_is_not_convergence() -> None:
    _, converged = minimize_with_lmfit(params(x={"value": 0.0}, y={"value": 0.0}), {"x": 9.0, "y": 9.0}, bowl, rounds=1)
    assert not converged
