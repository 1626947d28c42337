"""Power laws through cells: exact data come back, intervals hold the truth, sweeps that end too soon do not pull."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

from quokka_laws.fitting.powers_of_cells import Powers, fit_powers, identified

TRUTH = np.array([0.6, -0.7, 0.3])


def design(cells: int = 14, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.uniform(17, 21, cells), rng.uniform(21, 25, cells)])


def fitted(seed: int, *, error: float, scatter: float, high: float = np.inf, refits: int = 200) -> Powers:
    rng = np.random.default_rng(seed)
    logs = design(seed=seed)
    x = np.column_stack([np.ones(len(logs)), logs])
    errors = error * rng.uniform(0.5, 2.0, len(logs))
    y = x @ TRUTH + scatter * rng.standard_normal(len(logs)) + errors * rng.standard_normal(len(logs))
    middle = float(np.median(x @ TRUTH))
    ends = np.full(len(y), -np.inf), np.full(len(y), middle + high)
    return fit_powers(logs, y, errors, (y > ends[1]).astype(int), ends, refits=refits, seed=seed)


def test_exact_cells_come_back() -> None:
    found = fitted(0, error=0.0, scatter=0.0)
    assert found.values == pytest.approx(TRUTH, abs=1e-8)
    assert found.scatter == 0.0
    assert found.draws.std(axis=0).max() < 1e-3


@pytest.mark.parametrize(("error", "scatter", "high"), [(0.1, 0.0, np.inf), (0.05, 0.2, np.inf), (0.05, 0.2, 0.5)])
def test_intervals_hold_the_truth_as_often_as_they_say(error: float, scatter: float, high: float) -> None:
    held, values = [], []
    for seed in range(50):
        found = fitted(seed, error=error, scatter=scatter, high=high)
        low, up = np.percentile(found.draws, [5, 95], axis=0)
        held.append((low <= TRUTH) & (up >= TRUTH))
        values.append(found.values)
    assert np.mean(held, axis=0) == pytest.approx(0.9, abs=0.13)
    mean, sd = np.mean(values, axis=0), np.std(values, axis=0)
    assert (np.abs(mean - TRUTH) < 4 * sd / np.sqrt(50)).all()


@pytest.mark.parametrize("seed", range(4))
def test_cells_beyond_their_sweep_count_as_in_the_censored_likelihood(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logs = design(20, seed=seed)
    x = np.column_stack([np.ones(20), logs])
    y = x @ TRUTH + 0.4 * rng.standard_normal(20)
    high = np.full(20, float(np.median(x @ TRUTH)) + 0.3)
    side = (y > high).astype(int)
    found = fit_powers(logs, y, np.full(20, 0.01), side, (np.full(20, -np.inf), high), refits=10, seed=0)
    sd = np.hypot(0.01, found.scatter)
    seen = np.minimum(y, high)

    def minus_log_likelihood(values: np.ndarray) -> float:
        apart = (seen - x @ values) / sd
        return -float(np.where(side == 0, norm.logpdf(apart), norm.logsf(apart)).sum())

    here = minus_log_likelihood(found.values)
    best = minimize(minus_log_likelihood, found.values, method="Nelder-Mead", options={"maxfev": 4000, "fatol": 1e-10})
    assert side.sum() > 3
    assert here == pytest.approx(best.fun, abs=1e-3)
    # Without them the law is flatter.
    alone = np.linalg.lstsq(x[side == 0], y[side == 0], rcond=None)[0]
    assert minus_log_likelihood(alone) > here + 0.1


def test_scatter_beyond_the_errors_is_found_also_where_cells_are_censored() -> None:
    assert np.mean([fitted(s, error=0.05, scatter=0.3, refits=10).scatter for s in range(25)]) == pytest.approx(
        0.3, rel=0.15
    )
    censored = [fitted(s, error=0.05, scatter=0.3, high=0.4, refits=10).scatter for s in range(25)]
    assert np.mean(censored) == pytest.approx(0.3, rel=0.2)


def test_which_exponents_cells_tell() -> None:
    logs = design()
    assert identified(logs, ["N", "D"]) == (("N", "D"), "")
    constant = logs.copy()
    constant[:, 1] = 23.0
    assert identified(constant, ["N", "D"]) == (("N",), "constant")
    line = np.column_stack([logs[:, 0], logs[:, 0] + 3.0])
    assert identified(line, ["N", "D"]) == (("N",), "together")
