"""Repeated-data laws: derivatives, limits, published curves, composition."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import quokka_laws as ql
from quokka_laws import laws
from quokka_laws.laws import Law, from_spec

CHINCHILLA = dict(E=2.0, A=500.0, alpha=0.36, B=9000.0, beta=0.42)
BOUNDED = dict(E=2.0, A=80.0, alpha=0.36, B=1500.0, beta=0.42, L_0=9.0)
TRUTH: list[tuple[Law, dict[str, float]]] = [
    (laws.QuokkaRepeated(), CHINCHILLA | dict(p_e=1.1, c_p=130.0, m_p=0.42, k_p=0.52, gamma=0.6)),
    (laws.EffectiveData(), CHINCHILLA | dict(R_D=15.0, R_N=5.0)),
    (laws.EffectiveData(parameters=False), CHINCHILLA | dict(R_D=15.0)),
    (laws.AdditiveOverfit(), CHINCHILLA | dict(mu=1e-4, delta=0.5, gamma_o=4.0)),
    (
        laws.SoftplusOverfit(),
        CHINCHILLA | dict(R_D=34.0, mu=0.2, delta=0.37, kappa=300.0, eta=0.8, tau=40.0, gamma_o=0.8),
    ),
    (laws.PowerOverfit(), CHINCHILLA | dict(P=4e-3, delta=0.75, kappa_o=0.5)),
    (laws.Memorization(), CHINCHILLA | dict(nu=2e-5, s=1.77, p=1.45, c=270_000.0, T=10.0)),
    (laws.Memorization(memorized_loss=10.8), CHINCHILLA | dict(nu=2e-5, s=1.77, p=1.45, c=270_000.0)),
    (
        laws.SaturatingOverfit(),
        CHINCHILLA | dict(H=0.05, gamma_o=0.5, delta=0.6, L_0=10.0),
    ),
    (laws.BoundedMemorization(), BOUNDED | dict(nu=2e-5, s=1.77, c=270_000.0, T=10.0)),
    (laws.DataReuse(), CHINCHILLA | dict(K=46_000.0, rho=-0.42, sigma=-0.40)),
    (laws.DataReuse(laws.Bounded(), by_size=False), BOUNDED | dict(K=46.0, rho=-0.42)),
    (laws.ExposureOverfit(), CHINCHILLA | dict(c=3.0, p=0.9, s=1.1)),
    (laws.Bounded(laws.ExposureOverfit()), BOUNDED | dict(c=20.0, p=0.9, s=1.1)),
    (laws.QuokkaRepeated(laws.Skaling()), CHINCHILLA | dict(k=0.8, p_e=1.1, c_p=130.0, m_p=0.42, k_p=0.52, gamma=0.6)),
    (laws.AdditiveOverfit(laws.EffectiveData()), CHINCHILLA | dict(R_D=15.0, R_N=5.0, mu=1e-4, delta=0.5, gamma_o=4.0)),
    (
        laws.PowerOverfit(laws.QuokkaRepeated()),
        CHINCHILLA | dict(p_e=1.0, c_p=130.0, m_p=0.4, k_p=0.5, gamma=0.6, P=4e-3, delta=0.75, kappa_o=0.5),
    ),
]
TRUTH = [t for t in TRUTH if t[0].name != "power-overfit" or not isinstance(t[0].base, laws.QuokkaRepeated)]
CASES = [
    pytest.param(law, values, id=f"{law.name}-{getattr(law, 'base', law).name}-{len(values)}") for law, values in TRUTH
]
WRAPPED = [case for case in CASES if isinstance(case.values[0], laws.Repeated)]


@pytest.mark.parametrize(("law", "values"), CASES)
def test_derivatives_match_finite_differences(law: Law, values: dict[str, float]) -> None:
    x = law.inputs(N=np.array([1.1e7, 3e8, 2e9]), U_D=np.array([3e7, 1e8, 1e8]), epochs=np.array([1.0, 7.0, 300.0]))
    theta = law.to_theta(values)
    P, h = theta.shape[1], 1e-5
    with np.errstate(all="raise", under="ignore"):
        terms = law.terms_at(theta, x, order=2)
    for j in range(P):
        step = h * np.eye(P)[j]
        up, down = law.terms_at(theta + step, x, order=1), law.terms_at(theta - step, x, order=1)
        for k, term in enumerate(terms):
            alive = np.isfinite(term.value)
            slope = (np.where(alive, up[k].value, 0) - np.where(alive, down[k].value, 0)) / (2 * h)
            assert np.broadcast_to(term.grad.get(j, 0.0), slope.shape) == pytest.approx(slope, rel=1e-5, abs=1e-6)
            for i in range(P):
                rise = (np.asarray(up[k].grad.get(i, 0.0)) - down[k].grad.get(i, 0.0)) / (2 * h)
                exact = term.hess.get((min(i, j), max(i, j)), 0.0)
                assert np.broadcast_to(exact, (1, 3)) == pytest.approx(
                    np.broadcast_to(rise, (1, 3)), rel=1e-4, abs=1e-4
                )


@pytest.mark.parametrize(("law", "values"), WRAPPED)
@given(N=st.floats(1e6, 1e11), U=st.floats(1e6, 1e12), epochs=st.floats(0.01, 1.0))
def test_one_epoch_is_the_single_epoch_law(
    law: laws.Repeated, values: dict[str, float], N: float, U: float, epochs: float
) -> None:
    """Exactly, for epochs of at most one (effective parameters aside: they saturate at any number of epochs)."""
    base: Law = law
    while isinstance(base, laws.Repeated):
        if isinstance(base, laws.EffectiveData) and base.parameters:
            values = {**values, "R_N": 1e12}
        base = base.base
    single = base.loss({k: values[k] for k in base.names}, N=N, D=U * epochs)
    assert law.loss(values, N=N, U_D=U, epochs=epochs) == pytest.approx(single, rel=1e-7 if "R_N" in values else 1e-13)


@pytest.mark.parametrize(("law", "values"), CASES)
def test_coefficients_are_recovered(law: Law, values: dict[str, float]) -> None:
    """Noise-free runs: the fit finds an objective of nothing and the same losses, also between the runs."""
    N, U = (v.ravel() for v in np.meshgrid(np.geomspace(1e7, 2e9, 6), np.geomspace(1e7, 2e8, 4)))
    e = np.array([1, 2, 5, 12, 30, 80, 200, 500.0])
    runs = pd.DataFrame({"N": np.repeat(N, 8), "U_D": np.repeat(U, 8), "epochs": np.tile(e, len(N))})
    runs["run_id"] = np.repeat(np.arange(len(N)), 8)
    runs["loss"] = law.loss(values, N=runs["N"], U_D=runs["U_D"], epochs=runs["epochs"])
    fit = ql.fit(law, ql.check_runs(runs))
    assert fit.objective_value < 1e-6
    between = dict(N=np.array([5e7, 9e8]), U_D=np.array([3e7, 5e7]), epochs=np.array([20.0, 150.0]))
    assert fit(**between) == pytest.approx(law.loss(values, **between), rel=1e-3)


@pytest.mark.parametrize(("law", "values"), CASES)
def test_specs_rebuild_nested_laws(law: Law, values: dict[str, float]) -> None:
    assert from_spec(law.to_spec()) == law


def test_muennighoff_published_values() -> None:
    """Two losses printed by the authors' notebook, to sixteen digits."""
    fit = ql.FittedLaw(
        laws.EffectiveData(),
        dict(
            E=np.exp(0.6254804),
            A=np.exp(6.255414),
            B=np.exp(7.3049974),
            alpha=0.3526596,
            beta=0.3526596,
            R_D=15.387756,
            R_N=5.309743,
        ),
    )
    assert fit(N=[6.34e9, 8.67e9], U_D=25e9, D=[242e9, 178e9]).tolist() == pytest.approx(
        [2.2256440889984477, 2.2269634075087867], rel=1e-7
    )
    assert fit(N=1e9, U_D=20e9, D=80e9) == pytest.approx(2.436019947, rel=1e-7)


