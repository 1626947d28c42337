"""Laws: derivatives, recovery, limits, composition of names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import sweep

import quokka_laws as ql
from quokka_laws.laws import Chinchilla, Kaplan, Law, PowerLaw, Skaling, from_name, from_spec, registry

TRUTH: list[tuple[Law, dict[str, float]]] = [
    (Chinchilla(), dict(E=1.8, A=480.0, alpha=0.35, B=2100.0, beta=0.37)),
    (Skaling(), dict(E=1.7, A=2300.0, alpha=0.42, B=9900.0, beta=0.43, k=0.77)),
    (Kaplan(), dict(N_c=8.8e13, alpha_N=0.076, D_c=5.4e13, alpha_D=0.095)),
    (PowerLaw("N"), dict(E=1.9, K=300.0, kappa=0.33)),
    (PowerLaw("D"), dict(E=1.9, K=900.0, kappa=0.3)),
    (PowerLaw("C"), dict(E=1.7, K=1600.0, kappa=0.16)),
    (PowerLaw("C", floor=False), dict(K=25.0, kappa=0.05)),
]
BY_NAME = [pytest.param(law, values, id=f"{law.name}-{'-'.join(law.variables)}") for law, values in TRUTH]


@pytest.mark.parametrize(("law", "values"), BY_NAME)
def test_derivatives_match_finite_differences(law: Law, values: dict[str, float]) -> None:
    rng = np.random.default_rng(0)
    x = law.inputs(N=np.array([1e7, 3e8, 2e10]), D=np.array([2e9, 1e10, 4e12]))
    centre = law.to_theta(values)
    P, h = centre.shape[1], 1e-5
    for _ in range(5):
        theta = centre + 0.05 * rng.standard_normal(centre.shape)
        terms = law.terms_at(theta, x, order=2)
        for j in range(P):
            step = h * np.eye(P)[j]
            up, down = law.terms_at(theta + step, x, order=1), law.terms_at(theta - step, x, order=1)
            for k, term in enumerate(terms):
                slope = (up[k].value - down[k].value) / (2 * h)
                assert np.broadcast_to(term.grad.get(j, 0.0), slope.shape) == pytest.approx(slope, rel=1e-6, abs=1e-7)
                for i in range(P):
                    rise = (np.asarray(up[k].grad.get(i, 0.0)) - down[k].grad.get(i, 0.0)) / (2 * h)
                    exact = term.hess.get((min(i, j), max(i, j)), 0.0)
                    assert np.broadcast_to(exact, (1, 3)) == pytest.approx(
                        np.broadcast_to(rise, (1, 3)), rel=1e-5, abs=1e-6
                    )


@pytest.mark.parametrize(("law", "values"), BY_NAME)
def test_coefficients_are_recovered(law: Law, values: dict[str, float]) -> None:
    fit = ql.fit(law, sweep(law, values, runs=80))
    assert fit.values == pytest.approx(values, rel=1e-5)
    assert fit.status is ql.FitStatus.CONVERGED


@pytest.mark.parametrize(("law", "values"), BY_NAME)
def test_spec_round_trip(law: Law, values: dict[str, float]) -> None:
    assert from_spec(law.to_spec()) == law


def test_skaling_with_k_one_is_chinchilla() -> None:
    values = TRUTH[0][1]
    N, D = np.geomspace(1e6, 1e12, 7), np.geomspace(1e8, 1e13, 7)
    assert Skaling().loss({**values, "k": 1.0}, N=N, D=D) == pytest.approx(
        Chinchilla().loss(values, N=N, D=D), rel=1e-14
    )


def test_kaplan_published_values() -> None:
    """Eq. 1.5 with Table 2 of Kaplan et al. 2020."""
    values = dict(alpha_N=0.076, alpha_D=0.103, N_c=6.4e13, D_c=1.8e13)
    assert Kaplan().loss(values, N=1e9, D=1e10) == pytest.approx(2.419652, rel=1e-5)
    assert Kaplan().loss(values, N=1e8, D=2.2e10) == pytest.approx(2.774168, rel=1e-5)


@given(
    N=st.floats(1e6, 1e13),
    D=st.floats(1e7, 1e15),
    factor=st.floats(1.01, 100),
)
def test_more_of_anything_never_hurts(N: float, D: float, factor: float) -> None:
    for law, values in TRUTH[:3]:
        base = law.loss(values, N=N, D=D)
        assert law.loss(values, N=N * factor, D=D) <= base
        assert law.loss(values, N=N, D=D * factor) <= base


def test_zero_amplitude_is_an_ordinary_value() -> None:
    values = {**TRUTH[0][1], "E": 0.0}
    loss = Chinchilla().loss(values, N=1e9, D=1e10)
    assert loss == pytest.approx(480 / 1e9**0.35 + 2100 / 1e10**0.37, rel=1e-13)


def test_values_may_be_arrays_of_draws() -> None:
    values = {k: np.array([v, v * 1.01]) for k, v in TRUTH[0][1].items()}
    assert Chinchilla().loss(values, N=np.ones((3, 4)) * 1e9, D=2e10).shape == (2, 3, 4)


def test_missing_variable_is_named() -> None:
    with pytest.raises(ql.ArgumentError, match="missing: D"):
        Chinchilla().loss(TRUTH[0][1], N=1e9)


def test_unknown_law_suggests_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'chinchilla'"):
        from_name("chinchila")


def test_every_coefficient_says_what_it_means() -> None:
    for law in (cls() for cls in registry().values()):
        assert all(len(c.meaning) > 10 for c in law.coefficients)
        assert "When not to use it" in (type(law).__doc__ or "")


def test_unknown_coefficient_in_make_params() -> None:
    with pytest.raises(ValueError, match="no coefficient gamma"):
        Chinchilla().make_params(gamma=1.0)
