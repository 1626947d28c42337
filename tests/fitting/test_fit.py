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
from quokka_laws.fitting.bootstrap import resample_weights, resampling_units
from quokka_laws.fitting.diagnostics import Diagnosis

LAW = ql.laws.Chinchilla()


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return sweep(LAW, TRUE_CHINCHILLA, runs=60, noise=0.005, seed=3)


@pytest.fixture(scope="module")
def plain(runs: pd.DataFrame) -> ql.FitResult:
    return ql.fit(LAW, runs)


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


# ---- resampling -----------------------------------------------------------------------------------------------


def test_same_seed_same_bytes_other_seed_other_draws(runs: pd.DataFrame) -> None:
    one, two = (ql.fit(LAW, runs, bootstrap=30, seed=5).to_json() for _ in range(2))
    assert one == two
    assert ql.fit(LAW, runs, bootstrap=30, seed=6).to_json() != one


def test_refits_are_at_their_own_optimum(runs: pd.DataFrame, plain: ql.FitResult) -> None:
    """Each draw is what a cold fit of its resample finds."""
    fit = ql.fit(LAW, runs, bootstrap=10, seed=2)
    weights = resample_weights(len(runs), 10, seed=2)
    assert fit.draws is not None
    for i in range(5):
        cold = ql.fit(LAW, runs.assign(weight=weights[i]))
        assert cold.values == pytest.approx(fit.draws.iloc[i].to_dict(), rel=1e-5)


