"""Questions about repetition: published tables, brute force, refusals."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws import laws

LAW = laws.QuokkaRepeated()
TABLES = ql.datasets.load_quokka_tables()
EQ15 = ql.FittedLaw(LAW, {k: TABLES["recovered_from_curves"]["eq15"][k] for k in LAW.names})
MUENNIGHOFF = ql.FittedLaw(
    laws.EffectiveData(),
    dict(
        E=1.8691436784,
        A=520.8249516599,
        B=1487.7160937829,
        alpha=0.3526596,
        beta=0.3526596,
        R_D=15.387756,
        R_N=5.309743,
    ),
)


@pytest.fixture(scope="module")
def simulated() -> ql.FitResult:
    """A fit of simulated runs whose checkpoints share their noise."""
    rng = np.random.default_rng(4)
    law = laws.Memorization(memorized_loss=10.8)
    truth = dict(E=2.7, A=600.0, alpha=0.36, B=9000.0, beta=0.42, nu=2.4e-5, s=1.77, p=1.44, c=270_000.0)
    N, U = (v.ravel() for v in np.meshgrid(np.geomspace(1.4e7, 2e9, 6), np.geomspace(1e7, 1.4e8, 4)))
    e = np.geomspace(2, 1000, 16)
    runs = pd.DataFrame({"N": np.repeat(N, 16), "U_D": np.repeat(U, 16), "epochs": np.tile(e, len(N))})
    runs["run_id"] = np.repeat(np.arange(len(N)), 16)
    noise = 0.005 * np.repeat(rng.standard_normal(len(N)), 16) + 0.002 * rng.standard_normal(len(runs))
    runs["loss"] = law.loss(truth, N=runs["N"], U_D=runs["U_D"], epochs=runs["epochs"]) * np.exp(noise)
    return ql.fit(law, ql.check_runs(runs), bootstrap=40, seed=0)


def test_table_3_within_half_an_epoch() -> None:
    table = TABLES["table3"]
    paper = np.array(table["max_epochs"]).ravel()
    N, U = np.meshgrid(table["params"], table["unique_tokens"], indexing="ij")
    ours = ql.plan.max_epochs(EQ15, N.ravel(), U.ravel())
    assert (np.abs(ours["epochs"] - paper) <= 0.5).all()
    assert (np.abs(ours["global_epochs"] - paper) <= 0.5).sum() == 76
    local = ours[ours["local"]]
    assert sorted(zip(local["N"], local["U_D"], strict=True)) == [
        (6.7e10, 1e8),
        (1.75e11, 1e8),
        (5.2e11, 1e9),
        (1e12, 1e9),
        (1e13, 1e11),
    ]


def test_a_loss_that_falls_again_far_beyond_its_minimum_is_local() -> None:
    values = dict(E=2.7, A=600.0, alpha=0.36, B=9000.0, beta=0.42, nu=1.5e-5, s=1.77, p=1.44, c=270_000.0)
    falls = ql.FittedLaw(laws.Memorization(memorized_loss=10.8), values)
    row = ql.plan.max_epochs(falls, 1e8, 1e8).iloc[0]
    assert 1 < row["epochs"] < 1e6
    assert falls(N=1e8, U_D=1e8, epochs=1e7) < row["loss"]
    assert (row["local"], row["global_epochs"]) == (True, np.inf)
    assert row["epochs"] < row["epochs_flat_upper"] < 1e4
    saturated = ql.plan.max_epochs(ql.published["quokka-2025/softplus"], 1e8, 1e10).iloc[0]
    assert (saturated["epochs"], saturated["epochs_flat_upper"]) == (np.inf, np.inf)
    assert saturated["epochs_flat_lower"] == pytest.approx(161.32, rel=1e-3)


def test_flat_range_of_epochs() -> None:
    for row in ql.plan.max_epochs(EQ15, [1e8, 1e9], 1e9).to_dict("records"):
        for side in ("lower", "upper"):
            at = EQ15(N=row["N"], U_D=1e9, epochs=row[f"epochs_flat_{side}"])
            assert at == pytest.approx(1.001 * row["loss"], rel=1e-9)
        assert row["epochs_flat_lower"] < row["epochs"] < row["epochs_flat_upper"]


def test_table_4_and_figure_5_within_two_thousandths_in_loss() -> None:
    figure5 = [(8e9, 5.454e8, 803), (1.6e10, 7.018e8, 937), (3.2e10, 9.288e8, 1037), (6.4e10, 1.2e9, 1204)]
    cells = [(r["unique_tokens"], r["params"], r["epochs"]) for r in TABLES["table4"]] + figure5
    ours = ql.plan.data_optimal(EQ15, [u for u, _, _ in cells])
    for (u, n, e), best in zip(cells, ours["loss"], strict=True):
        assert 0 <= EQ15(N=n, U_D=u, epochs=e) - best < 0.002


def test_joint_optimum_is_stationary_and_flat_where_it_says() -> None:
    row = ql.plan.data_optimal(EQ15, 1e9).iloc[0]
    for n, e in ((1.01, 1), (0.99, 1), (1, 1.01), (1, 0.99)):
        assert EQ15(N=row["N"] * n, U_D=1e9, epochs=row["epochs"] * e) > row["loss"]
    for name, other in (("N", "epochs"), ("epochs", "N")):
        for side in ("lower", "upper"):
            at = {name: row[f"{name}_flat_{side}"], other: row[other]}
            assert EQ15(U_D=1e9, **at) == pytest.approx(1.001 * row["loss"], rel=1e-9)


def test_figure_18_joint_optima_from_the_unrounded_additive_law() -> None:
    c = TABLES["recovered_from_curves"]["eq21"]
    values = {k: c[k] for k in ("A", "alpha", "B", "beta", "mu", "delta")} | {"E": 0.0, "gamma_o": c["gamma"]}
    ours = ql.plan.data_optimal(ql.FittedLaw(laws.AdditiveOverfit(), values), [1e9, 2e9, 4e9])
    assert ours["epochs"].tolist() == pytest.approx([1012, 1305, 1692], rel=2e-3)
    assert ours["N"].tolist() == pytest.approx([106.3e6, 119.3e6, 134.1e6], rel=2e-3)


def test_both_limits_at_once() -> None:
    """Muennighoff's notebook for 1e22 FLOPs on 25B unique tokens (its own coarse grid), and 1e21 on 1B."""
    ours = ql.plan.compute_and_data_optimal(MUENNIGHOFF, C=[1e22, 1e21], U_D=[25e9, 1e9])
    assert ours["N"].tolist() == pytest.approx([7022364735.88, 1769474000.0], rel=2e-3)
    assert ours["epochs"].tolist() == pytest.approx([9.4935, 94.19], rel=2e-3)
    free = ql.plan.data_optimal(EQ15, 1e9).iloc[0]
    rich = ql.plan.compute_and_data_optimal(EQ15, C=10 * free["C"], U_D=1e9).iloc[0]
    assert (rich["N"], rich["epochs"]) == (pytest.approx(free["N"]), pytest.approx(free["epochs"]))
    assert rich["unused"] == pytest.approx(9 * free["C"], rel=1e-6)
    poor = ql.plan.compute_and_data_optimal(EQ15, C=free["C"] / 100, U_D=1e9).iloc[0]
    assert 6 * poor["N"] * poor["D"] == pytest.approx(free["C"] / 100)
    for factor in (0.9, 1.1):
        assert EQ15(N=poor["N"] * factor, U_D=1e9, epochs=poor["epochs"] / factor) > poor["loss"]


