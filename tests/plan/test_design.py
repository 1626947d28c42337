"""Designs keep their budget; what they promise is what refits of simulated sweeps show."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import TRUE_CHINCHILLA

import quokka_laws as ql
from quokka_laws.cli.app import main
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.fitting.solver import solve
from quokka_laws.objective import Objective
from quokka_laws.plan.compute import optimal_log_N
from quokka_laws.plan.design import ladder, next_runs
from quokka_laws.plan.design.question import optimum_gradient

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "plan-next-runs.md"
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


@pytest.mark.parametrize("law", [ql.laws.Chinchilla(), ql.laws.Skaling()], ids=lambda v: v.name)
def test_derivative_of_the_optimum_is_that_of_finite_differences(law: ql.laws.Law) -> None:
    fit = ql.fit(law, ql.datasets.load_quokka_isoflops())
    gradient = optimum_gradient(fit, 1e23)
    assert gradient == pytest.approx(differences(fit, lambda f: ql.plan.compute_optimal(f, 1e23)), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("C", [1e19, 1e23], ids=["compute-limited", "data-limited"])
def test_derivative_of_the_repeated_optimum_is_that_of_finite_differences(repeated: ql.FitResult, C: float) -> None:
    gradient = optimum_gradient(repeated, C, 1e8)
    numeric = differences(repeated, lambda f: ql.plan.compute_and_data_optimal(f, C, 1e8))
    assert gradient == pytest.approx(numeric, rel=1e-3, abs=1e-5)


def differences(fit: ql.FitResult, plan: object, h: float = 1e-5) -> np.ndarray:
    """Central differences of log N in solver coordinates; zero for amplitudes that are zero."""
    found = []
    for c in fit.law.coefficients:
        ends = []
        for step in (h, -h):
            value = fit.values[c.name]
            moved = {**fit.values, c.name: value * np.exp(step) if c.is_log else value + step}
            ends.append(np.log(plan(replace(fit, values=moved))["N"].iloc[0]))  # type: ignore[operator]
        found.append((ends[0] - ends[1]) / (2 * h))
    return np.array(found)


# ---- behaviour ------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=20)
@given(st.floats(1e12, 1e24), st.integers(2, 9), st.integers(3, 9), st.floats(1.5, 4.0))
def test_a_ladder_keeps_its_budget_its_width_and_its_centres(budget: float, slices: int, sizes: int, w: float) -> None:
    table = ladder(budget, slices=slices, sizes=sizes, width=w)
    assert len(table) == slices * sizes
    assert 0.99 * budget < table["C"].sum() <= budget
    assert (table["C"] == 6 * table["N"] * table["D"]).all()
    assert (table["D"] / table["N"]).min() > 3.99
    N = table["N"].to_numpy().reshape(slices, sizes)
    best = ql.plan.compute_optimal(ql.published["besiroglu-2024"], table["C"].to_numpy()[::sizes])["N"].to_numpy()
    assert np.sqrt(N[:, 0] * N[:, -1]) == pytest.approx(best, rel=0.01)
    assert (N[:, -1] / N[:, 0]).max() <= 1.01 * w**2


def test_a_ladder_is_centred_on_ones_own_isoflop_fit() -> None:
    iso = ql.fit_isoflops(ql.datasets.load_quokka_isoflops())
    table = ladder(1e21, around=iso)
    assert table["N"].to_numpy()[2::5] == pytest.approx(
        iso.allocate(table["C"].to_numpy()[2::5])["N"].to_numpy(), rel=0.01
    )


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
        (lambda: ladder(0.0), "budget = 0.0"),
        (lambda: ladder(1e20, sizes=2), "sizes = 2"),
        (lambda: ladder(1e20, width=1.0), "width = 1"),
        (lambda: ladder(1e20, min_tokens_per_param=20.0), "min_tokens_per_param = 20"),
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


# ---- command line ---------------------------------------------------------------------------------------------


def test_the_loop_closes_through_the_trainer(fit: ql.FitResult, tmp_path: Path) -> None:
    """Both commands write what the trainer reads: a run per row, near the planned size and on the planned tokens."""
    pytest.importorskip("torch")
    from reference_trainer import sweep_table
    from reference_trainer.model import Shape, counts

    smallest = Shape(*sweep_table.shape_near(1.0), 256)
    assert f"has {counts(smallest)['N_total']:,} parameters" in PAGE.read_text(encoding="utf-8")
    fit.to_json(tmp_path / "fit.json")
    for words in (
        ["ladder", "--total", "1e14"],
        ["design", str(tmp_path / "fit.json"), "-C", "1e22", "--total", "2e20"],
        ["design", str(tmp_path / "fit.json"), "-N", "1B", "-D", "20B", "--total", "2e20"],
    ):
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, done.output
        (tmp_path / "sweep.csv").write_text(done.stdout, encoding="utf-8")
        table = pd.read_csv(tmp_path / "sweep.csv")
        specs = sweep_table.read_specs(tmp_path / "sweep.csv", corpus="text.txt")
        trained = [counts(s.shape(256))["N_total"] * s.tokens for s in specs]
        assert trained == pytest.approx((table["N"] * table["D"]).tolist(), rel=1e-4)  # the plan's compute
        if words[0] == "ladder":
            assert len({s.run_id for s in specs}) == len(table) == 25


def test_command_line_answers_in_one_line(fit: ql.FitResult, tmp_path: Path) -> None:
    path = str(tmp_path / "fit.json")
    fit.to_json(path)
    done = CliRunner().invoke(main, ["design", path, "-C", "1e22", "--total", "2e20", "--json"])
    assert "standard deviation of log N_opt at C = 1e+22 falls from" in done.stderr
    assert json.loads(done.stdout)[0]["C_so_far"] > 0
    for words, code in (
        (["design", path, "--total", "1e20"], 2),
        (["design", path, "--total", "1e20", "-N", "1B"], 2),
        (["design", path, "--total", "1e10", "-C", "1e22"], 2),
        (["design", "nowhere.json", "--total", "1e20", "-C", "1e22"], 1),
        (["ladder", "--total", "1e20", "--law", "quokka-2025/repeated"], 1),
        (["ladder", "--total", "1e20", "--law", "nobody"], 2),
    ):
        done = CliRunner().invoke(main, words)
        assert done.exit_code == code, (words, done.output)
        assert "Error" in done.stderr
