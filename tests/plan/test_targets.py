"""What a loss costs: closed forms, published vectors, brute force."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws._numeric.roots import find_root
from quokka_laws.plan.targets import compute_to_loss, deadweight, overtraining, tokens_to_loss
from quokka_laws.results.intervals import interval_with_never

BESIROGLU = {"E": 1.81686, "A": 482.00572, "B": 2085.4342, "alpha": 0.34781303, "beta": 0.36585412}


@pytest.fixture
def law() -> ql.FittedLaw:
    return ql.FittedLaw(ql.laws.Chinchilla(), BESIROGLU, ql.Conventions(), {"C": (1e18, 1e22)}, name="besiroglu")


def closed_C(v: dict[str, float], loss: float) -> float:
    s = v["alpha"] + v["beta"]
    G = (v["alpha"] * v["A"] / (v["beta"] * v["B"])) ** (1 / s)
    reducible = v["A"] * G ** -v["alpha"] + v["B"] * G ** v["beta"]
    return 6 * (reducible / (loss - v["E"])) ** (s / (v["alpha"] * v["beta"]))


def test_tokens_to_loss_is_the_closed_form(law: ql.FittedLaw) -> None:
    N = np.geomspace(1e8, 1e12, 7)
    loss = 1.05 * (BESIROGLU["E"] + BESIROGLU["A"] / N ** BESIROGLU["alpha"])
    closed = (BESIROGLU["B"] / (loss - BESIROGLU["E"] - BESIROGLU["A"] / N ** BESIROGLU["alpha"])) ** (
        1 / BESIROGLU["beta"]
    )
    np.testing.assert_allclose(tokens_to_loss(law, loss, N)["D"], closed, rtol=1e-10)
    assert tokens_to_loss(law, 2.05, 7e9)["D"].iloc[0] == pytest.approx(3.88638e12, rel=1e-6)  # catalogue


def test_compute_to_loss_is_the_closed_form(law: ql.FittedLaw) -> None:
    targets = [3.0, 2.2, 2.0, 1.85]
    found = compute_to_loss(law, targets)
    np.testing.assert_allclose(found["C"], [closed_C(BESIROGLU, t) for t in targets], rtol=1e-10)
    np.testing.assert_allclose(law(N=found["N"], D=found["D"]), targets, rtol=1e-12)
    assert found["C"].iloc[1] == pytest.approx(3.88077e21, rel=1e-5)
    assert found[["C", "N", "D"]].iloc[2].tolist() == pytest.approx([2.43691e23, 4.6555e10, 8.7242e11], rel=1e-4)


def test_overtraining_vectors(law: ql.FittedLaw) -> None:
    """D/N ×4, ×16 and ×64 at 1e22: half, a quarter and an eighth of the optimal size."""
    table = overtraining(law, 1e22, [4, 16, 64])
    assert table["loss"].tolist()[:2] == pytest.approx([2.150401, 2.180548], rel=1e-6)
    assert table["multiplier"].tolist()[:2] == pytest.approx([1.2593, 4.467], rel=1e-3)
    assert np.isinf(table["multiplier"].iloc[2])
    assert 1 - table["wasted"].iloc[0] == pytest.approx(0.8445, rel=1e-3)
    none = overtraining(law, 1e22, 1.0)
    assert none["penalty"].iloc[0] == pytest.approx(0, abs=1e-12)
    assert none["wasted"].iloc[0] == pytest.approx(0, abs=1e-9)


def test_deadweight_agrees_with_overtraining(law: ql.FittedLaw) -> None:
    over = overtraining(law, 1e22, 4)
    own = deadweight(law, N=over["N"], D=over["D"])
    assert own["wasted"].iloc[0] == pytest.approx(over["wasted"].iloc[0], rel=1e-10)
    assert compute_to_loss(law, own["loss"])["C"].iloc[0] == pytest.approx(own["C_optimal"].iloc[0], rel=1e-10)
    same = deadweight(law, C=1e22, allocated_by=law)
    assert same["wasted"].iloc[0] == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValueError, match="give either N and D"):
        deadweight(law, N=1e9)


@pytest.mark.parametrize(
    ("form", "values"),
    [
        (ql.laws.Skaling(), {"E": 1.5, "A": 50.0, "alpha": 0.35, "B": 300.0, "beta": 0.4, "k": 0.7}),
        (ql.laws.Kaplan(), {"N_c": 6.4e13, "alpha_N": 0.076, "D_c": 1.8e13, "alpha_D": 0.103}),
    ],
)
def test_other_laws_against_brute_force(form: ql.laws.Law, values: dict[str, float]) -> None:
    law = ql.FittedLaw(form, values)
    target = 2.6
    found = compute_to_loss(law, target).iloc[0]
    N = found["N"] * np.geomspace(0.2, 5, 4001)
    D = tokens_to_loss(law, target, N[law(N=N, D=1e50) < target])["D"].to_numpy()
    cheapest = (6 * N[law(N=N, D=1e50) < target] * D).min()
    assert found["C"] == pytest.approx(cheapest, rel=1e-6)
    assert found["C"] <= cheapest * (1 + 1e-12)


def test_unreachable_targets_say_the_floor(law: ql.FittedLaw) -> None:
    with pytest.raises(ql.FitError, match=r"its floor is 1\.8169"):
        compute_to_loss(law, 1.8)
    with pytest.raises(ql.FitError, match=r"with endless tokens it reaches 2\.17"):
        tokens_to_loss(law, 2.0, 1e9)
    with pytest.raises(ValueError, match="loss = -1: expected positive"):
        compute_to_loss(law, -1)


def test_intervals_and_several_laws(noisy_fit: ql.FitResult, law: ql.FittedLaw) -> None:
    loss = float(noisy_fit.runs["loss"].min())
    found = compute_to_loss(noisy_fit, loss, level=0.9).iloc[0]
    assert found["C_lower"] < found["C"] < found["C_upper"]
    D = tokens_to_loss(noisy_fit, loss, 10 * found["N"], level=0.9).iloc[0]
    assert D["D_lower"] < D["D"] < D["D_upper"]
    penalty = overtraining(noisy_fit, 1e21, 4.0, level=0.9).iloc[0]
    assert 0 < penalty["penalty_lower"] < penalty["penalty_upper"]
    both = compute_to_loss([law, ql.FittedLaw(law.law, {**BESIROGLU, "E": 1.7}, name="other")], [2.5, 2.2])
    assert both["law"].tolist() == ["besiroglu"] * 2 + ["other"] * 2


def test_conventions_that_differ_are_said(law: ql.FittedLaw) -> None:
    bound = ql.FittedLaw(law.law, law.values, ql.Conventions(loss_kind="ELBO bound"), name="diffusion")
    exact = ql.FittedLaw(law.law, law.values, ql.Conventions(loss_kind="exact NLL"), name="autoregressive")
    with pytest.warns(ql.plan.ConventionsDiffer, match="ELBO bound, exact NLL"):
        table = compute_to_loss([bound, exact], 2.5)
    assert table["law"].tolist() == ["diffusion", "autoregressive"]
    assert table["C"].nunique() == 1


def test_find_root() -> None:
    target = np.geomspace(1e-3, 1e3, 50)
    root = find_root(lambda t: np.exp(t) - target, np.full(50, -20.0), np.full(50, 20.0))
    np.testing.assert_allclose(root, np.log(target), atol=1e-14, rtol=1e-14)
    assert np.isnan(find_root(lambda t: t**2 + 1, np.array([-1.0]), np.array([2.0]))[0])


def test_interval_with_never() -> None:
    draws = np.r_[np.arange(96.0), [np.inf] * 5][:, None]
    lower, upper = interval_with_never(draws, 0.9)
    assert lower[0] == 5
    assert upper[0] == 95
    assert np.isinf(interval_with_never(draws, 0.98)[1][0])


def test_a_law_without_closed_forms_against_its_own_optimum() -> None:
    """Farseer: the compute found for a loss has that loss at its optimum, for every draw."""
    published = ql.published["farseer-2025"]
    rng = np.random.default_rng(0)
    draws = pd.DataFrame({k: v * np.exp(1e-3 * rng.standard_normal(20)) for k, v in published.values.items()})  # type: ignore[union-attr]
    law = ql.FittedLaw(published.law, published.values, draws=draws)  # type: ignore[union-attr]
    table = compute_to_loss(law, [0.5, 0.45], level=0.9)
    back = ql.plan.compute_optimal(law, table["C"])
    np.testing.assert_allclose(back["loss"], table["loss"], rtol=1e-12)
    assert (table["C_lower"] < table["C"]).all()
    assert (table["C"] < table["C_upper"]).all()
    with pytest.raises(ql.FitError, match=r"its floor is 0\.\d+"):
        compute_to_loss(law, 0.01)
