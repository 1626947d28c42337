"""Every law: derivatives, recovery, coordinates, completed data, projected starts, names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import sweep

import quokka_laws as ql
from quokka_laws.laws import (
    BrokenPowerLaw,
    Chinchilla,
    Farseer,
    Kaplan,
    Law,
    LowPrecision,
    PowerLaw,
    Skaling,
    from_name,
    from_spec,
    registry,
)

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


WIDER: list[tuple[Law, dict[str, float]]] = [
    (Farseer(), ql.published["farseer-2025"].values),
    (BrokenPowerLaw("C"), {"E": 1.5, "K": 500.0, "c_0": 0.15, "c_1": 0.1, "d_1": 1e20, "f_1": 0.5}),
    (LowPrecision(4.0), ql.published["kumar-2024/4-bit"].values),
]


@pytest.mark.parametrize(("law", "values"), WIDER, ids=lambda v: getattr(v, "name", ""))
def test_slopes_of_laws_whose_coefficients_differ_in_size(law: Law, values: dict[str, float]) -> None:
    x = law.inputs(N=np.array([1e7, 3e8, 2e10]), D=np.array([2e9, 1e10, 4e12]))
    theta = law.to_theta(values)
    for j in range(theta.shape[1]):
        h = 1e-6 * max(1.0, abs(theta[0, j]))
        step = h * np.eye(theta.shape[1])[j]
        for k, term in enumerate(law.terms_at(theta, x, order=2)):
            up, down = (law.terms_at(theta + s * step, x, order=1)[k] for s in (1, -1))
            slope = np.broadcast_to((up.value - down.value) / (2 * h), (1, 3))
            assert np.broadcast_to(term.grad.get(j, 0.0), (1, 3)) == pytest.approx(slope, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(("law", "values"), BY_NAME)
def test_coefficients_are_recovered(law: Law, values: dict[str, float]) -> None:
    fit = ql.fit(law, sweep(law, values, runs=80))
    assert fit.values == pytest.approx(values, rel=1e-5)
    assert fit.status is ql.FitStatus.CONVERGED


@pytest.mark.parametrize(("law", "values"), BY_NAME)
def test_spec_round_trip(law: Law, values: dict[str, float]) -> None:
    assert from_spec(law.to_spec()) == law


@settings(max_examples=50, derandomize=True, deadline=None)
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


@pytest.mark.parametrize(("law", "values"), BY_NAME)
def test_coordinates_and_values_are_inverses(law: Law, values: dict[str, float]) -> None:
    theta = law.to_theta(values)
    assert theta.shape == (1, len(values))
    assert {k: float(v[0]) for k, v in law.to_values(theta).items()} == pytest.approx(values, rel=1e-14)
    x = law.inputs(N=np.array([1e8, 1e10]), D=np.array([1e10, 1e12]))
    np.testing.assert_allclose(law.log_loss_at(theta, x), law.log_loss(values, x), rtol=1e-14)


def test_data_are_completed() -> None:
    seen = Law.completed(U_D=1e9, epochs=4, N=1e8)
    assert (seen["D"], seen["C"]) == (4e9, 6 * 1e8 * 4e9)
    assert Law.completed(D=4e9, epochs=4)["U_D"] == 1e9
    assert Law.completed(D=4e9, U_D=1e9)["epochs"] == 4
    assert Law.completed(N=1e8, C=1.2e18)["D"] == 2e9
    assert Law.completed(N=1e8, D=1e9, flops_per_ND=2.0)["C"] == 2e17
    assert Law.completed(N=1e8, D=1e9, C=5.0)["C"] == 5.0  # what is given stays
    x = Law.inputs(Chinchilla(), N=1e8, D=1e9, U_D=5e8)
    assert x["log_U_D"] == pytest.approx(np.log(5e8))
    assert x["epochs"] == 2


def test_which_term_an_amplitude_scales() -> None:
    assert Chinchilla().amplitude_terms == {0: 0, 1: 1, 3: 2}
    assert Skaling().amplitude_terms == {0: 0}
    assert [law.term_count for law in (Chinchilla(), Skaling(), Kaplan(), PowerLaw("C", floor=False))] == [3, 2, 1, 1]
    assert [Chinchilla().is_alone(name) for name in Chinchilla().names] == [True, False, False, False, False]


@pytest.mark.parametrize(("law", "values"), BY_NAME)
def test_projected_starts_have_the_amplitudes_of_the_truth(law: Law, values: dict[str, float]) -> None:
    """Given the true exponents, floors apart, sizes follow exactly; laws that try floors find one of them nearby."""
    runs = sweep(law, values, runs=30)
    x = law.inputs(**{k: runs[k].to_numpy() for k in law.variables})
    theta = law.to_theta(values)
    start = np.where([[c.kind == "amplitude" for c in law.coefficients]], 3.0, theta)
    found = law.project(start, x, runs["loss"].to_numpy(), np.ones(30))
    if law.name != "skaling":
        np.testing.assert_allclose(found, theta, rtol=1e-6)
    fixed = law.project(theta, x, runs["loss"].to_numpy(), np.ones(30), free=[False] * theta.shape[1])
    if not isinstance(law, Skaling | Kaplan):
        assert (fixed == theta).all()


def test_a_fixed_amplitude_is_taken_off_before_the_others_are_solved() -> None:
    law, values = TRUTH[0]
    runs = sweep(law, values, runs=20)
    x = law.inputs(N=runs["N"], D=runs["D"])
    theta = law.to_theta({**values, "A": 1.0, "B": 1.0})
    found = law.project(theta, x, runs["loss"].to_numpy(), np.ones(20), free=[False, True, True, True, True])
    np.testing.assert_allclose(found, law.to_theta(values), rtol=1e-8)


def test_coefficients_of_a_law_have_bounds_of_their_own() -> None:
    params = Chinchilla().make_params()
    assert {k: (p.min, p.max) for k, p in params.items()} == {
        "E": (0, np.inf),
        "A": (0, np.inf),
        "alpha": (0, 5),
        "B": (0, np.inf),
        "beta": (0, 5),
    }