def printed(name: str) -> pd.DataFrame:
    with (ql.datasets.data_folder() / "quokka2025" / "paper_curves.csv.gz").open("rb") as file:
        curves = pd.read_csv(file, compression="gzip")
    return curves[curves["curve"] == name]


def test_figure_17_of_quokka_from_unrounded_coefficients() -> None:
    law = laws.QuokkaRepeated()
    unrounded = ql.datasets.load_quokka_tables()["recovered_from_curves"]["eq15"]
    curve = printed("fig17_red")
    loss = law.loss(
        {k: unrounded[k] for k in law.names},
        N=curve["params_fixed"],
        U_D=curve["flops_or_unique_tokens"],
        epochs=curve["x"],
    )
    assert np.abs(loss - curve["y"]).max() < 1e-4


def test_data_reuse_gives_the_effective_tokens_its_authors_list() -> None:
    """Rows of their released fit (sunnytqin/OLMo-core, chinchilla_triple_fit_data_repeat.csv); R at three runs fixes K, rho and sigma."""
    rho = np.log(45.272728 / 60.406604) / np.log(2)
    sigma = np.log(44.414911 / 60.406604) / np.log(30 / 14)
    values = dict(E=1.396, A=225.3, alpha=0.289, B=17738.0, beta=0.438, K=60.406604 / 14e6**sigma, rho=rho, sigma=sigma)
    law = laws.DataReuse()
    x = law.inputs(N=np.array([14e6, 60e6, 60e6]), U_D=np.array([14e6, 0.6e9, 2.4e9]), epochs=np.array([64.0, 16, 4]))
    p = dict(zip((c.coordinate for c in law.coefficients), law.to_theta(values).T[:, :, None], strict=True))
    tokens = np.exp(law.base_inputs(p, x)["log_D"])[0]
    assert tokens == pytest.approx([561_653_728, 5_916_970_064, 8_294_019_930], rel=1e-6)
    loss = law.loss(values, N=60e6, U_D=[0.6e9, 2.4e9], epochs=[16, 4])
    assert loss == pytest.approx([3.600052, 3.471652], rel=1e-3)  # E, A, B and the exponents are rounded there


