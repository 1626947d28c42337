"""Memorization: the mixture by hand, its limits, the product of parameters and repetitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quokka_laws import laws

CHINCHILLA = dict(E=2.0, A=500.0, alpha=0.36, B=9000.0, beta=0.42)
VALUES = CHINCHILLA | dict(nu=2e-5, s=1.77, p=1.45, c=270_000.0, T=10.0)


def mixture(v: dict[str, float], base: np.ndarray, N: float, U_D: float, epochs: np.ndarray) -> np.ndarray:
    """The class's own docstring, in plain arithmetic."""
    cap = N / (N + v["nu"] * U_D ** v["s"])
    x = np.maximum(epochs - 1, 0) * N ** (1 - 1 / v["p"]) / v["c"]
    w = cap * x ** v["p"] / (1 + x ** v["p"])
    return (1 - w) * base + w * v["T"]


@settings(max_examples=30, derandomize=True, deadline=None)
@given(log_N=st.floats(15, 25), log_U=st.floats(15, 25), epochs=st.floats(0.1, 1e4))
def test_the_mixture_by_hand(log_N: float, log_U: float, epochs: float) -> None:
    N, U_D, e = math.exp(log_N), math.exp(log_U), np.array([epochs])
    base = laws.Chinchilla().loss(CHINCHILLA, N=N, D=U_D * e)
    found = laws.Memorization().loss(VALUES, N=N, U_D=U_D, epochs=e)
    assert found == pytest.approx(mixture(VALUES, base, N, U_D, e), rel=1e-11)


def test_memorization_is_bounded_and_returns_to_the_base() -> None:
    law, values = laws.Memorization(), VALUES
    N, e = 1e9, np.array([1e2, 1e4, 1e8])
    loss = law.loss(values, N=N, U_D=1e7, epochs=e)
    base = laws.Chinchilla().loss(CHINCHILLA, N=N, D=1e7 * e)
    assert (loss <= 10.0).all()
    assert (loss >= base - 1e-12).all()
    plenty = law.loss(values, N=N, U_D=1e15, epochs=5.0)
    assert plenty == pytest.approx(laws.Chinchilla().loss(CHINCHILLA, N=N, D=5e15), rel=1e-9)


def test_memorization_with_p_given_is_memorization_at_that_p() -> None:
    law, values = laws.Memorization(p=1.45), VALUES
    at = dict(N=1e9, U_D=1e7, epochs=np.array([1.0, 5.0, 300.0]))
    assert law.loss({k: values[k] for k in law.names}, **at) == pytest.approx(
        laws.Memorization().loss(values, **at), rel=1e-13
    )
    with pytest.raises(ValueError, match="above 1"):
        laws.Memorization(p=0.9)
    with pytest.raises(ValueError, match="above 1"):
        laws.Memorization(p=math.inf)


def test_little_memorising_is_of_the_product_of_parameters_and_repetitions() -> None:
    law = laws.Memorization()

    def excess(N: float, epochs: float) -> float:
        base = float(laws.Chinchilla().loss(CHINCHILLA, N=N, D=1e10 * epochs))
        return (float(law.loss(VALUES, N=N, U_D=1e10, epochs=epochs)) - base) / (10.0 - base)

    assert excess(1e8, 4.0) == pytest.approx(excess(3e8, 2.0), rel=1e-3)
    expected = (1e8 * 3.0 / 270_000.0) ** 1.45 / (2e-5 * 1e10**1.77)
    assert excess(1e8, 4.0) == pytest.approx(expected, rel=1e-3)


def test_a_given_top_takes_its_coefficient() -> None:
    law = laws.Memorization(memorized_loss=10.0)
    assert set(laws.Memorization().names) - set(law.names) == {"T"}
    at = dict(N=1e9, U_D=1e7, epochs=np.array([1.0, 20.0, 1e5]))
    values = {k: VALUES[k] for k in law.names}
    np.testing.assert_allclose(law.loss(values, **at), laws.Memorization().loss(VALUES, **at), rtol=1e-13)


def test_the_default_has_nine_coefficients_and_p_one_and_a_half() -> None:
    law = laws.BoundedMemorization(memorized_loss=math.log(50257))
    assert len(law.coefficients) == 9
    values = CHINCHILLA | dict(L_0=9.0, nu=2e-5, s=1.77, c=270_000.0)
    base = laws.Bounded().loss({k: values[k] for k in laws.Bounded().names}, N=1e9, D=1e7 * np.array([30.0]))
    by_hand = mixture(values | dict(p=1.5, T=math.log(50257)), base, 1e9, 1e7, np.array([30.0]))
    assert law.loss(values, N=1e9, U_D=1e7, epochs=30.0) == pytest.approx(by_hand[0], rel=1e-11)


def test_starts_are_placed_at_the_typical_run() -> None:
    law = laws.Memorization()
    x = law.inputs(N=np.array([1e8, 1e10]), U_D=np.array([1e9, 1e9]), epochs=np.array([2.0, 8.0]))
    theta = law.to_theta(VALUES | dict(nu=1.0, c=100.0))
    placed = law.to_values(law.place_scales(theta.copy(), x))
    assert placed["nu"][0] * 1e9**1.77 == pytest.approx(1e9, rel=1e-9)  # half is memorised by the mean N
    assert placed["c"][0] == pytest.approx(100.0 * 1e9 ** (1 - 1 / 1.45), rel=1e-9)
