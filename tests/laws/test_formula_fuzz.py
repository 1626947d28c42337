"""Random formulas end in a law or in a sentence, and the derivatives of those that are laws are right."""

import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quokka_laws.exceptions import ExpressionError
from quokka_laws.laws.formula import Formula

VARIABLES = ("N", "x", "y")
SLOWEST = 5.0  # seconds of a processor for one formula

leaf = st.one_of(
    st.sampled_from(["a", "b", "c", "d", "N", "x", "y"]),
    st.sampled_from(["1", "2", "0.5", "3", "1e-3", "10"]),
)


def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two = st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "^"]), inner)
    call = st.tuples(st.sampled_from(["log", "exp", "sqrt", "tanh", "sigmoid", "softplus"]), inner)
    pair = st.tuples(st.sampled_from(["min", "max"]), inner, inner)
    return st.one_of(
        two.map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        call.map(lambda t: f"{t[0]}({t[1]})"),
        pair.map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
        inner.map(lambda t: f"(-{t})"),
    )


formulas = st.recursive(leaf, grow, max_leaves=12)
# Pieces of formulas put together at random: most are mistakes.
PIECES = [
    "E",
    "A",
    "N",
    "x",
    "+",
    "-",
    "*",
    "/",
    "^",
    "**",
    "(",
    ")",
    "[",
    "]",
    ",",
    ".",
    "`",
    "'",
    "=",
    ";",
    "log",
    "exp(",
    "lambda",
    "for",
    "in",
    "1",
    "2.",
    "1e9",
    "__import__",
    "²",
    "≤",
    "α",
    "if",
    "@",
    "{",
    ":",
    "\\",
    "\x00",
]
rubble = st.lists(st.sampled_from([*PIECES, " ", "\n"]), max_size=40).map("".join)


def read(text: str) -> Formula | None:
    """A law, or None where the formula was refused with a sentence."""
    begun = time.process_time()
    try:
        law, said = Formula(text, of=VARIABLES), ""
        assert law.coefficients
    except ExpressionError as error:
        law, said = None, str(error)
    assert law or said.strip()
    assert time.process_time() - begun < SLOWEST
    return law


def check_text(text: str) -> None:
    law = read(text)
    if law is not None:
        assert law.names == Formula(text, of=VARIABLES).names


def log_loss(law: Formula, theta: np.ndarray, x: dict[str, np.ndarray]) -> np.ndarray:
    values = [np.broadcast_to(t.value, (len(theta), 4)) for t in law.terms_at(theta, x)]
    return np.asarray(np.logaddexp.reduce(np.stack(values), axis=0))


def check_derivatives(text: str) -> None:
    """First derivatives against values, second ones against first ones, by differences of two widths."""
    law = read(text)
    if law is None:
        return
    rng = np.random.default_rng(0)
    data = {k: rng.uniform(0.3, 2.5, 4) for k in VARIABLES if k in law.variables}
    x = law.inputs(**data)
    theta = rng.uniform(-0.8, 0.9, (1, len(law.coefficients)))
    with np.errstate(all="ignore"):
        terms = law.terms_at(theta, x, order=2)
        value = log_loss(law, theta, x)[0]
        if not np.isfinite(value).all() or np.abs(value).max() > 20:
            return
        share = [np.exp(np.broadcast_to(t.value, (1, 4))[0] - value) for t in terms]

        def gradient(at: np.ndarray, j: int) -> np.ndarray:
            found = law.terms_at(at, x, order=1)
            top = np.logaddexp.reduce(np.stack([np.broadcast_to(t.value, (1, 4))[0] for t in found]), axis=0)
            return np.asarray(
                sum(
                    np.exp(np.broadcast_to(t.value, (1, 4))[0] - top) * np.broadcast_to(t.grad.get(j, 0.0), (1, 4))[0]
                    for t in found
                )
            )

        def difference(f, j: int) -> tuple[np.ndarray, np.ndarray]:
            """A derivative, and where differences of two widths agree: no kink is near and nothing is too steep for them."""
            found = []
            for h in (2e-4, 1e-4):
                step = np.zeros_like(theta)
                step[0, j] = h
                near = [f(theta + k * step) for k in (-2, -1, 1, 2)]
                found.append((near[0] - 8 * near[1] + 8 * near[2] - near[3]) / (12 * h))
            steady = np.abs(found[0] - found[1]) <= 1e-7 * (1 + np.abs(found[1]))
            return found[1], steady

        for j in range(theta.shape[1]):
            exact = gradient(theta, j)
            numeric, steady = difference(lambda at: log_loss(law, at, x)[0], j)
            assert np.abs(exact - numeric)[steady] == pytest.approx(
                0.0, abs=1e-6 * (1 + np.abs(numeric[steady]).max(initial=0))
            )
            for i in range(j, theta.shape[1]):
                second = (
                    sum(
                        q
                        * (
                            np.broadcast_to(t.hess.get((j, i), 0.0), (1, 4))[0]
                            + np.broadcast_to(t.grad.get(i, 0.0) * np.asarray(t.grad.get(j, 0.0)), (1, 4))[0]
                        )
                        for q, t in zip(share, terms, strict=True)
                    )
                    - gradient(theta, i) * exact
                )
                numeric, steady = difference(lambda at, i=i: gradient(at, i), j)
                assert np.abs(second - numeric)[steady] == pytest.approx(
                    0.0, abs=1e-6 * (1 + np.abs(numeric[steady]).max(initial=0))
                )


ANY = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), max_examples=150)
MANY = settings(ANY, max_examples=2000)

test_rubble_is_read_or_refused = ANY(given(rubble)(check_text))
test_derivatives_of_random_formulas = ANY(given(formulas)(check_derivatives))
test_many_derivatives = pytest.mark.slow(MANY(given(formulas)(check_derivatives)))
test_much_rubble = pytest.mark.slow(MANY(given(rubble)(check_text)))
