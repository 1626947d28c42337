"""Laws in other conventions: the cubic solved exactly, its derivatives, units of the loss, closed forms that survive."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quokka_laws.laws import Chinchilla
from quokka_laws.laws.converted import Converted, log_non_embedding, non_embedding
from quokka_laws.laws.jet import variables

VALUES = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
OMEGA = 47491.0


@settings(max_examples=40, derandomize=True, deadline=None)
@given(n=st.floats(1e3, 1e14), omega=st.floats(1.0, 1e6))
def test_the_cubic_is_solved(n: float, omega: float) -> None:
    assert non_embedding(n + omega * n ** (1 / 3), omega) == pytest.approx(n, rel=1e-9)


def test_derivatives_match_finite_differences() -> None:
    log_N, h = np.array([[14.0], [18.0], [23.0]]), 1e-4
    (seed,) = variables(log_N)
    found = log_non_embedding(seed, OMEGA)
    up, at, down = (log_non_embedding(log_N + s, OMEGA) for s in (h, 0.0, -h))
    np.testing.assert_allclose(found.value, at, rtol=1e-14)
    np.testing.assert_allclose(found.grad[0], (up - down) / (2 * h), rtol=1e-6)
    np.testing.assert_allclose(found.hess[0, 0], (up - 2 * at + down) / h**2, rtol=1e-3, atol=1e-6)


def test_a_converted_law_is_the_base_at_its_own_N() -> None:
    own = np.array([1e6, 1e8, 1e10])
    total = own + OMEGA * np.cbrt(own)
    found = Converted(Chinchilla(), omega=OMEGA, factor=1.3).loss(VALUES, N=total, D=1e10)
    np.testing.assert_allclose(found, 1.3 * Chinchilla().loss(VALUES, N=own, D=1e10), rtol=1e-9)


def test_nothing_converted_is_the_base() -> None:
    N = np.geomspace(1e6, 1e11, 5)
    np.testing.assert_allclose(
        Converted(Chinchilla()).loss(VALUES, N=N, D=20 * N), Chinchilla().loss(VALUES, N=N, D=20 * N), rtol=1e-14
    )


def test_closed_forms_survive_a_unit_but_not_another_count() -> None:
    unit = Converted(Chinchilla(), factor=1.44)
    assert unit.optimal_log_N(VALUES, np.array(50.0)) == Chinchilla().optimal_log_N(VALUES, np.array(50.0))
    log_loss = np.log(unit.loss(VALUES, N=1e9, D=2e10))
    excess = Chinchilla().loss(VALUES, N=1e9, D=2e10) - 1.8
    assert unit.log_shortage(VALUES, log_loss) == pytest.approx(np.log(excess), rel=1e-9)
    assert Converted(Chinchilla(), omega=OMEGA).optimal_log_N(VALUES, np.array(50.0)) is None


def test_what_a_law_is_called_and_takes_is_the_bases() -> None:
    law = Converted(Chinchilla(), omega=OMEGA)
    assert (law.names, law.variables, law.equation) == (
        Chinchilla().names,
        Chinchilla().variables,
        Chinchilla().equation,
    )
