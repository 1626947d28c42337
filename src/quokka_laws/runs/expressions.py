"""Conditions on rows and formulas of settings, as people type them: ``D / N < 4``, ``global_batch * 2048``.

Names are those of the table's columns, in backquotes where they are not plain words (as in drop="`val/loss` > 3");
numbers may be written ``7B``; texts stand in quotation marks. ``and or not in``, comparisons (also chained, ``1 < x <= 2``),
arithmetic and ``log exp sqrt abs min max`` are all there is. Nothing is run as code: :mod:`quokka_laws._expressions` reads,
numpy computes.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._arithmetic import FUNCTIONS, value
from quokka_laws._expression_tree import Constant, Listing, Name, Node, Operation, is_condition, names, quoted
from quokka_laws._expressions import Grammar, fault, nearest, parse
from quokka_laws._typing import Array
from quokka_laws.exceptions import ExpressionError
from quokka_laws.runs.quantities import parse_quantities, parse_quantity

CONDITION = Grammar(functions=FUNCTIONS, conditions=True, number=parse_quantity, what="condition")
FORMULA = Grammar(functions=FUNCTIONS, number=parse_quantity, what="formula")
LISTED = 20  # names in a message
_DOTTED = re.compile(r"""`[^`]*`|'[^']*'|"[^"]*"|[^\W\d]\w*(?:\.\w+)+""")

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_TRUTH = {
    "true": True,
    "yes": True,
    "1": True,
    "1.0": True,
    "false": False,
    "no": False,
    "0": False,
    "0.0": False,
    "": False,
}


def rows_where(condition: str, table: pd.DataFrame) -> Array:
    """Which rows of a table meet a condition.

    Parameters
    ----------
    condition : str
        ``"D / N < 4"``, ``"group == 'grid' and not loss > 8"``, ``"width in [64, 128]"``. A column of true and false is a
        condition by itself. Empty cells meet no comparison but ``!=``.
    table : DataFrame

    Returns
    -------
    array of bool, shape (rows,)

    Raises
    ------
    ExpressionError
        With a caret under what cannot be read, or the column that does not hold what is compared.
    """
    condition = _dotted(condition, table)
    tree = parse(condition, CONDITION)
    if not is_condition(tree) and not isinstance(tree, Name):
        raise ExpressionError(f"{condition!r} is a number, not a condition: compare it with something, as in D / N < 4")
    return np.broadcast_to(_Rows(condition, table).condition(tree), (len(table),)).copy()


def numbers_of(formula: str, table: pd.DataFrame) -> Array:
    """The numbers that a formula of columns gives for each row: ``"steps * batch_tokens"``; NaN where a cell is none.

    Raises
    ------
    ExpressionError
        With a caret under what cannot be read, or the column that holds no numbers.
    """
    formula = _dotted(formula, table)
    tree = parse(formula, FORMULA)
    with np.errstate(all="ignore"):
        found = np.asarray(_Rows(formula, table).number(tree), dtype=float)
    return np.broadcast_to(found, (len(table),)).copy()


def number_of(formula: str, facts: Mapping[str, Any]) -> float:
    """The number that a formula of named facts gives: ``"global_batch * 2048"``.

    Raises
    ------
    ExpressionError
        With a caret under a name that is not known or not a number.
    """
    tree = parse(formula, FORMULA)

    def lookup(name: Name) -> float:
        if name.name not in facts:
            raise _unknown(formula, name, [str(k) for k in facts], "there is no")
        try:
            return parse_quantity(facts[name.name])
        except ValueError:
            message = f"{name.name} is {facts[name.name]!r}, which is not a number"
            raise fault(formula, name.start, message, name.end) from None

    return float(value(tree, lookup))


def holds_a_column(formula: str, table: pd.DataFrame) -> bool:
    """Whether a text reads as a formula and any name in it is a column, so that it is no column's own name."""
    try:
        return any(n.name in table for n in names(parse(_dotted(formula, table), FORMULA)))
    except ExpressionError:
        return False


def _dotted(text: str, table: pd.DataFrame) -> str:
    """The same with backquotes around columns such as ``model.n_layer``, as configurations name them."""
    if not any("." in str(c) for c in table):
        return text
    return _DOTTED.sub(lambda found: found[0] if found[0][0] in "`'\"" else f"`{found[0]}`", text)


def _unknown(text: str, name: Name, known: list[str], what: str) -> ExpressionError:
    near = nearest(name.name, known)
    there = ", ".join(map(quoted, known[:LISTED])) + (f" and {len(known) - LISTED} more" if len(known) > LISTED else "")
    hint = f"; did you mean {quoted(near)}?" if near else "."
    return fault(text, name.start, f"{what} {name.name!r}{hint} There are: {there or 'none'}", name.end)


