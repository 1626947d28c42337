"""plan.best: special cases that have functions of their own, grid search, limits, and what is refused."""

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.exceptions import ArgumentError, ExpressionError

MOE = "E + A/(N_active^alpha*(1 - sparsity)^lam) + B/D^beta + G*sparsity^3"
VALUES = {"E": 1.65, "A": 180.0, "alpha": 0.3, "lam": -0.15, "B": 900.0, "beta": 0.33, "G": 0.2}
RANGES = {"N_active": (3e7, 3e9), "D": (1e9, 1e12), "sparsity": (0.0, 0.95)}


def moe() -> ql.FittedLaw:
    law = ql.law(MOE, variables=["N_active", "D", "sparsity"])
    rng = np.random.default_rng(0)
    draws = pd.DataFrame({k: v * np.exp(0.01 * rng.standard_normal(40)) for k, v in VALUES.items()})
    return ql.FittedLaw(law, VALUES, fitted_range=RANGES, draws=draws)


@pytest.mark.parametrize("form", ["chinchilla", "E + A/N^alpha + B/D^beta", "skaling"])
def test_compute_optimal_is_a_case(form):
    fit = ql.fit(form, ql.datasets.load_quokka_isoflops(), bootstrap=30)
    found = ql.plan.best(fit, over=["N", "D"], cost="6*N*D", budget=[1e20, 1.1e23])
    known = ql.plan.compute_optimal(fit, [1e20, 1.1e23])
    for name in ("N", "D", "loss", "N_lower", "N_upper", "loss_lower", "loss_upper"):
        assert found[name].to_numpy() == pytest.approx(known[name].to_numpy(), rel=1e-9)
    assert (found["N_exponent"] + found["D_exponent"]).to_numpy() == pytest.approx(1.0)
    assert found["cost"].to_numpy() == pytest.approx([1e20, 1.1e23], rel=1e-9)


def test_data_optimal_is_a_case():
    fit = ql.published["quokka-2025/repeated"]
    known = ql.plan.data_optimal(fit, U_D=1e9)
    found = ql.plan.best(fit, over=["N", "epochs"], given={"U_D": 1e9})
    for name in ("N", "epochs", "loss"):
        assert found[name].to_numpy() == pytest.approx(known[name].to_numpy(), rel=1e-9)


def test_limited_data_and_compute_is_a_case():
    fit = ql.published["quokka-2025/repeated"]
    known = ql.plan.compute_and_data_optimal(fit, 1e19, 1e9)
    found = ql.plan.best(fit, over=["N", "epochs"], cost="6*N*U_D*epochs", budget=1e19, given={"U_D": "1B"})
    for name in ("N", "epochs", "loss"):
        assert found[name].to_numpy() == pytest.approx(known[name].to_numpy(), rel=1e-9)


def test_overtraining_is_a_case():
    fit = ql.published["besiroglu-2024"]
    known = ql.plan.overtraining(fit, 1e22, 4.0)
    found = ql.plan.best(fit, over=["D"], cost="6*N*D", budget=1e22, given={"N": float(known["N"].iloc[0])})
    assert found["D"].iloc[0] == pytest.approx(known["D"].iloc[0], rel=1e-9)
    assert found["loss"].iloc[0] == pytest.approx(known["loss"].iloc[0], rel=1e-9)


def test_more_is_spent_only_where_it_helps():
    fit = ql.published["quokka-2025/repeated"]
    rich = ql.plan.best(fit, over=["N", "epochs"], cost="6*N*U_D*epochs", budget=1e26, given={"U_D": 1e9}).iloc[0]
    free = ql.plan.best(fit, over=["N", "epochs"], given={"U_D": 1e9}).iloc[0]
    assert not rich["spends_all"]
    assert rich["loss"] == pytest.approx(free["loss"], rel=1e-9)


def test_the_optimum_is_that_of_a_grid():
    fit = moe()
    served = 3e11
    best = ql.plan.best(
        fit,
        over=["N_active", "D", "sparsity"],
        cost="6*N_active*D + 2*N_active*served + 1e9*N_active/(1 - sparsity)",
        budget=1e22,
        given={"served": served},
        level=None,
    ).iloc[0]
    N, S = np.meshgrid(np.geomspace(1e8, 2e10, 40), np.linspace(0.0, 0.95, 40), indexing="ij")
    D = np.geomspace(1e10, 5e12, 40)[:, None, None]
    cost = 6 * N * D + 2 * N * served + 1e9 * N / (1 - S)
    loss = fit(
        N_active=np.broadcast_to(N, cost.shape),
        D=np.broadcast_to(D, cost.shape),
        sparsity=np.broadcast_to(S, cost.shape),
    )
    allowed = np.where(cost <= 1e22, loss, np.inf)
    assert best["loss"] <= allowed.min()
    assert allowed.min() < best["loss"] * 1.005
    D = (1e22 - 2 * N * served - 1e9 * N / (1 - S)) / (
        6 * N
    )  # the whole budget: the grid's own best is one cell away at most
    loss = np.where(D > 0, fit(N_active=N, D=np.maximum(D, 1.0), sparsity=S), np.inf)
    i, j = np.unravel_index(loss.argmin(), loss.shape)
    assert abs(np.log(best["N_active"] / N[i, j])) <= np.log(200) / 39
    assert abs(best["sparsity"] - S[i, j]) <= 0.95 / 39
    assert 0 < best["sparsity"] < 0.95
    assert best["cost"] == pytest.approx(1e22, rel=1e-9)


