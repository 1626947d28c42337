"""Steps in coordinates of a chart: exact where the problem is a parabola, long in valleys, amplitudes to nearly nothing at most."""

from __future__ import annotations

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


def problem() -> Problem:
    free = np.full(5, -np.inf), np.full(5, np.inf)
    x = LAW.inputs(N=N, D=D)
    return Problem(LAW.terms_at, x, LOSS, LogL2(), np.eye(5), np.zeros(5), *free, LAW.amplitude_terms)


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
