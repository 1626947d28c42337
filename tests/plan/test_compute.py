"""Allocations: invariants, closed forms against numbers, flat ranges."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import quokka_laws as ql
from quokka_laws.plan.compute import minimise_over_log_N, optimal_log_N
from quokka_laws.reporting.text import allocation_table

BESIROGLU = dict(E=1.81686, A=482.00572, B=2085.4342, alpha=0.34781303, beta=0.36585412)
LAW = ql.FittedLaw(ql.laws.Chinchilla(), BESIROGLU)
exponent = st.floats(0.1, 1.0)


def test_published_allocation() -> None:
    """Besiroglu et al. 2024 at 1e22 FLOPs."""
    plan = ql.plan.compute_optimal(LAW, 1e22).iloc[0]
    assert plan[["N", "D", "loss"]].tolist() == pytest.approx([9.057635330e9, 1.84006819e11, 2.1404987017], rel=1e-8)


def compute_counted_otherwise(spread: float) -> pd.DataFrame:
    """An IsoFLOP sweep whose C is 1.4 times 6·N·D, give or take, as with attention or recomputation counted."""
    C = np.repeat(np.geomspace(1e18, 1e21, 4), 7)
    N = np.sqrt(C) * 0.09 * np.tile(np.geomspace(1 / 3, 3, 7), 4)
    D = C / (6 * N)
    factor = 1.4 * np.exp(spread * np.linspace(-1, 1, len(C)))
    return ql.read_runs(pd.DataFrame({"N": N, "D": D, "C": C * factor, "loss": LAW(N=N, D=D)}), flops="as given")


def test_compute_as_given_is_spent_as_the_runs_spent_it() -> None:
    runs = compute_counted_otherwise(0.0)
    fit, iso = ql.fit(LAW.law, runs), ql.fit_isoflops(runs)
    assert fit.conventions.flops_per_ND == pytest.approx(8.4, rel=1e-6)
    for plan in (ql.plan.compute_optimal(fit, 1e22), ql.plan.compute_optimal(iso, 1e22)):
        assert (8.4 * plan["N"] * plan["D"]).tolist() == pytest.approx([1e22], rel=1e-5)
    assert (8.4 * iso.optima["N"] * iso.optima["D"]).tolist() == pytest.approx(iso.optima["C"].tolist(), rel=1e-5)
    assert "C as given (8.4ND)" in fit.report()
    assert "FLOPS_VARY" not in [f.code for f in fit.diagnostics]
    varied = compute_counted_otherwise(0.1)
    assert "FLOPS_VARY" in [f.code for f in ql.fit(LAW.law, varied).diagnostics]
    assert "varies from 7.6 to 9.28" in ql.fit_isoflops(varied, budget_tolerance=0.5).report()


@settings(deadline=None)
@given(C=st.floats(1e15, 1e30), alpha=exponent, beta=exponent, A=st.floats(1, 1e5), B=st.floats(1, 1e5))
def test_allocation_spends_the_budget_and_beats_its_neighbours(
    C: float, alpha: float, beta: float, A: float, B: float
) -> None:
    law = ql.FittedLaw(ql.laws.Chinchilla(), dict(E=1.7, A=A, B=B, alpha=alpha, beta=beta))
    plan = ql.plan.compute_optimal(law, C).iloc[0]
    assert 6 * plan["N"] * plan["D"] == pytest.approx(C, rel=1e-12)
    for factor in (0.5, 0.9, 1.1, 2.0):
        assert law(N=plan["N"] * factor, D=plan["D"] / factor) >= plan["loss"] * (1 - 1e-14)


@pytest.mark.parametrize(
    ("law", "values"),
    [
        (ql.laws.Chinchilla(), BESIROGLU),
        (ql.laws.Skaling(), {**BESIROGLU, "k": 0.8}),
        (ql.laws.Kaplan(), dict(N_c=8.8e13, alpha_N=0.076, D_c=5.4e13, alpha_D=0.095)),
    ],
)
def test_numeric_optimum_agrees_with_the_closed_form(law: ql.laws.Law, values: dict[str, float]) -> None:
    log_ND = np.log(np.geomspace(1e18, 1e26, 9) / 6)
    closed = optimal_log_N(law, values, log_ND)[0]
    numeric = [minimise_over_log_N(law, law.to_theta(values), v)[0] for v in log_ND]
    assert numeric == pytest.approx(closed.tolist(), rel=1e-10)


def test_flat_range_is_where_the_loss_is_a_thousandth_higher() -> None:
    plan = ql.plan.compute_optimal(LAW, [1e21, 1e24])
    for _, row in plan.iterrows():
        for N in (row["N_flat_lower"], row["N_flat_upper"]):
            assert LAW(N=N, D=row["C"] / 6 / N) == pytest.approx(1.001 * row["loss"], rel=1e-12)
        assert row["N_flat_lower"] < row["N"] < row["N_flat_upper"]


def test_intervals_hold_the_draws(noisy_fit: ql.FitResult) -> None:
    plan = ql.plan.compute_optimal(noisy_fit, [1e20, 1e25], level=0.9)
    assert (plan["N_lower"] < plan["N"]).all()
    assert (plan["N"] < plan["N_upper"]).all()
    assert plan["extrapolation"].iloc[1] == pytest.approx(1e25 / noisy_fit.runs["C"].max())
    wider = ql.plan.compute_optimal(noisy_fit, 1e25, level=0.99).iloc[0]
    assert wider["N_upper"] > plan["N_upper"].iloc[1]


def test_other_flop_rule_changes_the_budget() -> None:
    two = ql.FittedLaw(LAW.law, LAW.values, conventions=ql.Conventions(flops="2ND"))
    plan = ql.plan.compute_optimal(two, 1e22).iloc[0]
    assert 2 * plan["N"] * plan["D"] == pytest.approx(1e22)


def test_budgets_below_the_runs_are_not_inside(noisy_fit: ql.FitResult, quokka87: pd.DataFrame) -> None:
    iso = ql.fit_isoflops(quokka87)
    for plan, lowest in (
        (ql.plan.compute_optimal(noisy_fit, [1e10, 1e21]), noisy_fit.runs["C"].min()),
        (ql.plan.compute_optimal(iso, [1e10, 1e20]), iso.optima["C"].min()),
    ):
        assert plan["extrapolation"].tolist() == [pytest.approx(lowest / 1e10), 1.0]
        assert plan["below_runs"].tolist() == [True, False]
        assert " below" in allocation_table(plan).splitlines()[1]
        assert "inside" in allocation_table(plan).splitlines()[2]


def test_refusals(noisy_fit: ql.FitResult) -> None:
    with pytest.raises(ValueError, match=r"C = .* expected positive numbers"):
        ql.plan.compute_optimal(LAW, [1e22, -1])
    assert "level" not in ql.plan.compute_optimal(LAW, 1e22, level=0.9)  # a law without draws has no intervals
    with pytest.raises(ValueError, match="not between 0 and 1"):
        ql.plan.compute_optimal(noisy_fit, 1e22, level=90)
    with pytest.raises(ql.FitError, match="no compute-optimal size"):
        ql.plan.compute_optimal(ql.FittedLaw(LAW.law, {**BESIROGLU, "B": 0.0}), 1e22)
    with pytest.raises(ql.FitError, match="law of C"):
        ql.plan.compute_optimal(ql.FittedLaw(ql.laws.PowerLaw("C"), dict(E=1.0, K=1.0, kappa=0.1)), 1e22)


def test_isoflop_fits_allocate_too(quokka87: pd.DataFrame) -> None:
    iso = ql.fit_isoflops(quokka87, bootstrap=50)
    plan = ql.plan.compute_optimal(iso, 1.1e23, level=0.9).iloc[0]
    assert plan["N"] == pytest.approx(0.021646 * 1.1e23**0.51383, rel=1e-2)
    assert plan["N_lower"] < plan["N"] < plan["N_upper"]
    assert np.isnan(plan["loss"])


def test_draws_without_an_optimum_open_the_interval() -> None:
    """Where the data term is gone the best model is infinitely large: dropping such draws would make N look certain."""
    sure = pd.DataFrame([BESIROGLU] * 80)
    gone = pd.DataFrame([{**BESIROGLU, "B": 0.0}] * 20)
    for share, lost in ((20, 0.2), (2, 2 / 82)):
        law = ql.FittedLaw(
            ql.laws.Chinchilla(), BESIROGLU, draws=pd.concat([sure, gone.head(share)], ignore_index=True)
        )
        row = ql.plan.compute_optimal(law, 1e22, level=0.9).iloc[0]
        assert row["no_optimum"] == pytest.approx(lost)
        assert row["N_lower"] == pytest.approx(row["N"])
        assert (row["N_upper"] == np.inf, row["D_lower"] == 0) == (share == 20, share == 20)
        assert np.isfinite(row["loss_lower"])
