"""Starts of formulas: sizes solved exactly where exponents are right, scales placed at the data, levels apart."""

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.laws import Formula
from quokka_laws.laws.formula_roles import Roles
from quokka_laws.laws.formula_start import anchored
from quokka_laws.laws.formula_text import read

RNG = np.random.default_rng(0)
N, D = 10 ** RNG.uniform(7, 10, 40), 10 ** RNG.uniform(9, 12, 40)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("E + A/N^a + B/D^b", {"E": 1.8, "A": 480.0, "a": 0.35, "B": 2100.0, "b": 0.37}),
        ("E + A/N^a - G*log(D)", {"E": 4.0, "A": 480.0, "a": 0.35, "G": 0.05}),
        ("A/N^a + B/D^b", {"A": 480.0, "a": 0.15, "B": 2100.0, "b": 0.37}),
    ],
)
def test_sizes_follow_exactly_from_the_right_exponents(text, values):
    law = Formula(text)
    x, loss = law.inputs(N=N, D=D), law.loss(values, N=N, D=D)
    theta = law.to_theta({k: v if k in "ab" else 1.0 for k, v in values.items()})
    found = law.project(theta, x, loss, np.ones(40))
    predicted = np.exp(law.log_loss_at(found, x))[0]
    np.testing.assert_allclose(predicted, loss, rtol=1e-5)
    assert {k: v[0] for k, v in law.to_values(found).items()} == pytest.approx(values, rel=1e-3)


def test_what_is_held_stays():
    law = Formula("E + A/N^a")
    theta = law.to_theta({"E": 1.5, "A": 1.0, "a": 0.35})
    loss = law.loss({"E": 1.5, "A": 480.0, "a": 0.35}, N=N)
    found = law.project(theta, law.inputs(N=N), loss, np.ones(40), free=[False, True, False])
    assert law.to_values(found)["E"][0] == pytest.approx(1.5)
    assert law.to_values(found)["A"][0] == pytest.approx(480.0, rel=1e-8)


def roles(text):
    return Roles(read(text), ("N", "D", "epochs", "lr", "share"))


@pytest.mark.parametrize(
    ("text", "name", "place"),
    [
        ("E + (epochs - 1)/R", "R", "divisor"),
        ("E + A*exp(-(t*share))", "t", "exponent"),
        ("E + A*(log(lr) - m)^2", "m", "free"),
        ("E + A/N^alpha", "alpha", None),
        ("E + A/N^alpha", "E", None),
    ],
)
def test_where_the_data_say_how_large_a_coefficient_is(text, name, place):
    found = anchored(roles(text), name)
    assert (found and found.place) == place


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("E + A/N^a + B/(D*(1 - c*share))^b", {"c": 0.5}),
        ("E + A/N^a + B/(D - D*share/c)^b", {"c": 2.0}),
        ("E + A/N^a + B/D^b*(3 - c*share)^(-1.5)", {"c": 0.9}),
        ("E + A/(N - c)^a + B/D^b", {"c": 5e6}),
        ("E + A/N^a - B*log(1 - c*share)/D^b", {"c": 0.5}),
    ],
)
def test_what_is_subtracted_begins_below_what_it_is_taken_from(text, truth):
    share = np.tile([0.0, 0.4, 0.9, 1.0], 10)
    law = ql.law(text).for_table({"N": N, "D": D, "share": share})
    values = {"E": 1.8, "A": 480.0, "a": 0.35, "B": 2100.0, "b": 0.37} | truth
    x, loss = law.inputs(N=N, D=D, share=share), law.loss(values, N=N, D=D, share=share)
    spread = np.repeat(law.to_theta(values), 9, axis=0)
    spread[:, [c.name for c in law.coefficients].index("c")] = np.linspace(-3, 3, 9)
    started = law.project(spread, x, loss, np.ones(40))
    assert np.isfinite(law.log_loss_at(started, x)).all()
    runs = ql.check_runs(pd.DataFrame({"N": N, "D": D, "share": share, "loss": loss}))
    assert ql.fit(text, runs).values["c"] == pytest.approx(truth["c"], rel=1e-3)