class _Rows:
    """A condition on the rows of one table."""

    def __init__(self, text: str, table: pd.DataFrame) -> None:
        self.text, self.table = text, table
        self.columns = {str(c): i for i, c in enumerate(table.columns)}

    def condition(self, node: Node) -> Array:
        match node:
            case Operation(operator="and" | "or" as which, operands=parts):
                join = np.logical_and if which == "and" else np.logical_or
                return np.asarray(join.reduce([np.broadcast_to(self.condition(p), (len(self.table),)) for p in parts]))
            case Operation(operator="not", operands=(part,)):
                return np.logical_not(self.condition(part))
            case Operation(operator="in" | "not in" as which, operands=(left, Listing(items=items))):
                hit = np.logical_or.reduce(
                    [np.broadcast_to(self.compare("==", left, i), (len(self.table),)) for i in items]
                )
                return np.asarray(hit if which == "in" else ~hit)
            case Operation(operator=which, operands=(left, right)) if which in _COMPARE:
                return np.asarray(self.compare(which, left, right), dtype=bool)
            case Name():
                return self.truth(node)
        raise fault(self.text, node.start, "expected a condition here, such as D / N < 4", node.end)

    def compare(self, which: str, left: Node, right: Node) -> Any:
        for text, other in ((left, right), (right, left)):
            if isinstance(text, Constant) and isinstance(text.value, str):
                if which not in ("==", "!="):
                    raise fault(self.text, text.start, f"a text is compared with == or != only, not {which}", text.end)
                same = self.equals_text(other, text)
                return same if which == "==" else ~same
        if which in ("==", "!=") and isinstance(left, Name):
            if isinstance(right, Name) and not self.is_column(right) and (said := _truth(right.name)) is not None:
                return (self.truth(left) == said) == (which == "==")
            if isinstance(right, Name) and self.is_wordy(left) and self.is_wordy(right):
                same = (self.words(left) == self.words(right)) & (self.words(left) != "")
                return same if which == "==" else ~same
        with np.errstate(all="ignore"):
            return _COMPARE[which](self.number(left), self.number(right))

    def equals_text(self, node: Node, text: Constant) -> Array:
        if not isinstance(node, Name):
            raise fault(self.text, text.start, "a text can be compared with a column only", text.end)
        if not self.holds_text(node):
            try:
                return np.asarray(self.number(node) == parse_quantity(text.value))
            except ValueError:
                message = f"column {node.name} holds numbers, and {text.value!r} is none"
                raise fault(self.text, text.start, message, text.end) from None
        return np.asarray(self.words(node) == str(text.value))

    def number(self, node: Node) -> Any:
        return value(node, self.numbers)

    # ---- columns ------------------------------------------------------------------------------------------------

    def is_column(self, name: Name) -> bool:
        return name.name in self.columns

    def column(self, name: Name) -> pd.Series:
        if not self.is_column(name):
            raise _unknown(
                self.text, name, [c for c in self.columns if not c.startswith("_")], "the table has no column"
            )
        return self.table.iloc[:, self.columns[name.name]]

    def holds_text(self, name: Name) -> bool:
        column = self.column(name)
        return not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)

    def is_wordy(self, name: Name) -> bool:
        """Whether a column holds words and no number at all."""
        return self.holds_text(name) and len(parse_quantities(self.column(name))[1]) == len(self.table)

    def words(self, name: Name) -> Array:
        return np.array(["" if _is_empty(v) else str(v).strip() for v in self.column(name)], dtype=object)

    def numbers(self, name: Name) -> Array:
        """A column as numbers; empty cells and words among them are NaN, but a column without numbers is no such."""
        column = self.column(name)
        values, bad = parse_quantities(column)
        if len(bad) == len(values) and (words := [w for w in self.words(name) if w]):
            raise fault(self.text, name.start, f"column {name.name} holds no numbers but {words[0]!r}", name.end)
        return values

    def truth(self, name: Name) -> Array:
        found = [_truth(word) for word in self.words(name)]
        if None in found:
            word = self.words(name)[found.index(None)]
            message = f"column {name.name} holds {word!r}, neither true nor false: compare it with something"
            raise fault(self.text, name.start, message, name.end)
        return np.array(found, dtype=bool)


def _truth(word: Any) -> bool | None:
    return _TRUTH.get(str(word).lower())


def _is_empty(cell: Any) -> bool:
    return cell is None or cell is pd.NA or (isinstance(cell, float) and np.isnan(cell))
