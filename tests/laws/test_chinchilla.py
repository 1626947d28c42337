"""Chinchilla and Skaling: published numbers, limits, closed forms against a search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quokka_laws.laws import Chinchilla, Skaling
from quokka_laws.laws.chinchilla import log_difference

HOFFMANN = {"E": 1.69, "A": 406.4, "alpha": 0.34, "B": 410.7, "beta": 0.28}


def test_the_published_equation() -> None:
    """Hoffmann et al. 2022, Eq. 10, at Gopher and Chinchilla."""
    N, D = np.array([280e9, 70e9]), np.array([300e9, 1.4e12])
    by_hand = 1.69 + 406.4 / N**0.34 + 410.7 / D**0.28
    np.testing.assert_allclose(Chinchilla().loss(HOFFMANN, N=N, D=D), by_hand, rtol=1e-14)
    assert by_hand[1] < by_hand[0]


def test_endless_parameters_and_data_leave_the_floor() -> None:
    assert Chinchilla().loss(HOFFMANN, N=1e150, D=1e150) == pytest.approx(1.69, rel=1e-14)
    assert Chinchilla().loss(HOFFMANN, N=1e250, D=1e10) == pytest.approx(1.69 + 410.7 / 1e10**0.28, rel=1e-14)


def test_skaling_with_k_one_is_chinchilla() -> None:
    N, D = np.geomspace(1e6, 1e12, 7), np.geomspace(1e8, 1e13, 7)
    one = Skaling().loss({**HOFFMANN, "k": 1.0}, N=N, D=D)
    assert one == pytest.approx(Chinchilla().loss(HOFFMANN, N=N, D=D), rel=1e-14)


@settings(max_examples=20, derandomize=True, deadline=None)
@given(k=st.floats(0.2, 2.0), log_C=st.floats(40, 60))
def test_the_optimum_of_skaling_does_not_depend_on_k(k: float, log_C: float) -> None:
    coupled = Skaling().optimal_log_N({**HOFFMANN, "k": k}, np.array(log_C))
    assert coupled == pytest.approx(Chinchilla().optimal_log_N(HOFFMANN, np.array(log_C)), rel=1e-14)
    assert coupled is not None
    log_N = coupled + np.linspace(-1, 1, 201)
    loss = Skaling().loss({**HOFFMANN, "k": k}, N=np.exp(log_N), D=np.exp(log_C - log_N))
    assert loss.argmin() == 100


@pytest.mark.parametrize("law", [Chinchilla(), Skaling()], ids=lambda law: law.name)
def test_the_shortage_of_a_loss(law: Chinchilla | Skaling) -> None:
    values = {**HOFFMANN, "k": 0.7}
    log_loss = np.log(law.loss(values, N=1e9, D=2e10))
    sum_of_powers = 406.4 / 1e9**0.34 + 410.7 / 2e10**0.28
    assert law.log_shortage(values, log_loss) == pytest.approx(np.log(sum_of_powers), rel=1e-10)
    assert np.isnan(law.log_shortage(values, np.log(1.69)))


def test_log_of_a_difference() -> None:
    found = log_difference(np.log([3.0, 1.0, 0.5]), 1.0)
    assert found[0] == pytest.approx(np.log(2.0))
    assert np.isnan(found[1:]).all()


def test_starts_of_skaling_reproduce_losses_of_their_own_floor() -> None:
    values = {**HOFFMANN, "k": 0.8}
    N = np.geomspace(1e7, 1e10, 12)
    D = N * np.tile([5.0, 20.0, 100.0], 4)
    law = Skaling()
    x, loss = law.inputs(N=N, D=D), law.loss(values, N=N, D=D)
    fixed_floor = [False] + [True] * 5
    found = law.project(law.to_theta({**values, "A": 1.0, "B": 1.0}), x, loss, np.ones(12), free=fixed_floor)
    np.testing.assert_allclose(found, law.to_theta(values), rtol=1e-7)
    tried = law.project(np.repeat(law.to_theta(values), 8, axis=0), x, loss, np.ones(12))
    assert np.isfinite(tried).all()
    assert len(np.unique(tried[:, 0])) == 8
    assert (np.exp(tried[:, 0]) < loss.min()).all()
