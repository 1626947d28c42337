"""The closed form is what simulated fits show; adding a run and removing it again changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from quokka_laws.plan.design.expected_error import Beliefs


@pytest.fixture(scope="module")
def beliefs() -> Beliefs:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 3, (12, 1))
    at = np.array([[4.0], [5.0]])

    def basis(t: np.ndarray) -> np.ndarray:
        return np.concatenate([np.ones_like(t), t], axis=1)

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return 0.04 * np.exp(-0.5 * (a - b.T) ** 2)

    return Beliefs(
        basis(x)[None],
        basis(at)[None],
        0.5 * np.eye(2)[None],
        np.ones(1),
        0.1,
        kernel(x, x),
        kernel(x, at),
        np.full(2, 0.04),
    )


def test_expected_error_is_that_of_simulated_fits(beliefs: Beliefs) -> None:
    chosen = [0, 3, 4, 7, 9]
    now = beliefs.with_none()
    for i in chosen:
        now = now.change(i, 1.0)
    rng, count = np.random.default_rng(1), 40_000
    J, g, P = beliefs.J[0][chosen], beliefs.g[0], beliefs.precision[0]
    together = np.block(
        [[beliefs.K[np.ix_(chosen, chosen)], beliefs.k[chosen]], [beliefs.k[chosen].T, np.full((2, 2), np.nan)]]
    )
    at = np.array([[4.0], [5.0]])
    together[5:, 5:] = 0.04 * np.exp(-0.5 * (at - at.T) ** 2)
    unknown = rng.multivariate_normal(np.zeros(7), together, count)
    beta = rng.multivariate_normal(np.zeros(2), np.linalg.inv(P), count)
    y = beta @ J.T + unknown[:, :5] + 0.1 * rng.standard_normal((count, 5))
    H = J.T @ J / 0.01 + P
    found = np.linalg.solve(H, J.T @ y.T / 0.01).T
    error = found @ g.T - beta @ g.T - unknown[:, 5:]
    assert now.error() == pytest.approx((error**2).mean(), rel=0.03)


def test_one_step_ahead_is_the_step(beliefs: Beliefs) -> None:
    now = beliefs.with_none().change(2, 1.0).change(5, 1.0)
    ahead = now.errors(1.0, np.array([0, 7]))
    assert ahead == pytest.approx([now.change(i, 1.0).error() for i in (0, 7)], rel=1e-9)
    back = now.change(7, 1.0).errors(-1.0, np.array([7]))
    assert back == pytest.approx([now.error()], rel=1e-8)
    again = now.change(7, 1.0).change(7, -1.0)
    assert again.error() == pytest.approx(now.error(), rel=1e-8)
    assert not again.chosen[7]
