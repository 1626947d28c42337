"""Expressions: what they are read as, and where a mistake is shown."""

import pytest

from quokka_laws._expression_tree import (
    Call,
    Constant,
    Listing,
    Name,
    Node,
    Operation,
    is_condition,
    written,
)
from quokka_laws._expressions import Grammar, nearest, parse
from quokka_laws.exceptions import ExpressionError

FORMULA = Grammar(functions={"log": (1, 1), "exp": (1, 1), "max": (2, None)}, levels=True)
CONDITION = Grammar(functions={"log": (1, 1)}, conditions=True, what="condition")


def n(name: str, by: str | None = None) -> Name:
    return Name(0, 0, name, by)


def c(value: float | str) -> Constant:
    return Constant(0, 0, value)


def op(operator: str, *operands: Node) -> Operation:
    return Operation(0, 0, operator, operands)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a - b/c", op("+", n("a"), op("neg", op("*", n("b"), op("inv", n("c")))))),
        ("-a^2", op("neg", op("^", n("a"), c(2.0)))),
        ("a^-b", op("^", n("a"), op("neg", n("b")))),
        ("a**b^2", op("^", n("a"), op("^", n("b"), c(2.0)))),
        ("a·b × c − 1", op("+", op("*", n("a"), n("b"), n("c")), op("neg", c(1.0)))),
        ("E[corpus] + `my col`", op("+", n("E", "corpus"), n("my col"))),
        ("lambda * `val/loss`", op("*", n("lambda"), n("val/loss"))),
        ("max(1, x, -2)", Call(0, 0, "max", (c(1.0), n("x"), c(-2.0)))),
        ("+1_000.5e-1", c(100.05)),
    ],
)
def test_formulas_are_read(text, tree):
    assert parse(text, FORMULA) == tree
    assert parse(written(tree), FORMULA) == tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("D / N < 4", op("<", op("*", n("D"), op("inv", n("N"))), c(4.0))),
        ("1 < N <= 2", op("and", op("<", c(1.0), n("N")), op("<=", n("N"), c(2.0)))),
        ("(a > 1) & ~(b == 'x')", op("and", op(">", n("a"), c(1.0)), op("not", op("==", n("b"), c("x"))))),
        ("not a > 1 or b != 2", op("or", op("not", op(">", n("a"), c(1.0))), op("!=", n("b"), c(2.0)))),
        ("a not in ['x', \"y\"]", op("not in", n("a"), Listing(0, 0, (c("x"), c("y"))))),
    ],
)
def test_conditions_are_read(text, tree):
    found = parse(text, CONDITION)
    assert found == tree
    assert parse(written(found), CONDITION) == tree
    assert is_condition(found)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("E + lg(N)", 4),
        ("E + (A/N", 4),
        ("E + A/N)", 7),
        ("E + os.system", 6),
        ("[x for x in y]", 0),
        ("2N + 1", 0),
        ("E + ", 3),
        ("E * * A", 4),
        ("a b", 2),
        ("f(x)(y)", 4),
        ("lambda x: x", 8),
        ("x if y else z", 2),
        ("E[1]", 2),
        ("log()", 4),
        ("log(a, b)", 0),
        ("max(a)", 0),
        ("'x'", 0),
        ("1e999", 0),
        ("`a", 0),
        ("``", 0),
        ("a = 3", 2),
        ("a < 3", 2),
        ("a and b", 2),
        ("N²", 0),
        ("x\x00", 1),
    ],
)
def test_a_mistake_has_a_caret_under_it(text, column):
    with pytest.raises(ExpressionError) as caught:
        parse(text, FORMULA)
    *_, shown, carets = str(caught.value).split("\n")
    assert shown == "  " + text
    assert len(carets) - len(carets.lstrip()) == 2 + column
    assert set(carets.strip()) == {"^"}


@pytest.mark.parametrize(
    "text",
    ["", "-" * 1999 + "a", "a+" * 5000, "(" * 100 + "a" + ")" * 100, "^".join("a" * 200), "-(" * 50 + "a" + ")" * 50],
)
def test_expressions_too_long_or_deep_are_refused(text):
    with pytest.raises(ExpressionError):
        parse(text, FORMULA)


def test_a_long_text_is_shown_around_the_mistake():
    with pytest.raises(ExpressionError) as caught:
        parse(" + ".join(["abcdefgh"] * 30) + " + + + + * 2", FORMULA)
    _, shown, carets = str(caught.value).split("\n")
    assert shown[carets.index("^")] == "*"
    assert len(shown) < 100


def test_long_sums_are_one_operation():
    found = parse("+".join(["a"] * 290), FORMULA)
    assert isinstance(found, Operation)
    assert len(found.operands) == 290


def test_numbers_are_read_as_the_grammar_says():
    grammar = Grammar(number=lambda text: 1e9 * float(text[:-1]) if text.endswith("B") else float(text))
    assert parse("7B", grammar) == c(7e9)


def test_nearest():
    assert nearest("n_activ", ["N_active", "D"]) == "N_active"
    assert nearest("zzz", ["N", "D"]) is None