def test_cluster_bootstrap_is_automatic_for_shared_run_ids(runs: pd.DataFrame) -> None:
    shared = runs.assign(run_id=np.arange(len(runs)) // 4)
    fit = ql.fit(LAW, shared, bootstrap=20)
    assert (fit.bootstrap["cluster"], fit.bootstrap["units"]) == ("run_id", 15)
    insisted = ql.fit(LAW, shared, bootstrap=20, cluster=None)
    assert "ROWS_ARE_NOT_RUNS" in [d.code for d in insisted.diagnostics]
    with pytest.raises(ql.RunsError, match="no column 'team'"):
        ql.fit(LAW, shared, bootstrap=20, cluster="team")


def test_a_row_without_a_run_id_is_a_unit_of_its_own(runs: pd.DataFrame) -> None:
    plain = ql.fit(LAW, runs, bootstrap=20)
    for nobody in (None, np.nan, ""):
        fit = ql.fit(LAW, runs.assign(run_id=nobody), bootstrap=20)
        assert (fit.bootstrap["cluster"], fit.bootstrap["units"]) == (None, len(runs))
        assert "INDEPENDENT RUNS" not in fit.report()
        pd.testing.assert_frame_equal(fit.draws, plain.draws)
    half = ql.fit(LAW, runs.assign(run_id=[f"run {i // 4}" if i < 40 else None for i in range(60)]), bootstrap=20)
    assert (half.bootstrap["cluster"], half.bootstrap["units"]) == ("run_id", 30)


def test_what_cannot_be_resampled_is_refused(runs: pd.DataFrame) -> None:
    with pytest.raises(ql.RunsError, match="run_id is 'r' in every row: a single unit"):
        ql.fit(LAW, runs.assign(run_id="r"), bootstrap=20)
    with pytest.raises(ql.RunsError, match="58 of 59 strata of name hold a single unit"):
        ql.fit(LAW, runs.assign(name=[f"r{max(i, 1)}" for i in range(60)]), bootstrap=20, strata="name")
    with pytest.raises(ql.RunsError, match="lies in several part"):
        ql.fit(LAW, runs.assign(run_id=np.arange(60) // 2, part=np.arange(60) % 2), bootstrap=20, strata="part")


def test_measured_budgets_are_strata(runs: pd.DataFrame) -> None:
    """Floats are never equal to the last digit: strata of budgets are those within 10 %."""
    rng = np.random.default_rng(0)
    C = np.repeat([1e18, 1e19, 1e20], 20) * rng.uniform(0.98, 1.02, 60)
    sweep_of_three = ql.check_runs(runs[["N"]].assign(D=C / (6 * runs["N"]), loss=runs["loss"]))
    codes, how = resampling_units(sweep_of_three, "auto", "C")
    assert (how["strata_count"], how["units"]) == (3, 60)
    assert (np.bincount(codes["strata"]) == 20).all()
    assert "within 3 strata of C" in ql.fit(LAW, sweep_of_three, bootstrap=3, strata="C").report()


def test_strata_keep_their_sizes() -> None:
    strata = np.repeat([0, 1, 2], [3, 5, 8])
    weights = resample_weights(16, 50, seed=0, strata=strata)
    for s, size in ((0, 3), (1, 5), (2, 8)):
        assert (weights[:, strata == s].sum(axis=1) == size).all()
    clusters = np.repeat(np.arange(8), 2)
    assert (np.diff(resample_weights(16, 50, seed=0, cluster=clusters).reshape(50, 8, 2), axis=2) == 0).all()


def test_stderr_and_correlations_come_from_the_draws(noisy_fit: ql.FitResult) -> None:
    assert noisy_fit.draws is not None
    low, high = noisy_fit.draws["alpha"].quantile([0.5 - 0.6827 / 2, 0.5 + 0.6827 / 2])
    assert noisy_fit.params["alpha"].stderr == pytest.approx((high - low) / 2)
    assert noisy_fit.params["A"].correl["alpha"] == pytest.approx(noisy_fit.draws["A"].corr(noisy_fit.draws["alpha"]))
    assert ql.fit(LAW, noisy_fit.runs).params["alpha"].stderr is None


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


def test_integer_weights_are_repetitions(runs: pd.DataFrame) -> None:
    doubled = ql.fit(LAW, runs.assign(weight=np.where(np.arange(len(runs)) < 10, 2.0, 1.0)))
    repeated = pd.concat([runs, runs.iloc[:10]], ignore_index=True).assign(seed=lambda t: np.arange(len(t)))
    repeated = repeated.assign(run_id=repeated["seed"])
    assert doubled.values == pytest.approx(ql.fit(LAW, ql.check_runs(repeated)).values, rel=1e-6)


def test_rows_of_weight_zero_were_not_fitted(runs: pd.DataFrame) -> None:
    first = runs["N"] < runs["N"].median()
    fit, part = ql.fit(LAW, runs.assign(weight=first * 1.0), bootstrap=20), runs[first].reset_index(drop=True)
    part.attrs = runs.attrs
    alone = ql.fit(LAW, part, bootstrap=20)
    assert fit.values == alone.values
    assert (fit.fitted_range, fit.bootstrap) == (alone.fitted_range, alone.bootstrap)
    assert fit.excluded["reason"].tolist() == ["weight 0"] * 30
    with pytest.raises(ql.RunsError, match="5 runs cannot determine"):
        ql.fit(LAW, runs.assign(w=(runs.index < 5) * 1.0), weights="w")


# ---- rows that decide --------------------------------------------------------------------------------------------


def isoflop_grid(seed: int, lift: float) -> ql.FitResult:
    """42 lawful runs, 12 of them below 4 tokens per parameter, whose losses are lifted by a share."""
    C, f = (v.ravel() for v in np.meshgrid(np.geomspace(1e18, 1e21, 6), np.geomspace(1 / 4, 4, 7)))
    N = 0.09 * np.sqrt(C) * f
    loss = LAW.loss({"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2000.0, "beta": 0.37}, N=N, D=C / (6 * N))
    noise = 0.005 * np.random.default_rng(seed).standard_normal(len(N)) + lift * (C / (6 * N**2) < 4)
    return ql.fit(LAW, ql.check_runs(pd.DataFrame({"N": N, "D": C / (6 * N), "loss": loss * np.exp(noise)})))


def test_low_ratios_are_doubted_only_beyond_their_noise() -> None:
    def doubted(lift: float, seeds: int) -> int:
        return sum("LOW_RATIO_RUNS" in [f.code for f in isoflop_grid(seed, lift).diagnostics] for seed in range(seeds))

    assert doubted(0.0, 30) <= 4
    assert doubted(0.03, 10) >= 8


# ---- refusals -------------------------------------------------------------------------------------------------


def test_too_few_runs_and_one_ratio_are_refused(runs: pd.DataFrame) -> None:
    with pytest.raises(ql.RunsError, match="5 runs cannot determine the 5 coefficients"):
        ql.fit(LAW, runs.head(5))
    with pytest.raises(ql.RunsError, match="same D/N"):
        ql.fit(LAW, ql.check_runs(runs.assign(D=20 * runs["N"], C=120 * runs["N"] ** 2)))


def test_weights_of_any_column_stay_with_the_fit(quokka87: pd.DataFrame) -> None:
    weights = np.where(quokka87["D"] / quokka87["N"] < 4, 0.1, 10.0)
    usual, named = quokka87.assign(weight=weights), quokka87.assign(w=weights)
    one = ql.fit(LAW, usual, bootstrap=50)
    two = ql.read_fit(ql.fit(LAW, named, weights="w", bootstrap=50).to_json())
    assert two.values == one.values
    assert two.runs.attrs == one.runs.attrs
    profiles = ql.profile(one, "alpha", points=5), ql.profile(two, "alpha", points=5)
    assert profiles[1].equals(profiles[0])
    assert profiles[1]["rise"].min() == pytest.approx(0.0, abs=1e-9)
    assert ql.sensitivity(two, 1.1e23).equals(ql.sensitivity(one, 1.1e23))
    next_runs = (ql.plan.next_runs(f, 1e21, target_C=1.1e23) for f in (one, two))
    assert next(next_runs).equals(next(next_runs))


@pytest.mark.parametrize(
    ("column", "levels", "said"),
    [
        ("N", [8e7], r"1 model size \(N = 8e\+07\): the capacity term"),
        ("N", [1e8, 3e8], r"2 model sizes \(N = 1e\+08, 3e\+08\): the capacity term"),
        ("N", [1e8, 1.01e8, 1.015e8, 3e8], "2 model sizes"),
        ("D", [1e10], r"1 token count \(D = 1e\+10\): the data term"),
    ],
)
def test_one_or_two_levels_do_not_determine_a_power_and_a_floor(column: str, levels: list[float], said: str) -> None:
    other = {"N": "D", "D": "N"}[column]
    table = pd.DataFrame({column: np.tile(levels, 12), other: np.repeat(np.geomspace(1e9, 1e11, 12), len(levels))})
    table["loss"] = LAW.loss(TRUE_CHINCHILLA, N=table["N"], D=table["D"])
    with pytest.raises(ql.RunsError, match=said):
        ql.fit(LAW, ql.check_runs(table))


def test_two_sizes_do_where_the_floor_is_known() -> None:
    table = pd.DataFrame({"N": np.tile([1e8, 3e8], 12), "D": np.repeat(np.geomspace(1e9, 1e11, 12), 2)})
    table["loss"] = LAW.loss(TRUE_CHINCHILLA, N=table["N"], D=table["D"])
    known = LAW.make_params(E=dict(value=TRUE_CHINCHILLA["E"], vary=False))
    assert ql.fit(LAW, ql.check_runs(table), params=known).values == pytest.approx(TRUE_CHINCHILLA, rel=1e-5)


def test_an_unidentified_fit_has_no_intervals(noisy_fit: ql.FitResult) -> None:
    from dataclasses import replace

    free = replace(noisy_fit, condition_number=1e12)
    assert noisy_fit.has_intervals
    assert not free.has_intervals
    assert free.summary[["stderr", "lower", "upper"]].isna().all(axis=None)
    assert "95 % interval" not in free.report()
    assert "ILL_CONDITIONED" in [d.code for d in Diagnosis(None)(free)]


def test_bad_weights_are_refused(runs: pd.DataFrame) -> None:
    with pytest.raises(ql.RunsError, match="no column 'w'"):
        ql.fit(LAW, runs, weights="w")
    with pytest.raises(ql.RunsError, match="finite and not negative"):
        ql.fit(LAW, runs.assign(w=-1.0), weights="w")


def test_objectives_refuse_nonsense() -> None:
    with pytest.raises(ValueError, match="delta must be a positive"):
        ql.LogHuber(delta=0.0)
