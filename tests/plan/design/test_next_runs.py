"""Designs keep their budget; what they promise is what refits of simulated sweeps show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from synthetic import TRUE_CHINCHILLA

import quokka_laws as ql
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.fitting.solver import solve
from quokka_laws.objective import Objective
from quokka_laws.plan.compute import optimal_log_N
from quokka_laws.plan.design import ladder, next_runs

LAW, TRUTH, NOISE, TARGET, BUDGET = ql.laws.Chinchilla(), TRUE_CHINCHILLA, 0.003, 1e22, 2e20


def trained(sweep: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    loss = LAW.loss(TRUTH, N=sweep["N"], D=sweep["D"])
    return ql.check_runs(sweep[["N", "D"]].assign(loss=loss * np.exp(NOISE * rng.standard_normal(len(sweep)))))


def spread(sweep: pd.DataFrame, objective: Objective, *, point: dict[str, float] | None = None) -> float:
    """Standard deviation of log N_opt (of the log-loss at a point) over refits of freshly simulated losses."""
    rng, data = np.random.default_rng(1), Data.of(LAW, ql.check_runs(trained(sweep, np.random.default_rng(1))))
    space = Space.of(LAW, LAW.make_params())
    assert space is not None
    start = LAW.to_theta(TRUTH)
    true_loss = np.exp(LAW.log_loss(TRUTH, data.x))[0]
    found = []
    for _ in range(300):
        loss = true_loss * np.exp(NOISE * rng.standard_normal(len(true_loss)))
        refit = solve(space.problem(replace(data, loss=loss), objective), start, data.weights, begin="near")
        assert refit.converged.all()
        values = space.values(refit.u[0], refit.off[0])
        found.append(
            np.log(LAW.loss(values, **point)) if point else optimal_log_N(LAW, values, np.log([TARGET / 6]))[0, 0]
        )
    return float(np.std(found, ddof=1))


@pytest.fixture(scope="module")
def first() -> pd.DataFrame:
    return ladder(BUDGET)


@pytest.fixture(scope="module")
def fit(first: pd.DataFrame) -> ql.FitResult:
    return ql.fit(LAW, trained(first, np.random.default_rng(0)), objective=ql.LogL2())


@pytest.fixture(scope="module")
def repeated() -> ql.FitResult:
    return ql.fit(ql.laws.Memorization(), ql.datasets.load_quokka_repeated()[::60])


# ---- truth ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", [ql.LogL2(), ql.LogHuber()], ids=lambda o: type(o).__name__)
def test_expected_deviation_is_that_of_refits(first: pd.DataFrame, objective: Objective) -> None:
    """Within 15 %: 300 refits know a standard deviation to 4 %, 25 runs know their noise to 15 %."""
    fit = ql.fit(LAW, trained(first, np.random.default_rng(0)), objective=objective)
    sweep = next_runs(fit, BUDGET, target_C=TARGET)
    actual = spread(pd.concat([first, sweep]), objective)
    assert sweep["sd_after"].iloc[-1] == pytest.approx(actual, rel=0.15)


def test_expected_deviation_of_a_loss_is_that_of_refits(first: pd.DataFrame, fit: ql.FitResult) -> None:
    point = {"N": 1e10, "D": 2e11}
    sweep = next_runs(fit, BUDGET, target=point)
    assert sweep["sd_after"].iloc[-1] < 0.9 * sweep["sd_before"].iloc[0]
    actual = spread(pd.concat([first, sweep]), ql.LogL2(), point=point)
    assert sweep["sd_after"].iloc[-1] == pytest.approx(actual, rel=0.15)


def test_chosen_runs_beat_random_ones_and_the_largest_at_equal_cost(first: pd.DataFrame, fit: ql.FitResult) -> None:
    sweep = next_runs(fit, BUDGET, target_C=TARGET)
    chosen = spread(pd.concat([first, sweep]), ql.LogL2())
    rng = np.random.default_rng(5)
    N = np.exp(rng.uniform(np.log(3e7), np.log(1.1e9), 400))
    pool = pd.DataFrame({"N": N, "D": N * np.exp(rng.uniform(np.log(4), np.log(150), 400))})
    pool = pool[(6 * pool["N"] * pool["D"]).between(0.02 * BUDGET, 0.25 * BUDGET)]
    random = pool[(6 * pool["N"] * pool["D"]).cumsum() <= BUDGET]
    largest = pd.concat([ql.plan.compute_optimal(fit, BUDGET / 4)[["N", "D"]]] * 4)
    assert 6 * (largest["N"] * largest["D"]).sum() == pytest.approx(BUDGET)
    for other in (random, largest):
        assert chosen < 0.9 * spread(pd.concat([first, other]), ql.LogL2())


# ---- behaviour ------------------------------------------------------------------------------------------------


def test_a_design_keeps_its_budget_and_is_the_same_again(fit: ql.FitResult) -> None:
    table = next_runs(fit, BUDGET, target_C=TARGET)
    assert (table["C"] == 6 * table["N"] * table["D"]).all()
    assert table["C_so_far"].iloc[-1] == pytest.approx(table["C"].sum())
    assert 0.9 * BUDGET < table["C"].sum() <= BUDGET
    assert table["C"].between(0.02 * BUDGET, 0.25 * BUDGET).all()
    assert (table["D"] / table["N"]).min() > 3.99
    assert not table.duplicated(["N", "D"]).any()
    assert (table["sd_after"] < table["sd_before"]).all()
    assert (table["sd_before"].to_numpy()[1:] == table["sd_after"].to_numpy()[:-1]).all()
    pd.testing.assert_frame_equal(table, next_runs(fit, budget=BUDGET, target_C=TARGET))


def test_own_candidates_are_chosen_from(fit: ql.FitResult) -> None:
    own = pd.DataFrame({"N": ["100M", "1B", "1B"], "D": [2e10, 4e9, 4e10]})
    table = next_runs(fit, 4e19, target_C=TARGET, candidates=own)
    assert sorted(table["N"]) == [1e8, 1e9]  # the third costs more than there is


def test_repeated_data(repeated: ql.FitResult) -> None:
    table = next_runs(repeated, 1e20, target_C=1e21, U_D=[5e7, 1e8])
    assert list(table) == ["N", "D", "C", "U_D", "epochs", "sd_before", "sd_after", "C_so_far"]
    assert set(table["U_D"]) <= {5e7, 1e8}
    assert table["epochs"].to_numpy() == pytest.approx((table["D"] / table["U_D"]).to_numpy())
    assert table["C"].sum() <= 1e20
    assert table["sd_after"].iloc[-1] < table["sd_before"].iloc[0]
    assert "observations" in " ".join(table.attrs["notes"])
    at = next_runs(repeated, 1e20, target={"N": 1e9, "D": 1e9, "U_D": 1e8}, U_D=1e8)
    assert at["sd_after"].iloc[-1] < at["sd_before"].iloc[0]


def test_a_coefficient_at_a_bound_is_held(first: pd.DataFrame) -> None:
    fit = ql.fit(LAW, trained(first, np.random.default_rng(0)), params=LAW.make_params(alpha={"max": 0.3}))
    assert fit.status.name == "AT_BOUND"
    assert any("alpha held" in note for note in next_runs(fit, BUDGET, target_C=TARGET).attrs["notes"])


def test_a_target_the_runs_hardly_bear_on_is_said(fit: ql.FitResult) -> None:
    assert not next_runs(fit, BUDGET, target_C=TARGET).attrs["notes"][:-1]
    assert "A standard deviation of" in next_runs(fit, BUDGET, target_C=1e90).attrs["notes"][0]


def test_checkpoints_do_not_count_as_runs(first: pd.DataFrame, fit: ql.FitResult) -> None:
    """Each run twice over, marked as one run, knows what one of them knows."""
    once = fit.runs.assign(run_id=np.arange(len(fit.runs)))
    runs = pd.concat([once, once.assign(D=once["D"] * (1 + 1e-12))])[["N", "D", "loss", "run_id"]]
    twice = ql.fit(LAW, ql.check_runs(runs), objective=ql.LogL2())
    one, both = (next_runs(f, BUDGET, target_C=TARGET)["sd_before"].iloc[0] for f in (fit, twice))
    assert both == pytest.approx(one, rel=1e-6)


# ---- refusals -------------------------------------------------------------------------------------------------


def test_refusals_name_the_value(fit: ql.FitResult, repeated: ql.FitResult) -> None:
    for call, words in (
        (lambda: next_runs(fit, 1e12, target_C=TARGET), r"budget = 1e\+12 FLOPs.*cheapest candidate"),
        (lambda: next_runs(fit, 1e12, target_C=TARGET, candidates=fit.runs), "below the cheapest candidate"),
        (lambda: next_runs(fit, -1.0, target_C=TARGET), r"budget = -1.0"),
        (lambda: next_runs(fit, "much", target_C=TARGET), "budget: 'much' is not"),  # type: ignore[arg-type]
        (lambda: next_runs(fit, BUDGET), "either target_C"),
        (lambda: next_runs(fit, BUDGET, target_C=[1e22]), r"target_C = \[1e\+22\]"),  # type: ignore[arg-type]
        (lambda: next_runs(fit, BUDGET, target_C=TARGET, share=(0.5, 0.1)), r"share = \(0.5, 0.1\)"),
        (lambda: next_runs(fit, BUDGET, target_C=TARGET, candidates=fit.runs[["N"]]), "candidates lack D"),
        (lambda: next_runs(repeated, BUDGET, target_C=TARGET), "give U_D"),
        (lambda: next_runs(repeated, 1e20, target_C=1e21, U_D=0.0), "U_D"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_fits_that_say_too_little_are_refused(fit: ql.FitResult, first: pd.DataFrame) -> None:
    exact = ql.fit(LAW, ql.check_runs(first[["N", "D"]].assign(loss=LAW.loss(TRUTH, N=first["N"], D=first["D"]))))
    law_of_C = ql.fit(ql.laws.PowerLaw("C"), fit.runs)
    for bad, words in (
        (exact, "no residual scale"),
        (ql.published["besiroglu-2024"], "no fit of a law to runs"),
        (law_of_C, "law of C"),
    ):
        with pytest.raises(ql.FitError, match=words):
            next_runs(bad, BUDGET, target_C=TARGET)  # type: ignore[arg-type]


# ---- a pool of candidates -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pool() -> pd.DataFrame:
    N, D = (v.ravel() for v in np.meshgrid(np.geomspace(2e8, 6e9, 8), np.geomspace(1e9, 2.5e11, 8)))
    noise = np.random.default_rng(0).standard_normal(len(N))
    loss = ql.published["farseer-2025"](N=N, D=D) * np.exp(0.002 * noise)
    return pd.DataFrame({"N": N, "D": D, "loss": loss}, index=[f"run {i}" for i in range(len(N))])


REGION = pd.DataFrame({"N": np.geomspace(4e9, 2e10, 5), "D": np.geomspace(6e11, 2e11, 5)})


def test_a_tenth_of_a_pool_predicts_its_dear_region_better_than_the_cheapest_runs(pool: pd.DataFrame) -> None:
    """The truth is Farseer's surface, which no fitted law here contains."""
    cost = 6 * pool["N"] * pool["D"]
    chosen = next_runs(None, 0.1 * cost.sum(), target=REGION, candidates=pool)
    assert set(chosen.index) <= set(pool.index)
    assert chosen["C"].sum() <= 0.1 * cost.sum()
    cheap = cost.sort_values().cumsum().loc[lambda spent: spent <= 0.1 * cost.sum()].index
    truth = ql.published["farseer-2025"](N=REGION["N"], D=REGION["D"])
    off = {}
    for name, rows in (("chosen", pool.loc[chosen.index]), ("cheapest", pool.loc[cheap])):
        fit = ql.fit(ql.laws.Skaling(), ql.check_runs(rows.reset_index(drop=True)), objective="auto")
        off[name] = float(np.abs(np.log(fit(N=REGION["N"], D=REGION["D"]) / truth)).max())
    assert off["chosen"] < 0.7 * off["cheapest"]


