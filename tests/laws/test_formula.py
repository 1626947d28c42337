"""Formulas: what their names are, what they evaluate to, and what is refused."""

import json

import numpy as np
import pytest

import quokka_laws as ql
from quokka_laws.exceptions import ExpressionError
from quokka_laws.laws import Formula, from_spec, registry
from quokka_laws.laws.written import as_formula, looks_like_formula

OF = ("N", "D", "C", "S", "r", "x", "U_D", "epochs")


def kinds(text: str, **settings) -> dict[str, str]:
    return {c.name: c.kind for c in Formula(text, of=OF, **settings).coefficients}


def test_said_kinds_and_ranges():
    assert kinds("E + A*tanh(k*x)", positive=("k",))["k"] == "scale"
    (c,) = (
        c
        for c in Formula("E + A/N^a", start=(("a", 0.2, 0.3),), bounds=(("a", 0.1, 0.5),)).coefficients
        if c.name == "a"
    )
    assert (c.start, c.min, c.max) == ((0.2, 0.3), 0.1, 0.5)
    assert {c.name: c.min for c in Formula("E + A/N^a + B/(1 - S)^b", of=OF).coefficients}["a"] == 0.0
    assert {c.name: c.min for c in Formula("E + A/N^a + B/(1 - S)^b", of=OF).coefficients}["b"] == -np.inf


@pytest.mark.parametrize("name", sorted(registry()))
def test_every_shipped_law_is_its_formula(name):
    law = registry()[name]()
    formula = as_formula(law)
    assert set(formula.names) == set(law.names)
    rng = np.random.default_rng(0)
    data = {"N": 10 ** rng.uniform(7, 10, 50), "U_D": 10 ** rng.uniform(8, 11, 50), "S": 10 ** rng.uniform(3, 5, 50)}
    # Softplus is left out at one epoch by the class; all others agree there too.
    data["epochs"] = np.where(
        np.arange(50) % 5 == 0, 1.01 if name == "softplus-overfit" else 1.0, rng.uniform(1.01, 50, 50)
    )
    data["D"] = data["U_D"] * data["epochs"]
    values = {
        c.name: float(np.exp(np.mean(np.log(c.start))) if c.is_log else np.mean(c.start)) for c in law.coefficients
    }
    values |= {c.name: 3.0 for c in law.coefficients if c.kind == "amplitude"}
    if name != "farseer":
        usual = {"A": 400.0, "B": 2000.0, "N_c": 1e13, "D_c": 1e13, "d_1": 1e19}
        values |= {k: v for k, v in usual.items() if k in values}
    assert formula.loss(values, **data) == pytest.approx(law.loss(values, **data), rel=1e-12)


def test_groups_have_one_value_per_level():
    law = Formula("E[corpus] + A/N^a[corpus]", levels=(("corpus", ("c4", "fine-web")),))
    assert law.names == ("E_c4", "E_fine_web", "A", "a_c4", "a_fine_web")
    values = {"E_c4": 1.0, "E_fine_web": 2.0, "A": 3.0, "a_c4": 0.0, "a_fine_web": 1.0}
    assert law.loss(values, N=[2.0, 2.0], corpus=["c4", "fine-web"]).tolist() == pytest.approx([4.0, 3.5])
    assert law.amplitude_terms == {0: 0, 1: 1, 2: 2}
    with pytest.raises(ExpressionError, match="'pile' was not among the runs"):
        law.loss(values, N=2.0, corpus="pile")


def test_a_law_is_rebuilt_from_its_plain_description():
    law = ql.law(
        "E[corpus] + A/N^a + B/S^b",
        variables=["N", "S"],
        start={"a": (0.1, 0.2), "b": 0.3},
        min={"a": 0.0},
        fixed={"B": 2.0},
        tie={"b": "a"},
    )
    again = from_spec(json.loads(json.dumps(law.to_spec())))
    assert again == law
    assert again.names == law.names
    params = again.make_params()
    assert (params["B"].value, params["B"].vary, params["b"].expr, params["a"].min) == (2.0, False, "a", 0.0)


def test_settings_of_unknown_coefficients_are_refused():
    with pytest.raises(ExpressionError, match="no coefficient 'alhpa'; did you mean alpha"):
        ql.law("E + A/N^alpha", start={"alhpa": 1.0})


def test_names_of_laws_and_formulas_are_told_apart():
    assert not any(looks_like_formula(name) for name in registry())
    assert all(looks_like_formula(t) for t in ("E + A/N^alpha", "E+A", "log(a*N)", "A*N", "E - A", "a^b"))
    assert ql.law("chinchilla") == ql.laws.Chinchilla()
    with pytest.raises(ValueError, match="did you mean 'chinchilla'"):
        ql.law("chinchila")
