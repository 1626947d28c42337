"""Refits to simulated losses: as wide as Student's intervals, no resample without a law."""

from __future__ import annotations

import numpy as np
import pytest
from simulated import DESIGNS, TRUTHS, simulate

import quokka_laws as ql
from quokka_laws.fitting.linearised import BLOCK_POWER, Linearised, coordinates
from quokka_laws.fitting.residual_bootstrap import simulated_log_losses, simulated_together

LAW = ql.laws.Chinchilla()
AUTO = ql.LogHuber("auto")


@pytest.fixture(scope="module")
def fit() -> ql.FitResult:
    return ql.fit(
        LAW, simulate(TRUTHS["chinchilla"], DESIGNS["40, isoflop"](), "1 %", 4), objective=AUTO, bootstrap=600
    )


def test_draws_are_as_wide_as_the_delta_method_says(fit: ql.FitResult) -> None:
    near = Linearised.of(fit)
    gradient = np.zeros((1, 1, 5))
    gradient[0, 0, LAW.names.index("alpha")] = 1.0
    half = float(near.estimates(np.zeros((1, 1)), gradient).half_width(0.95)[0, 0])
    low, high = np.percentile(fit.draws["alpha"], [2.5, 97.5])
    assert 0.5 * (high - low) == pytest.approx(half, rel=0.2)
    assert fit.bootstrap["resample"] == "residuals"


def test_simulated_losses_scatter_about_the_law_by_the_noise(fit: ql.FitResult) -> None:
    _, data, _, _ = coordinates(fit)
    near = Linearised.of(fit)
    y = simulated_log_losses(near, np.log(data.loss), count=2000, seed=0)
    fitted = np.log(data.loss) + near.residuals[0]
    assert y.mean(axis=0) == pytest.approx(fitted, abs=2e-3)
    assert y.std() > 0
    assert np.sqrt(((y - fitted) ** 2).mean()) == pytest.approx(0.01, rel=0.35)
    np.testing.assert_array_equal(y, simulated_log_losses(near, np.log(data.loss), count=2000, seed=0))


def test_nine_runs_have_a_law_in_every_refit() -> None:
    runs = simulate(TRUTHS["chinchilla"], DESIGNS["9, grid"](), "1 %", 1)
    own = ql.fit(LAW, runs, objective=AUTO, bootstrap=200)
    assert own.bootstrap["converged"] >= 198


def test_kinds_of_resampling(fit: ql.FitResult) -> None:
    assert ql.fit(LAW, fit.runs, bootstrap=20).bootstrap["resample"] == "rows"
    assert ql.fit(LAW, fit.runs, bootstrap=20, objective=AUTO, resample="rows").bootstrap["resample"] == "rows"
    assert ql.fit(LAW, fit.runs, bootstrap=20, objective=AUTO, strata="C").bootstrap["resample"] == "rows"
    shared = fit.runs.assign(run_id=np.arange(len(fit.runs)) // 4)
    assert ql.fit(LAW, shared, bootstrap=20, objective=AUTO).bootstrap["resample"] == "rows"
    with pytest.raises(ValueError, match="share their noise"):
        ql.fit(LAW, shared, bootstrap=20, objective=AUTO, resample="residuals")


def test_units_of_one_row_are_standardised_by_their_own_leverage(fit: ql.FitResult) -> None:
    near = Linearised.of(fit)
    alone = near.residuals[0] * (1.0 - near.leverages[0]) ** -BLOCK_POWER
    assert near.standardised_together(np.arange(len(fit.runs))) == pytest.approx(alone, rel=1e-6)


def test_standardised_residuals_of_a_unit_grow_with_its_whole_leverage(fit: ql.FitResult) -> None:
    near = Linearised.of(fit)
    together = near.standardised_together(np.repeat(np.arange(len(fit.runs) // 2), 2))
    assert (together**2).sum() > (near.residuals[0] ** 2).sum()


def test_rows_of_a_pair_are_drawn_as_one(fit: ql.FitResult) -> None:
    near, observed = Linearised.of(fit), np.log(fit.runs["loss"].to_numpy())
    shared = np.repeat(np.random.default_rng(0).normal(0, 0.01, len(fit.runs) // 2), 2)
    twins = Linearised(shared[None], near.J, near.within, near.delta, near.weights, near.precision)
    units, kinds = np.repeat(np.arange(len(fit.runs) // 2), 2), np.tile([0, 1], len(fit.runs) // 2)
    drawn = simulated_together(twins, observed, units=units, kinds=kinds, spare=30.0, count=4000, seed=0)
    noise = drawn - (observed + shared)
    assert noise.mean() == pytest.approx(0.0, abs=0.001)
    assert np.corrcoef(noise[:, 0], noise[:, 1])[0, 1] > 0.9
    assert abs(np.corrcoef(noise[:, 0], noise[:, 2])[0, 1]) < 0.1
    assert noise.std() == pytest.approx(0.01, rel=0.35)
