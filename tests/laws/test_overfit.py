"""Costs of overfitting: published curves and vectors, each term by hand, nothing at one epoch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws import laws

CHINCHILLA = dict(E=2.0, A=500.0, alpha=0.36, B=9000.0, beta=0.42)
AT = dict(N=1e9, U_D=2e8, epochs=np.array([0.5, 1.0, 1.5, 8.0, 200.0]))
BASE = laws.Chinchilla().loss(CHINCHILLA, N=1e9, D=2e8 * AT["epochs"])
REPEATS = AT["epochs"] > 1


def test_figure_19_of_quokka_from_unrounded_coefficients() -> None:
    law = laws.AdditiveOverfit()
    c = ql.datasets.load_quokka_tables()["recovered_from_curves"]["eq21"]
    with (ql.datasets.data_folder() / "quokka2025" / "paper_curves.csv.gz").open("rb") as file:
        curves = pd.read_csv(file, compression="gzip")
    curve = curves[curves["curve"] == "fig19_red"]
    values = {k: c[k] for k in ("E", "A", "alpha", "B", "beta", "mu", "delta")} | {"gamma_o": c["gamma"]}
    loss = law.loss(values, N=curve["params_fixed"], U_D=curve["flops_or_unique_tokens"], epochs=curve["x"])
    assert np.abs(loss - curve["y"]).max() < 2e-4


def test_printed_equation_23_published_vector() -> None:
    law = laws.SoftplusOverfit()
    values = dict(
        E=9.505e-66,
        A=2.738,
        alpha=1.24,
        B=53.58,
        beta=0.1207,
        R_D=33.62,
        mu=0.161,
        delta=0.3073,
        kappa=12642.0,
        eta=1.486,
        tau=26.56,
        gamma_o=0.8106,
    )
    assert law.loss(values, N=1e9, U_D=1e9, epochs=100.0) == pytest.approx(2.881743891, rel=1e-7)


def test_quokkas_term_by_hand() -> None:
    values = CHINCHILLA | dict(mu=1e-4, delta=0.5, gamma_o=4.0)
    term = 1e-4 * 5.0**0.5 * np.log(np.maximum(AT["epochs"], 1.0)) ** 4.0
    np.testing.assert_allclose(laws.AdditiveOverfit().loss(values, **AT), BASE + term, rtol=1e-12)


def test_the_term_of_powers_by_hand() -> None:
    values = CHINCHILLA | dict(P=4e-3, delta=0.75, kappa_o=0.5)
    term = 4e-3 * np.maximum(AT["epochs"] - 1, 0.0) ** 0.75 * 5.0**0.5
    np.testing.assert_allclose(laws.PowerOverfit().loss(values, **AT), BASE + term, rtol=1e-12)


def test_the_softplus_term_by_hand_and_far_below_its_onset() -> None:
    law = laws.SoftplusOverfit(laws.Chinchilla())
    values = CHINCHILLA | dict(mu=0.2, delta=0.37, kappa=300.0, eta=0.8, tau=40.0, gamma_o=0.8)
    e = AT["epochs"]
    onset = 300.0 * 0.2**0.8
    term = 0.2 * (1e9 / (2e8 * e)) ** 0.37 * np.log1p(np.exp((e - onset) / 40.0)) ** 0.8
    np.testing.assert_allclose(law.loss(values, **AT), np.where(REPEATS, BASE + term, BASE), rtol=1e-12)
    deep = law.terms_at(law.to_theta(values | dict(tau=0.01)), law.inputs(N=1e9, U_D=2e8, epochs=np.array([2.0])))[-1]
    expected = np.log(0.2) + 0.37 * np.log(1e9 / 4e8) + 0.8 * (2.0 - onset) / 0.01
    assert deep.value.ravel()[0] == pytest.approx(expected, rel=1e-12)


def test_the_saturating_law_by_hand_and_between_its_ends() -> None:
    law = laws.SaturatingOverfit()
    values = CHINCHILLA | dict(H=0.05, gamma_o=0.5, delta=0.6, L_0=10.0)
    h = 500 / 1e9**0.36 + 9000 / (2e8 * AT["epochs"]) ** 0.42 + 0.05 * 1e9**0.5 / 2e8**0.6
    found = law.loss(values, **AT)
    np.testing.assert_allclose(found, 2.0 + 8.0 * h / (1 + h), rtol=1e-12)
    assert ((found > 2.0) & (found < 10.0)).all()
    assert (np.diff(found) < 0).all()  # as its docstring warns: never rising in epochs


def test_starts_of_the_saturating_law_solve_its_sizes() -> None:
    law = laws.SaturatingOverfit()
    values = CHINCHILLA | dict(H=0.05, gamma_o=0.5, delta=0.6, L_0=10.0)
    rng = np.random.default_rng(0)
    data = dict(N=10 ** rng.uniform(7, 9, 30), U_D=10 ** rng.uniform(8, 9, 30), epochs=10 ** rng.uniform(0, 2, 30))
    loss = law.loss(values, **data)
    theta = np.repeat(law.to_theta(values), 400, axis=0)
    found = law.to_values(law.project(theta, law.inputs(**data), loss, np.ones(30)))
    nearest = np.abs(found["E"] - 2.0).argmin()  # of the floors tried
    for name in ("A", "B", "H"):
        assert found[name][nearest] == pytest.approx(values[name], rel=0.15)


def test_starts_of_the_onset_are_at_the_typical_run() -> None:
    law = laws.SoftplusOverfit(laws.Chinchilla())
    theta = law.to_theta(CHINCHILLA | dict(mu=0.2, delta=0.37, kappa=30.0, eta=0.8, tau=40.0, gamma_o=0.8))
    x = law.inputs(N=np.array([1e8, 1e10]), U_D=np.full(2, 1e8), epochs=np.array([2.0, 9.0]))
    kappa = law.to_values(law.place_scales(theta.copy(), x))["kappa"][0]
    assert kappa * (1e8 / 1e9) ** 0.8 == pytest.approx(30.0, rel=1e-10)


@pytest.mark.parametrize("law", [laws.AdditiveOverfit(), laws.PowerOverfit()], ids=lambda law: law.name)
def test_overfitting_rises_without_end(law: laws.Repeated) -> None:
    own = {c.name: 0.5 for c in law.own}
    loss = law.loss(CHINCHILLA | own, N=1e9, U_D=1e8, epochs=np.geomspace(1e4, 1e9, 6))
    assert law.rises
    assert (np.diff(loss) > 0).all()
