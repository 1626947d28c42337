"""The sum of two powers: closed forms against brute force and against one another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quokka_laws.laws.shortage import Shortage

EVERY = settings(max_examples=30, derandomize=True, deadline=None)
coefficients = st.tuples(st.floats(10, 1e4), st.floats(0.1, 0.9), st.floats(10, 1e4), st.floats(0.1, 0.9))


def shortage(A: float, alpha: float, B: float, beta: float, log_N: np.ndarray, log_D: np.ndarray) -> np.ndarray:
    return A * np.exp(-alpha * log_N) + B * np.exp(-beta * log_D)


@EVERY
@given(coefficients, st.floats(30, 70))
def test_the_optimum_is_the_lowest_of_its_budget(c: tuple[float, ...], log_ND: float) -> None:
    best = Shortage.of(*c).optimal_log_N(np.array(log_ND))
    around = best + np.linspace(-3, 3, 601)
    assert shortage(*c, around, log_ND - around).argmin() == 300


@EVERY
@given(coefficients, st.floats(-6, 0))
def test_least_compute_of_a_shortage_and_back(c: tuple[float, ...], log_s: float) -> None:
    own = Shortage.of(*c)
    log_ND = own.least_log_ND(np.array(log_s))
    log_N = own.optimal_log_N(log_ND)
    assert np.log(shortage(*c, log_N, log_ND - log_N)) == pytest.approx(log_s, abs=1e-10)


@EVERY
@given(coefficients, st.floats(10, 30), st.floats(10, 35))
def test_tokens_of_a_shortage_and_back(c: tuple[float, ...], log_N: float, log_D: float) -> None:
    log_s = np.log(shortage(*c, np.array(log_N), np.array(log_D)))
    share = c[2] * np.exp(-c[3] * log_D - log_s)  # of the data term: digits are lost where it is small
    assert Shortage.of(*c).log_D(log_s, np.array(log_N)) == pytest.approx(log_D, abs=1e-13 / share / c[3] + 1e-9)


def test_chinchilla_as_published() -> None:
    """a = beta/(alpha + beta) and G of Hoffmann et al. 2022, Eq. 4, with the coefficients of their Eq. 10."""
    own = Shortage.of(406.4, 0.34, 410.7, 0.28)
    C = 5.76e23
    G = (0.34 * 406.4 / (0.28 * 410.7)) ** (1 / 0.62)
    assert np.exp(own.optimal_log_N(np.log(C / 6))) == pytest.approx(G * (C / 6) ** (0.28 / 0.62), rel=1e-12)


def test_out_of_reach_is_nan() -> None:
    own = Shortage.of(100.0, 0.3, 100.0, 0.3)
    alone = np.log(100.0 * np.exp(-0.3 * 20.0))  # endless data leave this
    assert np.isnan(own.log_D(alone - 0.01, np.array(20.0)))
    assert np.isfinite(own.log_D(alone + 0.01, np.array(20.0)))
    assert np.isnan(Shortage.of(0.0, 0.3, 100.0, 0.3).least_log_ND(np.array(-2.0)))


def test_many_coefficients_at_once() -> None:
    A = np.array([[400.0], [500.0]])
    found = Shortage.of(A, 0.34, 410.0, 0.28).optimal_log_N(np.array([40.0, 50.0, 60.0]))
    assert found.shape == (2, 3)
    assert (found[1] > found[0]).all()