def test_compute_that_hardly_helps_is_said() -> None:
    """305 epochs at 1e22 FLOPs gain a thousandth over an eighteenth of them."""
    row = ql.plan.compute_and_data_optimal(ql.published["muennighoff-2023"], 1e22, 1e9).iloc[0]
    assert row["C"] / row["C_flat"] == pytest.approx(18, abs=0.5)
    assert 6 * row["N_flat"] * 1e9 * row["epochs_flat"] == pytest.approx(row["C_flat"])
    at = MUENNIGHOFF(N=row["N_flat"], U_D=1e9, epochs=row["epochs_flat"])
    published = ql.published["muennighoff-2023"](N=row["N_flat"], U_D=1e9, epochs=row["epochs_flat"])
    assert published == pytest.approx(1.001 * row["loss"], rel=1e-9)
    assert at == pytest.approx(published, rel=1e-3)


def test_worth_of_repetition() -> None:
    table = ql.plan.loss_of_repeating(MUENNIGHOFF, N=1e8, U_D=1e10, epochs=[1, 4, 16])
    assert table["effective_tokens"].iloc[0] == pytest.approx(1e10, rel=1e-6)
    assert (table["effective_tokens"] / 1e10).tolist()[1:] == pytest.approx([3.725673, 10.582457], rel=1e-5)
    assert table["worth"].is_monotonic_decreasing


