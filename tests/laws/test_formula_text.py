"""The text of a formula: definitions in their places, terms it adds up, mistakes with a caret."""

import pytest

from quokka_laws._expression_tree import names, written
from quokka_laws.exceptions import ExpressionError
from quokka_laws.laws import Formula
from quokka_laws.laws.formula_text import MOST_LEAVES, additive, read


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 + 2", "no coefficient"),
        ("N + D", "no coefficient"),
        ("", "empty"),
        ("E + exp", "exp is a function"),
        ("E + A*`my size`", "no coefficient can be called that"),
        ("E + lambda/N", "lambda_ would do"),
        ("E[corpus] + E", "one value per corpus in one place"),
        ("E + h; h = A/N; h = B", "defined twice"),
        ("E; h = A/N", "defined but not used"),
        ("E + h; h = A*g; g = h", "defined by itself"),
        ("E + h[corpus]; h = A", "put the column at its coefficients"),
        ("E; A/N", "after a semicolon comes a definition"),
        ("; h = 1", "empty"),
        (None, "expected text"),
        (
            "E + h12" + "".join(f"; h{i} = h{i - 1} + h{i - 1}" for i in range(12, 0, -1)) + "; h0 = A + A",
            "more than 2000",
        ),
    ],
)
def test_mistakes_are_sentences(text, said):
    with pytest.raises(ExpressionError, match=said):
        Formula(text, of=("N", "D"))


def test_definitions_are_put_in_their_places():
    assert written(read("E + h^k; h = A/N^a + g; g = B")) == written(read("E + (A/N^a + B)^k"))
    assert {n.name for n in names(read("E + h; h = A*h_0"))} == {"E", "A", "h_0"}


def test_a_definition_used_twice_is_one_part():
    tree = read("h + T*h; h = A/N")
    first, second = (term for _, term in additive(tree))
    assert first is second.operands[1]


def test_terms_and_their_signs():
    found = [(minus, written(term)) for minus, term in additive(read("E + A/N - (B - C*D)"))]
    assert [minus for minus, _ in found] == [False, False, True, False]
    assert [text for _, text in found] == [written(read(t)) for t in ("E", "A/N", "B", "C*D")]


def test_definitions_cannot_grow_without_end():
    doubled = "; ".join(f"h{i} = h{i - 1}*h{i - 1}" for i in range(20, 0, -1))
    with pytest.raises(ExpressionError, match=str(MOST_LEAVES)):
        read(f"E + h20; {doubled}; h0 = A")


def test_the_caret_is_under_the_mistake():
    with pytest.raises(ExpressionError) as caught:
        read("E + h; h = A/N; h = B")
    lines = str(caught.value).splitlines()
    shown = next(i for i, line in enumerate(lines) if "^" in line and not line.strip("^~ "))
    assert lines[shown - 1][lines[shown].index("^") :].lstrip().startswith("h = B")
