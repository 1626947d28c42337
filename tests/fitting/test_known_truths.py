"""Certified optima: independent computations agree on these to the digits shown (data/README.md)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql

CHINCHILLA = ql.laws.Chinchilla()


def digits(found: float, certified: float) -> float:
    """How many digits agree."""
    return -np.log10(max(abs(found / certified - 1), 1e-16))


def assert_values(fit: ql.FitResult, certified: dict[str, float], at_least: float) -> None:
    agreed = {k: digits(fit.values[k], v) for k, v in certified.items()}
    assert min(agreed.values()) > at_least, agreed


def test_epoch_240_runs(epoch240: pd.DataFrame) -> None:
    fit = ql.fit(CHINCHILLA, epoch240)
    assert len(epoch240) == 240
    assert digits(fit.objective_value, 1.01827401780e-3) > 11
    assert_values(fit, dict(E=1.817218, A=477.826, B=2143.417, alpha=0.3473105, beta=0.3671724), 6)


def test_epoch_all_245_runs(epoch245: pd.DataFrame) -> None:
    fit = ql.fit(CHINCHILLA, epoch245)
    assert digits(fit.objective_value, 1.826010523e-3) > 9
    assert_values(fit, dict(E=1.891338, A=495.7260, B=12845.61, alpha=0.3493129, beta=0.4530493), 6)


def test_epoch_least_absolute_deviations(epoch240: pd.DataFrame) -> None:
    """The published Besiroglu coefficients are this fit, not Huber 1e-3."""
    fit = ql.fit(CHINCHILLA, epoch240, objective=ql.LogL1())
    assert digits(fit.objective_value, 1.12949465) > 8
    assert_values(fit, dict(E=1.81686, A=482.006, B=2085.436, alpha=0.34781, beta=0.36585), 4.5)


def test_epoch_squared_loss_below_1e21(epoch240: pd.DataFrame) -> None:
    runs = ql.read_runs(epoch240, keep="6 * N * D < 1e21")
    assert len(runs) == 217
    scaled = ql.check_runs(runs.assign(N=runs["N"] / 1e6, D=runs["D"] / 1e9, C=runs["C"] / 1e15))
    fit = ql.fit(CHINCHILLA, scaled, objective=ql.L2())
    assert_values(fit, dict(E=1.9051, A=4.0005, B=1.0509, alpha=0.3511, beta=0.4587), 3.9)


def test_quokka_87_runs(quokka87: pd.DataFrame) -> None:
    fit = ql.fit(CHINCHILLA, quokka87, bootstrap=1000, seed=0)
    assert digits(fit.objective_value, 8.153235350e-4) > 9
    assert_values(fit, dict(E=2.499072, A=2362.763, B=4128.809, alpha=0.4493826, beta=0.3704367), 6)
    a = fit.values["beta"] / (fit.values["alpha"] + fit.values["beta"])
    assert a == pytest.approx(0.45185, abs=5e-6)
    draws = fit.draws["beta"] / (fit.draws["alpha"] + fit.draws["beta"])
    lower, upper = np.percentile(draws, [2.5, 97.5])
    assert (lower, upper) == (pytest.approx(0.38, abs=0.02), pytest.approx(0.50, abs=0.02))
    plan = ql.plan.compute_optimal(fit, 1.1e23).iloc[0]
    assert (plan["N"], plan["D"]) == (pytest.approx(7.35e9, rel=2e-3), pytest.approx(2.49e12, rel=2e-3))
    assert [f.code for f in fit.diagnostics] == ["COUPLED"]


def test_quokka_74_runs_with_four_tokens_per_parameter(quokka87: pd.DataFrame) -> None:
    runs = ql.read_runs(quokka87, drop="D / N < 4")
    fit = ql.fit(CHINCHILLA, runs)
    assert (len(runs), len(fit.excluded)) == (74, 13)
    assert digits(fit.objective_value, 4.346957372e-4) > 9
    assert_values(fit, dict(E=2.433125, A=760.4430, B=6147.776, alpha=0.3760425, beta=0.3915604), 6)
    plan = ql.plan.compute_optimal(fit, 1.1e23).iloc[0]
    assert (plan["N"], plan["D"]) == (pytest.approx(1.42e10, rel=4e-3), pytest.approx(1.29e12, rel=4e-3))


def test_the_papers_coefficients_score_worse(quokka87: pd.DataFrame) -> None:
    """Eq. 13 as printed on all runs; unrounded (recovered from Figure 3) on those with D/N >= 4."""
    tables = ql.datasets.load_quokka_tables()
    some = quokka87[quokka87["D"] / quokka87["N"] >= 4]
    for values, runs, score in (
        (tables["eq13"], quokka87, 9.9885e-4),
        (tables["recovered_from_curves"]["eq13"], some, 4.5608e-4),
    ):
        residual = np.log(
            CHINCHILLA.loss({k: values[k] for k in CHINCHILLA.names}, N=runs["N"], D=runs["D"]) / runs["loss"]
        )
        assert ql.LogHuber().value(residual.to_numpy()).sum() == pytest.approx(score, rel=2e-5)


def test_quokka_isoflop_power_laws(quokka87: pd.DataFrame) -> None:
    iso = ql.fit_isoflops(quokka87)
    for name, certified, tolerance in (
        ("k_N", 0.02165, 5e-6),
        ("a", 0.5138, 5e-5),
        ("k_D", 7.700, 5e-4),
        ("b", 0.4862, 5e-5),
    ):
        assert iso.values[name] == pytest.approx(certified, abs=tolerance)
    assert len(iso.optima) == 9


def test_quokka_isoflop_optima_match_the_figure(quokka87: pd.DataFrame) -> None:
    """The paper's own minima, read off its Figure 2 (±0.3 % of digitising, plus the spread of parabola recipes)."""
    with (ql.datasets.data_folder() / "quokka2025" / "isoflop_optima.csv").open() as file:
        printed = pd.read_csv(file)
    ours = ql.fit_isoflops(quokka87).optima
    assert (ours["N"].to_numpy() / printed["N"].to_numpy()) == pytest.approx(1.0, abs=0.01)


# ---- synthetic twins of the tables that may not be shipped: these always run --------------------------------


@pytest.mark.parametrize("objective", [ql.LogHuber(), ql.LogL1(), ql.LogL2(), ql.L2()], ids=lambda o: type(o).__name__)
def test_synthetic_optimum_is_recovered_exactly(objective: ql.LogHuber) -> None:
    from synthetic import TRUE_CHINCHILLA, sweep

    fit = ql.fit(CHINCHILLA, sweep(CHINCHILLA, TRUE_CHINCHILLA), objective=objective)
    assert fit.objective_value < 1e-8
    assert_values(fit, TRUE_CHINCHILLA, 5)