def test_data_reuse_of_a_constant_is_effective_data() -> None:
    at = dict(N=3e8, U_D=1e8, epochs=np.array([0.5, 1.0, 4.0, 60.0]))
    reuse = laws.DataReuse().loss(CHINCHILLA | dict(K=15.0, rho=0.0, sigma=0.0), **at)
    effective = laws.EffectiveData(parameters=False).loss(CHINCHILLA | dict(R_D=15.0), **at)
    assert reuse == pytest.approx(effective, rel=1e-13)
    with pytest.raises(ql.FitError):
        ql.plan.max_epochs(ql.FittedLaw(laws.DataReuse(), CHINCHILLA | dict(K=15.0, rho=0.0, sigma=0.0)), 1e8, 1e8)


def test_clashing_coefficients_are_refused() -> None:
    with pytest.raises(ValueError, match="both have a coefficient delta"):
        laws.PowerOverfit(laws.AdditiveOverfit())
    with pytest.raises(ValueError, match="no A, alpha, B, beta"):
        laws.EffectiveData(laws.Kaplan())


def test_kaplan_under_repeated_data() -> None:
    law = laws.QuokkaRepeated(laws.Kaplan())
    values = dict(N_c=8.8e13, alpha_N=0.076, D_c=5.4e13, alpha_D=0.095, p_e=1.0, c_p=130.0, m_p=0.4, k_p=0.5, gamma=0.6)
    assert law.loss(values, N=1e9, U_D=1e9, epochs=1000.0) > law.loss(values, N=1e9, U_D=1e9, epochs=10.0)
