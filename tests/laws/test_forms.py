"""Forms that exist in published laws: derivatives, limits, vectors; laws of the learning-rate schedule."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic import sweep

import quokka_laws as ql
from quokka_laws import schedules
from quokka_laws.laws.precision import post_training_penalty

FARSEER = ql.published["farseer-2025"].values
BROKEN = {"E": 1.5, "K": 500.0, "c_0": 0.15, "c_1": 0.1, "d_1": 1e20, "f_1": 0.5}
KUMAR = ql.published["kumar-2024/4-bit"].values


@pytest.mark.parametrize(
    ("law", "values"),
    [(ql.laws.Farseer(), FARSEER), (ql.laws.BrokenPowerLaw("C"), BROKEN), (ql.laws.LowPrecision(4.0), KUMAR)],
)
def test_derivatives_match_finite_differences(law: ql.laws.Law, values: dict[str, float]) -> None:
    x = law.inputs(N=np.array([1e7, 3e8, 2e10]), D=np.array([2e9, 1e10, 4e12]))
    theta = law.to_theta(values)
    for j in range(theta.shape[1]):
        h = 1e-6 * max(1.0, abs(theta[0, j]))
        step = h * np.eye(theta.shape[1])[j]
        for k, term in enumerate(law.terms_at(theta, x, order=2)):
            up, down = (law.terms_at(theta + s * step, x, order=1)[k] for s in (1, -1))
            slope = np.broadcast_to((up.value - down.value) / (2 * h), (1, 3))
            assert np.broadcast_to(term.grad.get(j, 0.0), (1, 3)) == pytest.approx(slope, rel=1e-5, abs=1e-6)


def test_broken_power_law_limits_and_recovery() -> None:
    law = ql.laws.BrokenPowerLaw("C")
    far = np.array([1e12, 1e13]), np.array([1e28, 1e29])
    for C, slope in zip(far, (0.15, 0.25), strict=True):
        reducible = law.loss(BROKEN, C=C) - BROKEN["E"]
        assert -np.diff(np.log10(reducible))[0] == pytest.approx(slope, abs=1e-4)
    runs = sweep(law, BROKEN, runs=80)
    fit = ql.fit(law, runs)
    assert fit.objective_value < 1e-9
    with pytest.raises(ValueError, match="N, D or C"):
        ql.laws.BrokenPowerLaw("epochs")  # type: ignore[arg-type]


def test_farseer_plans_numerically() -> None:
    plan = ql.plan.compute_optimal(ql.published["farseer-2025"], [1e20, 1e23, 1e25])
    assert plan["tokens_per_param"].tolist() == pytest.approx([25, 84, 732], rel=0.02)  # catalogue
    for row in plan.itertuples():
        near = ql.published["farseer-2025"](N=row.N * np.array([0.99, 1.01]), D=row.D / np.array([0.99, 1.01]))
        assert (near >= row.loss).all()


def test_precision() -> None:
    assert post_training_penalty(1e9, 1e12, 4) == pytest.approx(0.0664233836, rel=1e-7)
    full, low = (ql.plan.compute_optimal(ql.published[f"kumar-2024/{b}"], 1e21).iloc[0] for b in ("16-bit", "4-bit"))
    assert low["N"] > full["N"]  # parameters are worth less, so more of them
    with pytest.raises(ValueError, match="bits = 0"):
        ql.laws.LowPrecision(0)


def test_annealing_sums_of_the_published_example() -> None:
    lr = np.append(schedules.cosine(20_000, peak=2e-4, warmup=500, warmup_at_peak=True), 0.0)  # steps 0 to 20,000
    S1, S2 = schedules.annealing_sums(lr)
    assert S1[-1] == pytest.approx(2.0501, rel=1e-6)
    assert S2[-1] == pytest.approx(0.197473838, rel=1e-6)
    loss = schedules.annealing_law(schedules.TISSUE_EXAMPLE, lr)
    assert loss[-1] == pytest.approx(2.8376071, rel=5e-3)
    with pytest.raises(ValueError, match="none negative"):
        schedules.annealing_sums([-1.0])


def test_multi_power_law() -> None:
    """Published vectors: 25M at a constant rate, 100M with a cosine to a tenth, 400M decayed to it, after a warm-up."""
    values = schedules.MULTI_POWER["25M"]
    rates = np.concatenate([3e-4 * np.arange(2160) / 2160, np.full(72_000 - 2160, 3e-4)])
    found = schedules.multi_power_law(values, rates, 71_936)
    assert found == pytest.approx(3.26026, rel=1e-5)
    slow = np.concatenate([rates[:50_000], np.linspace(3e-4, 3e-5, 22_000)])
    assert schedules.multi_power_law(values, slow, 71_936) < found
    cosine = schedules.cosine(72_000, peak=3e-4, final=3e-5, warmup=2160)
    assert schedules.multi_power_law(schedules.MULTI_POWER["100M"], cosine, 71_920) == pytest.approx(2.86176, rel=1e-5)
    decay = 3e-4 * 0.1 ** (np.arange(1, 4001) / 4000)  # warm-up, stable, exponential decay
    wsd = np.concatenate([rates[:20_000], decay])
    assert schedules.multi_power_law(schedules.MULTI_POWER["400M"], wsd, 23_936) == pytest.approx(2.70045, rel=1e-5)