def test_limits_choices_and_groups():
    fit = moe()
    held = ql.plan.best(
        fit,
        over=["N_active", "D"],
        cost="6*N_active*D",
        budget=1e22,
        given={"sparsity": 0.5},
        bounds={"N_active": (1e8, 1e9)},
    ).iloc[0]
    assert held["N_active"] == pytest.approx(1e9)
    assert held["at_bound"] == "N_active"
    assert held["D"] == pytest.approx(1e22 / 6e9, rel=1e-9)
    chosen = ql.plan.best(
        fit, over=["N_active", "D", "sparsity"], cost="6*N_active*D", budget=1e22, choices={"sparsity": [0.0, 0.3, 0.9]}
    ).iloc[0]
    each = [
        ql.plan.best(fit, over=["N_active", "D"], cost="6*N_active*D", budget=1e22, given={"sparsity": s}).iloc[0][
            "loss"
        ]
        for s in (0.0, 0.3, 0.9)
    ]
    assert chosen["loss"] == pytest.approx(min(each), rel=1e-12)
    assert chosen["N_active_lower"] < chosen["N_active"] < chosen["N_active_upper"]
    grouped = ql.FittedLaw(
        ql.laws.Formula("E[c] + A/N^a", levels=(("c", ("x", "y")),)), {"E_x": 1.0, "E_y": 2.0, "A": 10.0, "a": 0.3}
    )
    assert ql.plan.best(grouped, over=["N"], cost="N", budget=1e9, given={"c": "y"}).iloc[0]["loss"] == pytest.approx(
        2 + 10 / 1e9**0.3
    )


def test_flat_range_and_exponent():
    fit = moe()
    row = ql.plan.best(
        fit, over=["N_active", "D"], cost="6*N_active*D", budget=1e21, given={"sparsity": 0.5}, level=None
    ).iloc[0]
    edge = fit(N_active=row["N_active_flat_lower"], D=1e21 / 6 / row["N_active_flat_lower"], sparsity=0.5)
    assert edge == pytest.approx(1.001 * row["loss"], rel=2e-4)
    again = ql.plan.best(
        fit, over=["N_active", "D"], cost="6*N_active*D", budget=1.01e21, given={"sparsity": 0.5}, level=None
    ).iloc[0]
    assert np.log(again["N_active"] / row["N_active"]) / np.log(1.01) == pytest.approx(
        row["N_active_exponent"], rel=1e-3
    )


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"over": ["N_active"], "cost": "6*N_active*D", "budget": 1e22}, ExpressionError, "D of the cost"),
        ({"over": ["N_active", "D"], "cost": "6*N_active*D", "budget": 1e22}, ArgumentError, "say sparsity"),
        (
            {"over": ["N_active", "D"], "cost": "6*N_active*D", "given": {"sparsity": 0.5}},
            ArgumentError,
            "needs a budget",
        ),
        ({"over": ["N_active", "D"], "budget": 1e22, "given": {"sparsity": 0.5}}, ArgumentError, "needs the cost"),
        ({"over": ["N_activ", "D"], "given": {"sparsity": 0.5}}, ArgumentError, "did you mean N_active"),
        ({"over": ["D"], "given": {"D": 1.0, "sparsity": 0.5}}, ArgumentError, "not both"),
        ({"over": []}, ArgumentError, "variables to choose"),
        (
            {"over": ["N_active", "D"], "cost": "6*N_active*(D", "budget": 1, "given": {"sparsity": 0.5}},
            ExpressionError,
            "never closed",
        ),
        (
            {"over": ["N_active", "D"], "cost": "6*N_active*D", "budget": -1, "given": {"sparsity": 0.5}},
            ArgumentError,
            "positive",
        ),
        (
            {"over": ["N_active", "D"], "given": {"sparsity": 0.5}, "bounds": {"x": (1, 2)}},
            ArgumentError,
            "bounds of x",
        ),
        ({"over": ["N_active", "D"], "given": {"sparsity": "half"}}, ArgumentError, "given sparsity"),
        (
            {"over": ["N_active", "D"], "cost": "6*N_active*D", "budget": 1.0, "given": {"sparsity": 0.5}},
            ql.FitError,
            "no finite loss",
        ),
    ],
)
def test_what_cannot_be_answered_is_said(settings, error, said):
    with pytest.raises(error, match=said):
        ql.plan.best(moe(), **settings)
