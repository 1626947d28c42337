"""The bounded base: its limits, its closed forms, what it may stand around."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws import laws
from quokka_laws.laws import Law, from_spec

VALUES = dict(E=2.0, A=80.0, alpha=0.36, B=1500.0, beta=0.42, L_0=9.0)
SKALING = dict(E=1.8, A=500.0, alpha=0.5, B=9000.0, beta=0.55, k=0.7, L_0=9.0)


def grid(law: Law, values: dict[str, float]) -> pd.DataFrame:
    """Runs from the floor to near L_0."""
    N, D = (v.ravel() for v in np.meshgrid(np.geomspace(1e5, 3e9, 8), np.geomspace(1e6, 1e11, 8)))
    return ql.check_runs(pd.DataFrame({"N": N, "D": D, "loss": law.loss(values, N=N, D=D)}))


def test_equation() -> None:
    N, D = 1e8, 2e9
    h = 80.0 / N**0.36 + 1500.0 / D**0.42
    assert laws.Bounded().loss(VALUES, N=N, D=D) == pytest.approx((2.0 + 9.0 * h) / (1 + h), rel=1e-14)
    given = laws.Bounded(uninformed_loss=9.0)
    assert given.names == ("E", "A", "alpha", "B", "beta")
    assert given.loss({k: VALUES[k] for k in given.names}, N=N, D=D) == pytest.approx(
        (2.0 + 9.0 * h) / (1 + h), rel=1e-14
    )


def test_limits() -> None:
    """Nothing learned gives L_0, everything E; with L_0 far away it is the base with amplitudes L_0 times as large."""
    law = laws.Bounded()
    assert law.loss(VALUES, N=1e-9, D=1e-9) == pytest.approx(9.0, rel=1e-6)
    assert law.loss(VALUES, N=1e60, D=1e60) == pytest.approx(2.0, rel=1e-12)
    far = VALUES | dict(L_0=1e9, A=500.0 / 1e9, B=9000.0 / 1e9)
    at = dict(N=np.array([1e7, 1e9]), D=np.array([1e8, 1e11]))
    base = laws.Chinchilla().loss(dict(E=2.0, A=500.0, alpha=0.36, B=9000.0, beta=0.42), **at)
    assert law.loss(far, **at) == pytest.approx(base, rel=1e-7)


@pytest.mark.parametrize(("law", "values"), [(laws.Bounded(), VALUES), (laws.Bounded(laws.Skaling()), SKALING)])
def test_recovery(law: Law, values: dict[str, float]) -> None:
    fit = ql.fit(law, grid(law, values), seed=0)
    assert fit.objective_value < 1e-9
    assert {k: fit.values[k] for k in ("E", "L_0", "alpha", "beta")} == pytest.approx(
        {k: values[k] for k in ("E", "L_0", "alpha", "beta")}, rel=1e-3
    )
    assert from_spec(law.to_spec()) == law


def test_runs_of_the_base_send_L_0_to_its_bound() -> None:
    """Where no run shows a bound the fit is nearly the base's: 1,000 nats bend its powers by a part in a thousand."""
    values = dict(E=2.0, A=500.0, alpha=0.36, B=9000.0, beta=0.42)
    N, D = (v.ravel() for v in np.meshgrid(np.geomspace(1e7, 3e9, 6), np.geomspace(1e9, 1e11, 6)))
    noise = np.exp(0.003 * np.random.default_rng(1).standard_normal(len(N)))
    runs = ql.check_runs(pd.DataFrame({"N": N, "D": D, "loss": laws.Chinchilla().loss(values, N=N, D=D) * noise}))
    plain, bounded = ql.fit(laws.Chinchilla(), runs), ql.fit(laws.Bounded(), runs)
    assert bounded.values["L_0"] == pytest.approx(1e3)
    assert bounded.at_bound("L_0")
    (diagnostic,) = (f for f in bounded.diagnostics if f.code == "AT_BOUND")
    assert diagnostic.numbers["means"]
    assert bounded.objective_value <= plain.objective_value * 1.05
    assert bounded(N=1e10, D=3e11) == pytest.approx(plain(N=1e10, D=3e11), rel=0.003)


@pytest.mark.parametrize(("law", "values"), [(laws.Bounded(), VALUES), (laws.Bounded(laws.Skaling()), SKALING)])
def test_plans_have_the_closed_form_of_the_base(law: Law, values: dict[str, float]) -> None:
    fit = ql.FittedLaw(law, values)
    plan = ql.plan.compute_optimal(fit, C=1e21)
    around = fit(N=plan["N"].iloc[0] * np.array([0.97, 1.0, 1.03]), D=plan["D"].iloc[0] / np.array([0.97, 1.0, 1.03]))
    assert around.argmin() == 1
    shortage = law.shortage(values)
    assert shortage is not None
    log_N, log_D = np.log(3e8), np.log(2e10)
    loss = fit(N=3e8, D=2e10)
    assert shortage.log_D(law.log_shortage(values, np.log(loss)), np.array(log_N)) == pytest.approx(log_D, rel=1e-10)
    assert np.isnan(law.log_shortage(values, np.log([1.0, 9.5]))).all()  # below the floor, above the bound


@pytest.mark.parametrize("gone", ["A", "B"])
def test_a_term_that_ran_to_nothing_leaves_the_other(gone: str) -> None:
    law, values = laws.Bounded(), {"E": 1.7, "A": 400.0, "alpha": 0.34, "B": 410.0, "beta": 0.28, "L_0": 9.0}
    without, little = (law.loss({**values, gone: v}, N=[1e8, 1e9], D=[2e9, 2e10]) for v in (0.0, 1e-12))
    assert without == pytest.approx(little)


def test_the_base_needs_a_floor_of_its_own() -> None:
    for base in (laws.Kaplan(), laws.PowerLaw("D", floor=False), laws.Memorization(), laws.Bounded()):
        with pytest.raises(ValueError, match=f"a term of its own; {base.name} has none"):
            laws.Bounded(base)
    with pytest.raises(ValueError, match="must be positive"):
        laws.Bounded(uninformed_loss=0.0)


def test_every_law_that_wraps_a_base_takes_it() -> None:
    inside = [laws.AdditiveOverfit, laws.PowerOverfit, laws.ExposureOverfit, laws.DataReuse, laws.QuokkaRepeated]
    for outer in (*inside, laws.EffectiveData, laws.Memorization, laws.SoftplusOverfit):
        law = outer(laws.Bounded())
        assert "L_0" in law.names
        assert law.variables == ("N", "U_D", "epochs")
    for inner in inside:
        law = laws.Bounded(inner())
        assert law.variables == ("N", "U_D", "epochs")
        assert law.rises == inner().rises
        assert law.of_unique_data == inner.of_unique_data


def test_bounded_effective_data_decides_its_optimal_size_by_the_same_sum() -> None:
    law = laws.EffectiveData(laws.Bounded())
    values = VALUES | dict(R_D=15.0, R_N=5.0)
    within = law.loss(values, N=1e6, U_D=1e9, epochs=4.0)  # no larger than optimal for its data
    assert within == pytest.approx(laws.EffectiveData(laws.Bounded(), parameters=False).loss(
        {k: v for k, v in values.items() if k != "R_N"}, N=1e6, U_D=1e9, epochs=4.0), rel=1e-12)  # fmt: skip