def test_costs_are_of_any_column(pool: pd.DataFrame) -> None:
    hours = pool.assign(hours=1.0)
    chosen = next_runs(None, 20, target=REGION, candidates=hours, cost="hours")
    assert 16 <= len(chosen) <= 20
    assert chosen["hours_so_far"].iloc[-1] == len(chosen)
    with pytest.raises(ql.ArgumentError, match="candidates lack hours"):
        next_runs(None, 20, target=REGION, candidates=pool, cost="hours")


def test_runs_trained_before_there_is_a_fit_count(pool: pd.DataFrame) -> None:
    budget = 0.05 * float((6 * pool["N"] * pool["D"]).sum())
    first = next_runs(None, budget, target=REGION, candidates=pool)
    trained = pool.loc[first.index[:4]]
    then = next_runs(trained, budget, target=REGION, candidates=pool.drop(trained.index))
    assert not set(then.index) & set(trained.index)
    assert then["sd_before"].iloc[0] < first["sd_before"].iloc[0]


def test_the_law_s_own_error_does_not_go_away(fit: ql.FitResult) -> None:
    table = next_runs(fit, BUDGET, target={"N": 1e10, "D": 2e11})
    assert table.attrs["error_after"] < table.attrs["error_before"]
    assert table.attrs["error_after"] > 2 * table["sd_after"].iloc[-1]
