"""Serving and training together: Sardana's examples, the first-order condition, brute force."""

from __future__ import annotations

import numpy as np
import pytest

import quokka_laws as ql
from quokka_laws.plan import compute_to_loss, inference_optimal, tokens_to_loss


def reference(name: str, N: float) -> tuple[ql.FittedLaw, float, float]:
    """A published law, and the loss and tokens of its compute-optimal model of N parameters."""
    law = ql.published[name]
    assert isinstance(law, ql.FittedLaw)
    v = law.values
    G = (v["alpha"] * v["A"] / (v["beta"] * v["B"])) ** (1 / (v["alpha"] + v["beta"]))
    C = 6 * (N / G) ** ((v["alpha"] + v["beta"]) / v["beta"])
    row = ql.plan.compute_optimal(law, C).iloc[0]
    assert row["N"] == pytest.approx(N, rel=1e-9)
    return law, float(row["loss"]), float(row["D"])


@pytest.mark.parametrize(
    ("name", "N", "D", "D_ratio"),
    [("besiroglu-2024", 5.596e9, 1.837e11, None), ("chinchilla-2022/parametric", 6.055e9, None, 1.164)],
)
def test_published_examples(name: str, N: float, D: float | None, D_ratio: float | None) -> None:
    law, loss, D_ref = reference(name, 7e9)
    row = inference_optimal(law, 1e11, loss=loss).iloc[0]
    assert row["N"] == pytest.approx(N, rel=3e-3)
    if D is not None:
        assert row["D"] == pytest.approx(D, rel=3e-3)
    if D_ratio is not None:
        assert row["D"] / D_ref == pytest.approx(D_ratio, rel=3e-3)
    assert row["N_compute_optimal"] == pytest.approx(7e9, rel=1e-9)
    assert 0 < row["saved"] < 1


@pytest.mark.parametrize("price", [1.0, 2.5])
def test_first_order_condition_and_brute_force(price: float) -> None:
    law, loss, _ = reference("besiroglu-2024", 7e9)
    demand = np.array([1e9, 1e11, 1e13])
    found = inference_optimal(law, demand, loss=loss, serving_price=price)
    v, N, D = law.values, found["N"].to_numpy(), found["D"].to_numpy()
    slopes = (v["alpha"] * v["A"] / N ** v["alpha"]) / (v["beta"] * v["B"] / D ** v["beta"])
    np.testing.assert_allclose(slopes, 1 + price * demand / (3 * D), rtol=1e-10)
    np.testing.assert_allclose(law(N=N, D=D), loss, rtol=1e-12)
    for d, total, n in zip(demand, found["C_total"], N, strict=True):
        sizes = n * np.geomspace(0.95, 1.5, 801)
        tokens = tokens_to_loss(law, loss, sizes)["D"].to_numpy()
        cost = 6 * sizes * tokens + 2 * price * sizes * d
        assert total <= cost.min() * (1 + 1e-12)
        assert total == pytest.approx(cost.min(), rel=1e-5)


def test_coupled_law_and_no_demand() -> None:
    law = ql.FittedLaw(
        ql.laws.Skaling(), {"E": 1.5, "A": 50.0, "alpha": 0.35, "B": 300.0, "beta": 0.4, "k": 0.7}, name="skaling"
    )
    plan = ql.plan.compute_optimal(law, 1e22).iloc[0]
    none = inference_optimal(law, 1.0, C=1e22).iloc[0]
    assert none["N"] == pytest.approx(plan["N"], rel=1e-6)
    assert none["saved"] == pytest.approx(0, abs=1e-9)
    assert compute_to_loss(law, none["loss"])["C"].iloc[0] == pytest.approx(1e22, rel=1e-9)


def test_intervals_and_errors(noisy_fit: ql.FitResult) -> None:
    row = inference_optimal(noisy_fit, 1e10, C=1e20, level=0.9).iloc[0]
    assert row["N_lower"] < row["N"] < row["N_upper"]
    with pytest.raises(ValueError, match="give the quality wanted once"):
        inference_optimal(noisy_fit, 1e10)
    with pytest.raises(ql.FitError, match="its floor is"):
        inference_optimal(noisy_fit, 1e10, loss=0.1)
    with pytest.raises(ql.FitError, match="needs a law of the loss"):
        inference_optimal(ql.published["llama3-2024"], 1e10, C=1e22)


def test_allocations_side_by_side() -> None:
    laws = [ql.published["besiroglu-2024"], ql.published["quokka-2025/parametric"]]
    with pytest.warns(ql.plan.ConventionsDiffer, match="ELBO bound"):
        both = ql.plan.compute_optimal(laws, [1e21, 1e23])
    assert both["law"].tolist() == ["besiroglu-2024"] * 2 + ["quokka-2025/parametric"] * 2


@pytest.mark.parametrize("name", ["farseer-2025", "kumar-2024/4-bit"])
def test_laws_without_closed_forms_against_brute_force(name: str) -> None:
    law = ql.published[name]
    found = ql.plan.inference_optimal(law, 1e12, C=1e22).iloc[0]
    N = found["N"] * np.geomspace(0.7, 1.4, 401)
    D = ql.plan.tokens_to_loss(law, found["loss"], N)["D"].to_numpy()
    cost = 6 * N * D + 2 * N * 1e12
    assert found["C_total"] <= cost.min() * (1 + 1e-12)
    assert found["N"] == pytest.approx(N[cost.argmin()], rel=2e-3)
    assert found["N"] < found["N_compute_optimal"]