def test_intervals_hold_the_point_and_extrapolation_is_split(simulated: ql.FitResult) -> None:
    table = ql.plan.max_epochs(simulated, N=[1e8, 1e9], U_D=[5e7, 1e10], level=0.9)
    assert (table["epochs_lower"] <= table["epochs"]).all()
    assert (table["epochs"] <= table["epochs_upper"]).all()
    assert len(table) == 2
    assert table["extrapolation_U_D"].tolist() == pytest.approx([1.0, 1e10 / 1.4e8])
    assert len(ql.plan.max_epochs(simulated, N=[1e8, 2e8, 4e8], U_D=[5e7, 1e8])) == 6


def test_numeric_minimum_is_that_of_a_fine_grid(simulated: ql.FitResult) -> None:
    row = ql.plan.max_epochs(simulated, N=4e8, U_D=5e7).iloc[0]
    e = np.geomspace(1.1, 1e5, 200_001)
    loss = simulated(N=4e8, U_D=5e7, epochs=e)
    assert row["epochs"] == pytest.approx(e[loss.argmin()], rel=1e-4)
    assert row["loss"] <= loss.min()


def test_bootstrap_resamples_runs(simulated: ql.FitResult) -> None:
    assert simulated.bootstrap["cluster"] == "run_id"
    assert simulated.bootstrap["units"] == 24


@pytest.mark.parametrize(
    "question", [lambda f: ql.plan.max_epochs(f, 1e9, 1e9), lambda f: ql.plan.data_optimal(f, 1e9)]
)
def test_laws_that_cannot_rise_are_refused(question: object) -> None:
    with pytest.raises(ql.FitError, match="can only fall with epochs"):
        question(MUENNIGHOFF)  # type: ignore[operator]
    single = ql.FittedLaw(laws.Chinchilla(), dict(E=1.8, A=480, alpha=0.35, B=2100, beta=0.37))
    with pytest.raises(ql.FitError, match="knows nothing of repetition"):
        question(single)  # type: ignore[operator]


def test_other_refusals() -> None:
    for bad in (-1, 0, np.nan, np.inf, [1e9, -1e9]):
        for question in (
            lambda u: ql.plan.max_epochs(EQ15, N=1e9, U_D=u),
            lambda u: ql.plan.data_optimal(EQ15, u),
            lambda u: ql.plan.compute_and_data_optimal(EQ15, C=1e20, U_D=u),
        ):
            with pytest.raises(ValueError, match=re.escape(f"U_D = {bad!r}: expected positive numbers")):
                question(bad)
    for bad in ("many", None):
        with pytest.raises(ql.ArgumentError, match=r"U_D: .* is not a number"):
            ql.plan.data_optimal(EQ15, bad)
    assert "level" not in ql.plan.max_epochs(EQ15, N=1e9, U_D="1B", level=0.9)  # no draws, no interval
