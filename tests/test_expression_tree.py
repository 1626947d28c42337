"""The tree of an expression: its names, and the text that reads back to it."""

from quokka_laws._expression_tree import Call, Name, Operation, children, is_condition, names, quoted, written
from quokka_laws._expressions import Grammar, parse

FORMULA = Grammar(functions={"log": (1, 1)}, levels=True)


def test_names_in_order_and_places():
    text = "A * `x y`"
    first, second = names(parse(text, FORMULA))
    assert (first.name, second.name) == ("A", "x y")
    assert text[second.start : second.end] == "`x y`"


def test_children():
    call, name = Call(0, 0, "log", (Name(0, 0, "a"),)), Name(0, 0, "b")
    assert children(Operation(0, 0, "+", (call, name))) == (call, name)
    assert children(call) == (Name(0, 0, "a"),)
    assert children(name) == ()


def test_written_reads_as_people_write():
    assert written(parse("a - b/c + E[corpus]", FORMULA)) == "(a - (b/c) + E[corpus])"
    assert written(parse("1/x", FORMULA)) == "(1/x)"


def test_conditions_are_true_or_false():
    assert is_condition(parse("a < 1 and b > 2", Grammar(conditions=True)))
    assert not is_condition(parse("a + 1", Grammar(conditions=True)))


def test_quoted():
    assert quoted("x y") == "`x y`"
    assert quoted("x_y") == "x_y"
