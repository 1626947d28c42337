"""What coefficients of a formula are, from where they stand; signs; pairs that only count as one."""

import pytest

from quokka_laws.laws import Formula
from quokka_laws.laws.formula_roles import Roles, only_as_products, whole_number
from quokka_laws.laws.formula_text import read

OF = ("N", "D", "C", "S", "r", "x", "U_D", "epochs")


def kinds(text: str, **settings) -> dict[str, str]:
    return {c.name: c.kind for c in Formula(text, of=OF, **settings).coefficients}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("E + A/N^alpha", {"E": "amplitude", "A": "amplitude", "alpha": "exponent"}),
        (
            "E + (A/N^alpha + B/D^beta)^k",
            {"E": "amplitude", "A": "scale", "B": "scale", "alpha": "exponent", "beta": "exponent", "k": "exponent"},
        ),
        ("(K/C)^kappa", {"K": "scale", "kappa": "exponent"}),
        ("E + A*(1 - r)", {"E": "scale", "A": "slope"}),
        ("E + A/N^a - G*log(1 + S)", {"E": "scale", "A": "scale", "a": "exponent", "G": "slope"}),
        ("E + A*exp(-D/tau)", {"E": "amplitude", "A": "amplitude", "tau": "scale"}),
        ("exp(a*log(N) + d)", {"a": "exponent", "d": "exponent"}),
        ("E*(1 + A/N^a)", {"E": "amplitude", "A": "scale", "a": "exponent"}),
        ("E + E/N", {"E": "scale"}),
        ("E + A^2/N", {"E": "amplitude", "A": "scale"}),
        ("E + sqrt(A/N)", {"E": "amplitude", "A": "scale"}),
        ("E + A/N^(a/b)", {"E": "amplitude", "A": "amplitude", "a": "exponent", "b": "scale"}),
    ],
)
def test_places_say_what_coefficients_are(text, expected):
    assert kinds(text) == expected


def roles(text, **settings):
    return Roles(read(text), OF, **settings)


@pytest.mark.parametrize(
    ("text", "positive"),
    [
        ("E + A/N^a", True),
        ("E + A*(1 - r)", False),
        ("E + A*(1 - r)^2", False),  # the amplitude of an even power is still of unknown sign
        ("log(1 + S)", True),
        ("log(S)", False),
        ("max(x, N)", True),
        ("sigmoid(x - 1)", True),
        ("tanh(x)", True),
    ],
)
def test_which_terms_are_positive_whatever_their_coefficients(text, positive):
    found = roles(text)
    if "(1 - r)^2" in text:
        assert found.is_positive(read("(1 - r)^2"))
    else:
        assert found.is_signed is not positive


def test_a_column_that_may_be_negative_is_not_positive():
    assert not roles("E + A*x").is_signed
    assert roles("E + A*x", signed=("x",)).is_signed


def test_pairs_that_only_count_as_a_product():
    assert only_as_products(roles("E + A*B/N^a")) == [("A", "B")]
    assert only_as_products(roles("E + A/N^a + B/D^b")) == []


def test_columns_in_brackets_and_whole_numbers():
    found = roles("E[corpus] + A/N^a[size]").coefficients
    assert {name: node.by for name, node in found.items() if node.by} == {"E": "corpus", "a": "size"}
    assert [whole_number(read(t)) for t in ("3", "2.5", "100", "A")] == [3, None, None, None]


def test_where_exponents_fall():
    where = roles("E + A/N^a + B*D^b + exp(c*x + d)").occurrences
    assert (where["a"][0].place, where["a"][0].falls) == ("exponent", True)
    assert (where["b"][0].falls, where["d"][0].alone) == (False, True)
