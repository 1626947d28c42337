"""Steps in coordinates of a chart: exact where the problem is a parabola, long in valleys, amplitudes to nearly nothing at most."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quokka_laws.fitting.local import Batch, Local, Problem
from quokka_laws.fitting.newton import LEAST_LEFT, Chart, newton_step
from quokka_laws.fitting.solver import solve
from quokka_laws.laws import Chinchilla
from quokka_laws.objective import LogL2

LAW = Chinchilla()
TRUTH = {"E": 0.3, "A": 480.0, "alpha": 0.35, "B": 60.0, "beta": 0.1}
N = np.geomspace(1e7, 1e10, 9)
D = np.full(9, 3e10) * np.array([1, 2, 1.5, 1, 2, 1.5, 1, 2, 1.5])
LOSS = LAW.loss(TRUTH, N=N, D=D)


def problem(D: np.ndarray = D, loss: np.ndarray = LOSS) -> Problem:
    free = np.full(5, -np.inf), np.full(5, np.inf)
    x = LAW.inputs(N=N, D=D)
    return Problem(LAW.terms_at, x, loss, LogL2(), np.eye(5), np.zeros(5), *free, LAW.amplitude_terms)


def chart() -> Chart:
    return Chart.around(Batch(problem(), np.ones(9), np.zeros((1, 3), dtype=bool)), LAW.to_theta(TRUTH))


def test_an_amplitude_of_a_chart_stays_when_the_exponent_moves() -> None:
    free = chart().to_free(np.array([[0.0, 0.0, 1.0, 0.0, 0.0]]))[0]  # alpha by 1, the amplitude at the centre as it is
    assert free == pytest.approx([0.0, np.log(N).mean(), 1.0, 0.0, 0.0])


def test_the_gradient_of_a_chart_is_the_slope_along_its_coordinates() -> None:
    g = np.arange(1.0, 6.0)[None]
    step = np.array([[0.1, -0.2, 0.3, 0.4, -0.5]])
    assert chart().gradient(g)[0] @ step[0] == pytest.approx(g[0] @ chart().to_free(step)[0])


def test_a_step_to_less_than_nothing_leaves_a_tenth_of_the_amplitude() -> None:
    flat = Chart(np.eye(1)[None], [0])
    here = Local(np.ones(1), np.full((1, 1), 3.0), np.ones((1, 1, 1)), np.ones((1, 1)))
    reweighted = np.zeros(1, dtype=bool)
    step, _ = newton_step(
        here, flat, held=np.zeros((1, 1), dtype=bool), damping=np.zeros(1), metric=np.ones((1, 1)),
        newton=reweighted, reach=5.0, bend=None,
    )  # fmt: skip
    assert np.exp(step[0, 0]) == pytest.approx(LEAST_LEFT)


def test_a_long_curved_valley_is_followed_to_its_end() -> None:
    """E and a slow B/D^beta stand in for one another: from a steep B the way is long, and bends."""
    start = LAW.to_theta({"E": 2.4, "A": 480.0, "alpha": 0.35, "B": 1e20, "beta": 2.0})
    found = solve(problem(), start, np.ones(9), begin="warm", max_iterations=150)
    assert found.value[0] < 1e-12


def test_an_amplitude_at_its_bound_stays_there_while_its_exponent_moves() -> None:
    truth = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
    wide = np.geomspace(1e9, 1e12, 9)[[4, 0, 7, 2, 8, 1, 5, 3, 6]]
    free = problem(wide, LAW.loss(truth, N=N, D=wide))
    bounded = replace(free, upper=np.array([np.inf, np.log(300.0), np.inf, np.inf, np.inf]))
    held = replace(free, basis=np.delete(np.eye(5), 1, axis=1), offset=np.log(300.0) * np.eye(5)[1])
    held = replace(held, lower=np.full(4, -np.inf), upper=np.full(4, np.inf))
    start = LAW.to_theta({**truth, "A": 299.0, "alpha": 0.4})
    found = solve(bounded, start, np.ones(9), begin="warm")
    wanted = solve(held, np.delete(start, 1, axis=1), np.ones(9), begin="warm")
    assert found.converged.all()
    assert found.u[0, 1] == pytest.approx(np.log(300.0))
    assert found.value == pytest.approx(wanted.value, rel=1e-9)
    assert np.delete(found.u[0], 1) == pytest.approx(wanted.u[0], rel=1e-5)
