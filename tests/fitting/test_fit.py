"""fit(): ties, bounds, zero amplitudes, resampling, invariants, refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql

LAW = ql.laws.Chinchilla()


# ---- parameters -----------------------------------------------------------------------------------------------


def test_fixed_coefficient_stays_and_others_move(runs: pd.DataFrame, plain: ql.FitResult) -> None:
    fit = ql.fit(LAW, runs, params=LAW.make_params(E=dict(value=1.7, vary=False)))
    assert fit.values["E"] == 1.7
    assert fit.objective_value > plain.objective_value
    assert not fit.summary.loc["E", "at_bound"]


@pytest.mark.parametrize(
    ("expression", "relation"),
    [("alpha", lambda v: v["alpha"]), ("0.9 * alpha + 0.01", lambda v: 0.9 * v["alpha"] + 0.01)],
)
def test_linear_ties_stay_on_the_fast_path(runs: pd.DataFrame, expression: str, relation: object) -> None:
    fit = ql.fit(LAW, runs, params=LAW.make_params(beta=dict(expr=expression)), bootstrap=20)
    assert fit.route == "newton"
    assert fit.values["beta"] == pytest.approx(relation(fit.values), rel=1e-12)  # type: ignore[operator]
    assert fit.draws is not None
    assert fit.draws["beta"].to_numpy() == pytest.approx(relation(fit.draws).to_numpy(), rel=1e-12)  # type: ignore[operator]


def test_proportional_amplitudes_are_linear_in_logarithms(runs: pd.DataFrame) -> None:
    fit = ql.fit(LAW, runs, params=LAW.make_params(B=dict(expr="4.5 * A")))
    assert fit.route == "newton"
    assert fit.values["B"] == pytest.approx(4.5 * fit.values["A"], rel=1e-12)


def test_refits_of_a_nonlinear_tie_give_intervals(runs: pd.DataFrame) -> None:
    tie = LAW.make_params(beta=dict(expr="alpha**2 + 0.1"))
    fit = ql.fit(LAW, runs, params=tie, bootstrap=8)
    assert fit.status.name == "CONVERGED"
    assert fit.bootstrap["converged"] == 8
    assert fit.draws["beta"].tolist() == pytest.approx((fit.draws["alpha"] ** 2 + 0.1).tolist())
    plan = ql.plan.compute_optimal(fit, 1e22, level=0.9).iloc[0]
    assert plan["N_lower"] < plan["N"] < plan["N_upper"]
    nothing = replace(fit, draws=fit.draws * np.nan)
    assert "N_lower" not in ql.plan.compute_optimal(nothing, 1e22, level=0.9)
    with pytest.raises(ql.FitError, match="none of the 8 refits of chinchilla converged"):
        nothing.draw_values()


def test_other_ties_go_to_lmfit_and_the_report_says_so(runs: pd.DataFrame) -> None:
    fit = ql.fit(LAW, runs, params=LAW.make_params(beta=dict(expr="alpha**2 + 0.25")), bootstrap=3)
    assert fit.values["beta"] == pytest.approx(fit.values["alpha"] ** 2 + 0.25)
    assert "lmfit Minimizer" in fit.report()
    free = ql.fit(LAW, runs)
    assert free.objective_value <= fit.objective_value < 1.2 * free.objective_value
    assert fit.bootstrap["refits"] == 3


def test_the_escape_hatch_finds_the_same_optimum(runs: pd.DataFrame) -> None:
    """A tie that both routes can express."""
    from quokka_laws.fitting.lmfit_fallback import minimize_with_lmfit

    params = LAW.make_params(beta=dict(expr="alpha"))
    fast = ql.fit(LAW, runs, params=params)
    x, target = LAW.inputs(N=runs["N"], D=runs["D"]), np.log(runs["loss"].to_numpy())
    slow, _ = minimize_with_lmfit(
        params, fast.values, lambda v: float(ql.LogHuber().value(LAW.log_loss(v, x)[0] - target).sum())
    )
    assert slow["alpha"] == pytest.approx(fast.values["alpha"], rel=1e-4)


def test_bounds_hold_and_are_confessed(runs: pd.DataFrame) -> None:
    fit = ql.fit(LAW, runs, params=LAW.make_params(alpha=dict(max=0.3)), bootstrap=20)
    assert fit.values["alpha"] == 0.3
    assert fit.status is ql.FitStatus.AT_BOUND
    assert fit.summary.loc["alpha", "at_bound"]
    assert [d.numbers["name"] for d in fit.diagnostics if d.code == "AT_BOUND"] == ["alpha"]
    inside = ql.fit(LAW, runs, params=LAW.make_params(E=dict(min=1.0, max=3.0)))
    assert inside.values == pytest.approx(ql.fit(LAW, runs).values, rel=1e-6)


def test_start_values_are_tried(runs: pd.DataFrame, plain: ql.FitResult) -> None:
    fit = ql.fit(LAW, runs, params=LAW.make_params(**plain.values), n_starts=1)
    assert fit.objective_value == pytest.approx(plain.objective_value, rel=1e-12)


def test_start_from_and_freeze(runs: pd.DataFrame, plain: ql.FitResult) -> None:
    skaling = ql.fit(ql.laws.Skaling(), runs, start_from=plain, freeze=["alpha", "beta"])
    assert (skaling.values["alpha"], skaling.values["beta"]) == (plain.values["alpha"], plain.values["beta"])
    with pytest.raises(ValueError, match="freeze needs start_from"):
        ql.fit(LAW, runs, freeze=True)
    with pytest.raises(ValueError, match="cannot freeze k"):
        ql.fit(LAW, runs, start_from=plain, freeze=["k"])


# ---- amplitudes at zero ---------------------------------------------------------------------------------------


def test_zero_floor_is_found_exactly() -> None:
    truth = {**TRUE_CHINCHILLA, "E": 0.0}
    fit = ql.fit(LAW, sweep(LAW, truth, noise=0.002, seed=8), bootstrap=50)
    assert fit.values["E"] == 0.0
    assert fit.status is ql.FitStatus.AT_BOUND
    assert any(f.code == "AMPLITUDE_ZERO" for f in fit.diagnostics)
    assert "E = 0" in fit.report()
    assert fit.draws is not None
    assert 0.1 < (fit.draws["E"] == 0).mean() < 0.9  # some resamples leave zero


def test_zero_optimum_is_a_minimum_along_e() -> None:
    runs = sweep(LAW, {**TRUE_CHINCHILLA, "E": 0.0}, noise=0.002, seed=8)
    best = ql.fit(LAW, runs)
    assert best.values["E"] == 0.0
    for floor in (1e-4, 1e-2, 0.1):
        held = ql.fit(LAW, runs, params=LAW.make_params(E=dict(value=floor, vary=False)))
        assert held.objective_value > best.objective_value


def test_fixed_zero_amplitude(runs: pd.DataFrame) -> None:
    fit = ql.fit(LAW, runs, params=LAW.make_params(E=dict(value=0.0, vary=False)))
    assert fit.values["E"] == 0.0
    assert fit.objective_value > ql.fit(LAW, runs).objective_value


@pytest.mark.parametrize("seed", [3, 4, 17])
def test_an_optimum_without_a_floor_is_reached(seed: int) -> None:
    """Runs that hardly say E: its logarithm would creep to minus infinity, and refits that got stuck would be dropped."""
    N, D = np.repeat(np.geomspace(1e7, 1e9, 6), 4), np.tile(np.geomspace(2e10, 1e11, 4), 6)
    loss = LAW.loss({"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2000.0, "beta": 0.37}, N=N, D=D)
    noisy = loss * np.exp(0.02 * np.random.default_rng(seed).standard_normal(24))
    short = ql.check_runs(pd.DataFrame({"N": N, "D": D, "loss": noisy}))
    fit = ql.fit(LAW, short, bootstrap=60)
    floorless = ql.fit(LAW, short, params=LAW.make_params(E=dict(value=0.0, vary=False)))
    assert fit.status.name == "AT_BOUND"
    assert fit.objective_value == pytest.approx(floorless.objective_value, rel=1e-9)
    assert fit.bootstrap["converged"] >= 57


# ---- invariants -----------------------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None)
@given(factor=st.floats(1e-6, 1e6))
def test_rescaling_parameters_changes_only_their_amplitude(factor: float) -> None:
    runs = sweep(LAW, TRUE_CHINCHILLA, runs=40, noise=0.005, seed=3)
    base = ql.fit(LAW, runs)
    scaled = ql.fit(LAW, ql.check_runs(runs.assign(N=runs["N"] * factor, C=runs["C"] * factor)))
    expected = {**base.values, "A": base.values["A"] * factor ** base.values["alpha"]}
    assert scaled.values == pytest.approx(expected, rel=1e-6)
    assert scaled.objective_value == pytest.approx(base.objective_value, rel=1e-9)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_of_rows_does_not_matter(seed: int) -> None:
    runs = sweep(LAW, TRUE_CHINCHILLA, runs=40, noise=0.005, seed=3)
    shuffled = runs.sample(frac=1, random_state=seed).reset_index(drop=True)
    assert ql.fit(LAW, shuffled).values == pytest.approx(ql.fit(LAW, runs).values, rel=1e-7)


def test_objectives_refuse_nonsense() -> None:
    with pytest.raises(ValueError, match="delta must be a positive"):
        ql.LogHuber(delta=0.0)
