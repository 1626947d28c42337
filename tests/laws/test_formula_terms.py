"""Terms of a formula: what numpy says they are, without overflow, with exact derivatives."""

import numpy as np
import pytest

from quokka_laws.laws import Formula


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("a + b/N^c", lambda a, b, c, N, x: a + b / N**c),
        ("a*(1 + b*x)^c", lambda a, b, c, N, x: a * (1 + b * x) ** c),
        ("a + b*(2 - x) + c*x^2", lambda a, b, c, N, x: a + b * (2 - x) + c * x**2),
        ("a + b*exp(-c*x)", lambda a, b, c, N, x: a + b * np.exp(-c * x)),
        ("a + b*sigmoid(c*(x - 1))", lambda a, b, c, N, x: a + b / (1 + np.exp(-c * (x - 1)))),
        ("a + b*softplus(c*x)", lambda a, b, c, N, x: a + b * np.log1p(np.exp(c * x))),
        ("a + b*tanh(c*x)", lambda a, b, c, N, x: a + b * np.tanh(c * x)),
        ("max(a, b/N^c) + min(a, x)", lambda a, b, c, N, x: np.maximum(a, b / N**c) + np.minimum(a, x)),
        ("a*sqrt(x) + b*log(1 + c*N)", lambda a, b, c, N, x: a * np.sqrt(x) + b * np.log(1 + c * N)),
        ("a/(1 + h) + b*h/(1 + h); h = c/N", lambda a, b, c, N, x: a / (1 + c / N) + b * c / N / (1 + c / N)),
        ("-(-a) + b - (c - 3) + 0*x*N", lambda a, b, c, N, x: a + b - c + 3 + 0 * x),
        ("a*x^3*b^2/c^-1", lambda a, b, c, N, x: a * x**3 * b**2 * c),
        ("a*(1 - exp(-b*x))^c", lambda a, b, c, N, x: a * (1 - np.exp(-b * x)) ** c),
        ("a + b*(1 - x)^3 + c", lambda a, b, c, N, x: a + b * (1 - x) ** 3 + c),
    ],
)
def test_formulas_mean_what_they_say(text, function):
    law = Formula(text, of=("N", "x"))
    values = {"a": 1.7, "b": 0.6, "c": 0.4}
    data = {"N": np.array([2.0, 30.0, 5e3]), "x": np.array([0.0, 0.3, 1.4])}
    found = law.loss({k: values[k] for k in law.names}, **{k: data[k] for k in law.variables})
    expected = np.broadcast_to(function(**values, **data), 3)
    assert found == pytest.approx(expected, rel=1e-13)


def test_huge_numbers_do_not_overflow():
    law = Formula("E + A*N^a*D^-b")
    assert law.loss({"E": 1.0, "A": 1e-300, "a": 40.0, "b": 10.0}, N=1e9, D=1e6) == pytest.approx(2.0)


@pytest.mark.parametrize(
    "text",
    [
        "E + A/N^a + B/x^b",
        "E + (A/N^a + B/x^b)^0.7",
        "E + A*exp(-B*x) + N^-a",
        "E + A*tanh(a*x)/N^b + B",
        "E + A*(b - x)^2 + B/N^a",
    ],
)
def test_derivatives_match_finite_differences(text):
    law = Formula(text, of=("N", "x"))
    values = {"E": 1.7, "A": 0.6, "B": 0.4, "a": 0.3, "b": 0.5}
    x = law.inputs(N=np.array([2.0, 30.0, 500.0]), x=np.array([0.2, 0.7, 1.4]))
    theta, h = law.to_theta({k: values[k] for k in law.names}), 1e-5
    terms = law.terms_at(theta, x, order=2)
    for j, step in enumerate(h * np.eye(theta.shape[1])):
        up, down = (law.terms_at(theta + s * step, x, order=1) for s in (1, -1))
        for k, term in enumerate(terms):
            slope = np.broadcast_to((up[k].value - down[k].value) / (2 * h), (1, 3))
            np.testing.assert_allclose(np.broadcast_to(term.grad.get(j, 0.0), (1, 3)), slope, rtol=1e-6, atol=1e-8)
            for i in range(theta.shape[1]):
                bend = (np.asarray(up[k].grad.get(i, 0.0)) - down[k].grad.get(i, 0.0)) / (2 * h)
                exact = term.hess.get((min(i, j), max(i, j)), 0.0)
                np.testing.assert_allclose(
                    np.broadcast_to(exact, (1, 3)), np.broadcast_to(bend, (1, 3)), rtol=1e-5, atol=1e-7
                )


def test_terms_that_may_be_negative_are_one():
    assert Formula("E + A/N^a").term_count == 2
    assert Formula("E + A/N^a - G*log(N)").term_count == 1
