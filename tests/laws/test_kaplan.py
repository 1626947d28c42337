"""Kaplan's laws: published values, both limits, the optimum by search."""

from __future__ import annotations

import numpy as np
import pytest

from quokka_laws.laws import Kaplan, KaplanSteps

TABLE_2 = dict(alpha_N=0.076, alpha_D=0.103, N_c=6.4e13, D_c=1.8e13)
TABLE_3 = dict(alpha_N=0.077, alpha_S=0.76, N_c=6.5e13, S_c=2.1e3)


def test_published_values() -> None:
    """Eq. 1.5 with Table 2 of Kaplan et al. 2020."""
    assert Kaplan().loss(TABLE_2, N=1e9, D=1e10) == pytest.approx(2.419652, rel=1e-5)
    assert Kaplan().loss(TABLE_2, N=1e8, D=2.2e10) == pytest.approx(2.774168, rel=1e-5)


def test_limits_are_power_laws_of_one_variable() -> None:
    """Eqs. 1.1 and 1.2: what the meanings of N_c and D_c rest on."""
    N, D = np.array([1e6, 1e9, 6.4e13]), np.array([1e8, 1e10, 1.8e13])
    np.testing.assert_allclose(Kaplan().loss(TABLE_2, N=N, D=1e200), (6.4e13 / N) ** 0.076, rtol=1e-12)
    np.testing.assert_allclose(Kaplan().loss(TABLE_2, N=1e250, D=D), (1.8e13 / D) ** 0.103, rtol=1e-12)


def test_the_optimum_is_the_lowest_of_its_budget() -> None:
    for log_ND in (40.0, 50.0, 60.0):
        best = Kaplan().optimal_log_N(TABLE_2, np.array(log_ND))
        assert best is not None
        log_N = best + np.linspace(-2, 2, 401)
        assert Kaplan().loss(TABLE_2, N=np.exp(log_N), D=np.exp(log_ND - log_N)).argmin() == 200


def test_the_optimum_grows_as_alpha_D_over_the_sum() -> None:
    """Minimising (N_c/N)^(alpha_N/alpha_D) + D_c/D: a = 1/(1 + alpha_N/alpha_D)."""
    low, high = (Kaplan().optimal_log_N(TABLE_2, np.array(v)) for v in (45.0, 46.0))
    assert high - low == pytest.approx(0.103 / (0.103 + 0.076), rel=1e-10)


def test_the_shortage_is_the_bracket() -> None:
    log_loss = np.log(Kaplan().loss(TABLE_2, N=1e9, D=1e10))
    bracket = (6.4e13 / 1e9) ** (0.076 / 0.103) + 1.8e13 / 1e10
    assert Kaplan().log_shortage(TABLE_2, log_loss) == pytest.approx(np.log(bracket), rel=1e-12)


def test_steps() -> None:
    """Eq. 1.6 with Table 3."""
    N, S = np.array([1e7, 1e9]), np.array([1e4, 1e6])
    found = KaplanSteps().loss(TABLE_3, N=N, S=S)
    np.testing.assert_allclose(found, (6.5e13 / N) ** 0.077 + (2.1e3 / S) ** 0.76, rtol=1e-12)
    assert KaplanSteps().takes == ("N", "S")
    assert not KaplanSteps().of_N_and_D
