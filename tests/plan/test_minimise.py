"""Minimisation along a path and over a plane: closed forms of Chinchilla, minima of known place, ends."""

from __future__ import annotations

import numpy as np

from quokka_laws.laws import Chinchilla, Skaling, law
from quokka_laws.laws.jet import variables
from quokka_laws.plan.minimise import derivatives, lowest, minimise_between, minimise_plane

LAW = Chinchilla()
DRAWS = {
    "E": np.array([1.8, 1.7, 2.0]),
    "A": np.array([480.0, 400.0, 300.0]),
    "alpha": np.array([0.35, 0.34, 0.30]),
    "B": np.array([2100.0, 410.0, 3000.0]),
    "beta": np.array([0.37, 0.28, 0.40]),
}
THETA = LAW.to_theta(DRAWS)
LOG_ND = 48.0


def budget(t: object) -> dict[str, object]:
    """N and D at a fixed product."""
    return {"log_N": t, "log_D": LOG_ND - t}  # type: ignore[operator]


def test_the_closed_form_of_the_optimum() -> None:
    position, at_end = lowest(LAW, THETA, budget, np.linspace(5, 43, 60), interior=True)
    exact = np.ravel(LAW.optimal_log_N({k: v[:, None] for k, v in DRAWS.items()}, np.array([LOG_ND])))
    np.testing.assert_allclose(position, exact, rtol=1e-12)
    assert at_end.tolist() == [0, 0, 0]
    bracket = (np.full(3, v) for v in (10.0, 24.0, 40.0))
    np.testing.assert_allclose(minimise_between(LAW, THETA, budget, *bracket), exact, rtol=1e-10)


def test_a_law_that_only_falls_is_lowest_at_the_end() -> None:
    grid = np.linspace(15, 25, 20)

    def more_data(t: object) -> dict[str, object]:
        return {"log_N": np.array([20.0]), "log_D": t}

    position, at_end = lowest(LAW, THETA, more_data, grid, interior=False)
    assert position.tolist() == [25.0] * 3
    assert at_end.tolist() == [1] * 3
    none, _ = lowest(LAW, THETA, more_data, grid, interior=True)
    assert np.isnan(none).all()


def test_gradient_and_hessian_are_those_of_the_logarithm_of_what_varies() -> None:
    skaling = Skaling()
    values = {k: v[:1] for k, v in DRAWS.items()} | {"k": np.array([0.7])}
    p = {c.coordinate: skaling.to_theta(values)[:, [j]] for j, c in enumerate(skaling.coefficients)}
    at, h = np.array([[20.0, 24.0]]), 1e-4
    u, v = variables(at)
    gradient, hessian = derivatives(skaling.log_terms(p, {"log_N": u, "log_D": v}), 2)

    def f(a: float, b: float) -> float:
        x = {"log_N": np.array([20.0 + a]), "log_D": np.array([24.0 + b])}
        return float(np.log(np.exp(skaling.log_loss(values, x)[0, 0]) - 1.8))  # a constant moves no minimum

    slope = [(f(h, 0) - f(-h, 0)) / (2 * h), (f(0, h) - f(0, -h)) / (2 * h)]
    mixed = (f(h, h) - f(h, -h) - f(-h, h) + f(-h, -h)) / (4 * h * h)
    bend = [(f(h, 0) - 2 * f(0, 0) + f(-h, 0)) / h**2, (f(0, h) - 2 * f(0, 0) + f(0, -h)) / h**2]
    np.testing.assert_allclose(gradient[0], slope, rtol=1e-6)
    np.testing.assert_allclose(hessian[0], [[bend[0], mixed], [mixed, bend[1]]], rtol=1e-3, atol=1e-6)


def test_the_bottom_of_a_bowl() -> None:
    """Where alpha·A/N^alpha = gamma·H·N^gamma, and the same for D."""
    bowl = law("E + A/N^alpha + H*N^gamma + B/D^beta + G*D^delta").for_table(
        {"N": np.geomspace(1e7, 1e10, 5), "D": np.geomspace(1e9, 1e12, 5)}
    )
    values = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
    values |= {"H": np.array([1e-3, 1e-2]), "gamma": 0.2, "G": np.array([2e-4, 1e-3]), "delta": 0.3}
    log_N = np.log(0.35 * 480.0 / (0.2 * values["H"])) / 0.55  # type: ignore[operator]
    log_D = np.log(0.37 * 2100.0 / (0.3 * values["G"])) / 0.67  # type: ignore[operator]
    theta = bowl.to_theta(values)
    start = np.array([[16.0, 26.0], [25.0, 20.0]])
    found, converged = minimise_plane(bowl, theta, lambda u, v: {"log_N": u, "log_D": v}, start)  # type: ignore[arg-type, misc]
    assert converged.all()
    np.testing.assert_allclose(found, np.stack([log_N, log_D], axis=1), atol=1e-6)


def test_a_plane_without_a_minimum_does_not_converge() -> None:
    _, converged = minimise_plane(
        LAW,
        THETA,
        lambda u, v: {"log_N": u, "log_D": v},
        np.tile([[18.0, 22.0]], (3, 1)),  # type: ignore[arg-type, misc]
    )
    assert not converged.any()
