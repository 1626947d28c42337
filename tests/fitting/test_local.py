"""Value, gradient, curvature and bend of many problems at a point, against finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from quokka_laws.fitting import local
from quokka_laws.fitting.local import Batch, Problem, log_predictions
from quokka_laws.laws import Chinchilla, Skaling
from quokka_laws.laws.base import Law
from quokka_laws.objective import L2, LogHuber, LogL2, Objective

RNG = np.random.default_rng(0)
N = np.exp(RNG.uniform(np.log(1e7), np.log(1e10), 12))
D = N * np.exp(RNG.uniform(np.log(3), np.log(300), 12))
CHINCHILLA = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
SKALING = {"E": 1.8, "A": 5e4, "alpha": 0.55, "B": 1e6, "beta": 0.57, "k": 0.6}
CASES = [
    (law, truth, objective)
    for law, truth in ((Chinchilla(), CHINCHILLA), (Skaling(), SKALING))
    for objective in (LogL2(), LogHuber(0.05), L2())
]
IDS = [f"{law.name}-{type(objective).__name__}" for law, _, objective in CASES]


def batch(law: Law, truth: dict[str, float], objective: Objective, count: int = 2) -> tuple[Batch, np.ndarray]:
    """Problems of noisy losses, and a point near the truth for each."""
    loss = law.loss(truth, N=N, D=D) * np.exp(0.02 * RNG.standard_normal(12))
    size = len(law.coefficients)
    free = np.full(size, -np.inf), np.full(size, np.inf)
    problem = Problem(
        law.terms_at, law.inputs(N=N, D=D), loss, objective, np.eye(size), np.zeros(size), *free, law.amplitude_terms
    )
    u = law.to_theta(truth) * (1.0 + 0.01 * RNG.standard_normal((count, size)))
    return Batch(problem, np.ones((count, 12)), np.zeros((count, law.term_count), dtype=bool)), u


@pytest.mark.parametrize(("law", "truth", "objective"), CASES, ids=IDS)
def test_gradient_and_curvature_are_those_of_the_value(law: Law, truth: dict[str, float], objective: Objective) -> None:
    many, u = batch(law, truth, objective)
    who, h = np.arange(len(u)), 1e-5
    here = many.evaluate(who, u, objective, newton=True)
    for j in range(u.shape[1]):
        up, down = (many.evaluate(who, u + s * h * np.eye(u.shape[1])[j], objective, newton=True) for s in (1, -1))
        assert here.gradient[:, j] == pytest.approx((up.value - down.value) / (2 * h), rel=1e-4, abs=1e-7)
        assert here.hessian[:, j] == pytest.approx((up.gradient - down.gradient) / (2 * h), rel=1e-3, abs=1e-5)


@pytest.mark.parametrize(("law", "truth", "objective"), CASES, ids=IDS)
def test_the_bend_is_the_curvature_of_residuals_along_a_path(
    law: Law, truth: dict[str, float], objective: Objective
) -> None:
    many, u = batch(law, truth, objective)
    who, h = np.arange(len(u)), 1e-3
    along, turning = 0.1 * RNG.standard_normal((2, *u.shape))

    def residuals(point: np.ndarray) -> np.ndarray:
        log = log_predictions(many.problem, point, many.off)
        return log - many.log_loss if objective.log else np.exp(log) - many.problem.loss

    def path(t: float) -> np.ndarray:
        return u + t * along + 0.5 * t**2 * turning

    second = (residuals(path(h)) - 2 * residuals(u) + residuals(path(-h))) / h**2
    push = objective.curvature(residuals(u)) * second
    steps = 1e-6 * np.eye(u.shape[1])
    J = np.stack([(residuals(u + s) - residuals(u - s)) / 2e-6 for s in steps], axis=1)
    found = many.bend(who, u, along, turning, objective)
    assert found == pytest.approx((J @ push[..., None])[..., 0], rel=1e-3, abs=1e-4 * np.abs(found).max())


def test_blocks_of_rows_bend_as_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    many, u = batch(Chinchilla(), CHINCHILLA, LogL2())
    along = 0.1 * RNG.standard_normal(u.shape)
    whole = many.bend(np.arange(2), u, along, 0 * along, LogL2())
    monkeypatch.setattr(local, "CELLS", 6)
    monkeypatch.setattr(local, "_BLOCK", 10)
    assert many.bend(np.arange(2), u, along, 0 * along, LogL2()) == pytest.approx(whole, rel=1e-12)
