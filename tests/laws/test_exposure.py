"""Exposure: the term by hand, nothing at one epoch, the product of parameters and repetitions, starts."""

from __future__ import annotations

import numpy as np
import pytest

from quokka_laws import laws

CHINCHILLA = dict(E=2.0, A=500.0, alpha=0.36, B=9000.0, beta=0.42)
VALUES = CHINCHILLA | dict(c=3.0, p=0.9, s=1.1)
LAW = laws.ExposureOverfit()


def test_by_hand() -> None:
    e = np.array([0.3, 1.0, 1.01, 5.0, 300.0])
    base = laws.Chinchilla().loss(CHINCHILLA, N=1e9, D=1e8 * e)
    term = (np.maximum(e - 1, 0) * 1e9 / 3.0) ** 0.9 / 1e8**1.1
    np.testing.assert_allclose(LAW.loss(VALUES, N=1e9, U_D=1e8, epochs=e), base + term, rtol=1e-12)


def test_parameters_and_repetitions_enter_as_their_product() -> None:
    def excess(N: float, epochs: float) -> float:
        base = laws.Chinchilla().loss(CHINCHILLA, N=N, D=1e8 * epochs)
        return float(LAW.loss(VALUES, N=N, U_D=1e8, epochs=epochs) - base)

    assert excess(1e9, 5.0) == pytest.approx(excess(2e9, 3.0), rel=1e-10)
    assert excess(1e9, 5.0) == pytest.approx(4.0**0.9 * excess(1e9, 2.0), rel=1e-10)


def test_more_unique_data_dilute_it() -> None:
    U_D = np.array([1e8, 1e9])
    excess = LAW.loss(VALUES, N=1e9, U_D=U_D, epochs=20.0) - laws.Chinchilla().loss(CHINCHILLA, N=1e9, D=20 * U_D)
    assert excess[0] / excess[1] == pytest.approx(10**1.1, rel=1e-9)


def test_starts_are_placed_at_the_typical_run() -> None:
    x = LAW.inputs(N=np.full(3, 1e9), U_D=np.full(3, 1e8), epochs=np.full(3, 11.0))
    theta = LAW.place_scales(LAW.to_theta(VALUES | dict(c=7.0)).copy(), x)
    term = LAW.terms_at(theta, x)[-1].value
    np.testing.assert_allclose(term, -0.9 * np.log(7.0), rtol=1e-10)  # the term at that run is 1/c^p
