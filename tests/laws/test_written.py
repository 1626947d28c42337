"""A law from what is written for one: formulas, names of laws and forms, and settings with them."""

from __future__ import annotations

import pytest

import quokka_laws as ql
from quokka_laws.exceptions import ArgumentError
from quokka_laws.laws.written import as_formula, law, looks_like_formula


def test_names_formulas_and_forms() -> None:
    assert law("chinchilla") == ql.laws.Chinchilla()
    assert law("E + K/C^kappa").names == ("E", "K", "kappa")
    assert law("moe-abnar").label == "moe-abnar"
    assert law("moe-abnar", fixed={"lam": -0.17}).make_params()["lam"].value == -0.17


@pytest.mark.parametrize(
    ("text", "is_one"), [("E + A/N", True), ("chinchilla", False), ("moe-abnar", False), (3, False)]
)
def test_what_looks_like_a_formula(text: object, is_one: bool) -> None:
    assert looks_like_formula(text) is is_one


def test_a_law_as_its_formula_keeps_its_meanings() -> None:
    known = ql.laws.Chinchilla()
    written = as_formula(known)
    assert {c.name: c.meaning for c in written.coefficients} == {c.name: c.meaning for c in known.coefficients}
    values = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
    assert written.loss(values, N=1e9, D=2e10) == pytest.approx(known.loss(values, N=1e9, D=2e10))
    unwritten = next(law for law in map(ql.laws.from_name, ql.laws.registry()) if not law.formula)
    with pytest.raises(ArgumentError, match=unwritten.name):
        as_formula(unwritten)
