"""A law near its optimum: exact least squares, derivatives, leverages that add up, errors right in simulation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql
from quokka_laws.fitting.linearised import OWN, Linearised, coordinates, estimates, moving, predictions
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.fitting.solver import solve
from quokka_laws.laws import Chinchilla, PowerLaw
from quokka_laws.objective import LogL2

LAW = Chinchilla()
RUNS = sweep(LAW, TRUE_CHINCHILLA, runs=40, noise=0.01)
FIT = ql.fit(LAW, RUNS, objective=LogL2())


def test_derivatives_of_predictions() -> None:
    space, data, u, off = coordinates(FIT)
    at, J = predictions(space, data, u, off)
    np.testing.assert_allclose(at[0], np.log(FIT(N=RUNS["N"].to_numpy(), D=RUNS["D"].to_numpy())), rtol=1e-12)
    for j, step in enumerate(1e-6 * np.eye(5)):
        up, down = (predictions(space, data, u + s * step, off)[0] for s in (1, -1))
        np.testing.assert_allclose(J[0, :, j], (up - down)[0] / 2e-6, rtol=1e-6, atol=1e-9)


def test_leverages_are_those_of_least_squares_and_add_up_to_the_coefficients() -> None:
    near = Linearised.of(FIT)
    J = near.J[0]
    hat = J @ np.linalg.pinv(J)
    np.testing.assert_allclose(near.leverages[0], np.diag(hat), rtol=1e-6)
    assert near.used[0] == pytest.approx(5.0, rel=1e-8)
    assert near.spare[0] == pytest.approx(35.0)
    np.testing.assert_allclose(near.J[0].T @ near.residuals[0], 0.0, atol=1e-6)  # it is the optimum
    assert near.huber_factor[0] == 1.0


def test_amplitudes_at_zero_and_coordinates_at_a_bound_do_not_move() -> None:
    space = Space.of(LAW, LAW.make_params())
    assert space is not None
    u = np.array([[0.5, 6.0, 0.0, 7.0, 0.3]])
    off = np.array([[True, False, False]])
    assert moving(space, u, off)[0].tolist() == [False, True, False, True, True]


def test_standard_errors_are_the_scatter_of_refits() -> None:
    """A power law, refitted to 400 simulated tables of the same design."""
    law, truth = PowerLaw("C"), {"E": 1.7, "K": 1600.0, "kappa": 0.16}
    runs = sweep(law, truth, runs=40)
    space, data = Space.of(law, law.make_params()), Data.of(law, runs)
    assert space is not None
    losses = data.loss * np.exp(0.005 * np.random.default_rng(0).standard_normal((400, 40)))
    theta = np.repeat(law.to_theta(truth), 400, axis=0)
    problem = space.problem(Data(data.x, losses, data.weights, None, data.order), LogL2())
    found = solve(problem, theta, data.weights, begin="warm")
    near = Linearised.at(space, data, LogL2(), found.u, found.off, np.log(losses))
    x = law.inputs(C=np.array([1e22]))
    said = estimates(near, space, found.u, found.off, lambda v: law.log_loss({k: c[:, 0] for k, c in v.items()}, x))
    assert said.value.std() == pytest.approx(np.median(said.error), rel=0.15)


def test_degrees_of_freedom_are_those_of_the_scatter_of_variances() -> None:
    """Variances of a coefficient from simulated residuals of the same design: 2·mean²/variance of them."""
    near = Linearised.of(FIT)
    J = near.J[0]
    residuals = np.random.default_rng(0).standard_normal((20_000, len(J))) @ (np.eye(len(J)) - J @ np.linalg.pinv(J))
    a2 = np.linalg.pinv(J) ** 2
    d = (OWN * a2 + (1.0 - OWN) * a2.mean(axis=1, keepdims=True)) / (1.0 - near.leverages)
    variances = residuals**2 @ d.T
    simulated = 2.0 * variances.mean(axis=0) ** 2 / variances.var(axis=0)
    found = near.estimates(np.zeros((1, 5)), np.eye(5)[None]).freedom[0]
    assert found == pytest.approx(simulated, rel=0.05)
    assert near.freedom[0] == pytest.approx(found.mean())
    assert (found < near.spare[0]).all()


def test_a_prior_holds_what_the_rows_do_not_say() -> None:
    space, data, u, off = coordinates(FIT)
    held = space.expecting(u[0], np.array([0.0, 0.0, 1e9, 0.0, 0.0]))
    near = Linearised.at(held, data, LogL2(), u, off, np.log(data.loss))
    assert near.used[0] == pytest.approx(4.0, abs=1e-3)


def test_ties_that_are_not_linear_are_refused() -> None:
    with pytest.raises(ValueError, match="linear"):
        coordinates(
            replace(FIT, params=LAW.make_params(beta={"expr": "alpha**2"}))  # type: ignore[arg-type]
        )
