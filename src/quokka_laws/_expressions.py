"""Expressions that people type, read into a small tree and never evaluated by Python.

Formulas of laws, formulas of costs and conditions on rows are read here; what a name or a function *means* is the
business of whoever asks. Every name and number is taken out of the text first, so that Python's ``ast`` sees nothing but
placeholders, operators and brackets: it decides precedence and nothing else.

>>> tree = parse("E + A/N^alpha", Grammar(functions={"log": (1, 1)}))
>>> [n.name for n in names(tree)]
['E', 'A', 'N', 'alpha']
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from quokka_laws._expression_tree import Call, Constant, Listing, Name, Node, Operation, children, is_condition
from quokka_laws.exceptions import ExpressionError

LONGEST = 2_000  # characters
MOST_TOKENS = 600
DEEPEST = 40  # brackets, powers and functions inside one another
SHOWN = 72  # characters of a long text that a message shows around its caret

_SUM, _PRODUCT = (ast.Add, ast.Sub), (ast.Mult, ast.Div)
_SAME = {"^": "**", "·": "*", "×": "*", "−": "-"}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.In: "in",
    ast.NotIn: "not in",
}
_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<number>(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\w*)
    |(?P<quoted>`[^`]*`)
    |(?P<text>'[^']*'|"[^"]*")
    |(?P<name>[^\W\d]\w*)
    |(?P<operator>\*\*|<=|>=|==|!=|[-+*/^·×−()\[\],<>&|~])
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_OPERATORS = {"+", "-", "*", "/", "**"}
_CONDITIONAL = {"<", "<=", ">", ">=", "==", "!=", "&", "|", "and", "or", "in"}
_OTHER = {
    ".": "attributes (a.b) are not part of it",
    "`": "a backquote is missing its partner",
    "=": "'=' is not part of it",
    "%": "'%' is not part of it",
    "'": "a quotation mark does not belong here",
    '"': "a quotation mark does not belong here",
}


@dataclass(frozen=True)
class Grammar:
    """What an expression may hold.

    Parameters
    ----------
    functions : mapping of str to (int, int or None)
        Names of functions, and the fewest and most arguments of each (None: any number).
    levels : bool
        Whether a name may have a column in brackets, ``E[corpus]``.
    conditions : bool
        Whether comparisons, ``and or not in`` (also ``& | ~``), lists and quoted texts are allowed.
    number : callable
        Text of a number → float; raises ``ValueError``. For example one that reads 7B.
    what : str
        What messages call the expression.
    """

    functions: Mapping[str, tuple[int, int | None]] = field(default_factory=dict)
    levels: bool = False
    conditions: bool = False
    number: Callable[[str], float] = float
    what: str = "formula"


@dataclass(frozen=True)
class _Token:
    kind: str  # number, name, text, operator
    text: str  # as Python writes it
    start: int
    end: int


def nearest(name: str, known: Collection[str], cutoff: float = 0.6) -> str | None:
    """The known name most like ``name``, capitals aside; None if none is like it."""
    plain = {k.lower(): k for k in known}
    found = difflib.get_close_matches(name.lower(), plain, n=1, cutoff=cutoff)
    return plain[found[0]] if found else None


def fault(text: str, start: int, message: str, end: int | None = None) -> ExpressionError:
    """An error whose message shows the text with carets under its place, ``start`` to ``end``."""
    end = max(start + 1, end if end is not None else start + 1)
    first = max(0, min(start - SHOWN // 2, len(text) - SHOWN)) if len(text) > SHOWN else 0
    shown = re.sub(r"\s", " ", text[first : first + SHOWN])
    before, after = ("… " if first else ""), (" …" if first + SHOWN < len(text) else "")
    width = max(1, min(end, first + SHOWN) - start)
    return ExpressionError(f"{message}\n  {before}{shown}{after}\n  {' ' * (len(before) + start - first)}{'^' * width}")


def parse(text: str, grammar: Grammar, *, start: int = 0, end: int | None = None) -> Node:
    """Read an expression, or the part of a text from ``start`` to ``end``.

    Raises
    ------
    ExpressionError
        With a caret under the mistake.
    """
    if not isinstance(text, str):
        raise ExpressionError(f"the {grammar.what} is {text!r}; expected text")
    if len(text) > LONGEST:
        raise ExpressionError(f"the {grammar.what} has {len(text):,} characters; at most {LONGEST:,} are read")
    end = len(text) if end is None else end
    tokens = _tokens(text, grammar, start, end)
    _check_order(text, tokens, grammar, end)
    source, places = _as_python(tokens)
    try:
        body = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # what _check_order did not foresee
        place = next((t for s, t in places.items() if s >= (getattr(error, "offset", 1) or 1) - 1), tokens[0])
        raise fault(text, place.start, f"the {grammar.what} cannot be read from here") from None
    return _Reader(text, grammar, places).convert(body, 0)


def _tokens(text: str, grammar: Grammar, start: int, end: int) -> list[_Token]:
    found: list[_Token] = []
    for match in _TOKEN.finditer(text, start, end):
        kind, word, place = str(match.lastgroup), match[0], (match.start(), match.end())
        if kind == "space":
            continue
        if kind == "other" or (kind == "text" and not grammar.conditions):
            why = _OTHER.get(word[0], f"{word[0]!r} is not part of it")
            raise fault(text, place[0], f"the {grammar.what} cannot be read: {why}")
        if kind == "name" and not word.isidentifier():  # letters that look like numbers: N²
            raise fault(text, place[0], f"{word!r} is no name; powers are written with ^, as in N^2", place[1])
        if kind == "quoted":
            kind, word = "name", word[1:-1].strip()
            if not word:
                raise fault(text, place[0], "there is no name between the backquotes", place[1])
            found.append(_Token("name", word, *place))
        elif kind == "name" and grammar.conditions and word in ("and", "or", "not", "in"):
            found.append(_Token("operator", word, *place))
        else:
            found.append(_Token(kind, _SAME.get(word, word), *place))
        if len(found) > MOST_TOKENS:
            raise ExpressionError(
                f"the {grammar.what} has more than {MOST_TOKENS} names, numbers and operators; it is not read"
            )
    if not found:
        raise ExpressionError(f"the {grammar.what} is empty")
    return found


def _check_order(text: str, tokens: list[_Token], grammar: Grammar, end: int) -> None:
    """Operands and operators must alternate, and brackets match; says where they do not."""
    binary = _OPERATORS | (_CONDITIONAL if grammar.conditions else set())
    prefix = {"+", "-"} | ({"not", "~"} if grammar.conditions else set())
    brackets: list[_Token] = []
    wants_operand, signs = True, 0
    for i, token in enumerate(tokens):
        before = tokens[i - 1] if i else None
        operator = token.text if token.kind == "operator" else ""
        if wants_operand:
            signs = signs + 1 if operator in prefix else 0
            if not operator:
                wants_operand = False
            elif operator in ("(", "[") and (operator == "(" or grammar.conditions):
                brackets.append(token)
            elif operator == ")" and before is not None and before.text == "(":
                raise fault(text, token.start, "there is nothing between the brackets")
            elif operator not in prefix or signs > 3:
                raise fault(text, token.start, f"expected a name or a number before {_shown(text, token)!r}")
        elif operator in ("(", "[") and before is not None and before.kind == "name":
            if operator == "[" and not grammar.levels:
                raise fault(text, token.start, f"brackets after a name are not part of a {grammar.what}")
            brackets.append(token)
            wants_operand = True
        elif operator in (")", "]"):
            opened = brackets.pop() if brackets else None
            if opened is None or opened.text + operator not in ("()", "[]"):
                raise fault(text, token.start, f"{operator!r} closes nothing")
        elif operator == "," and brackets:
            wants_operand = True
        elif operator == "not" and tokens[min(i + 1, len(tokens) - 1)].text == "in":
            continue
        elif operator in binary:
            wants_operand = True
        elif not operator or operator == "(":
            raise fault(
                text, token.start, f"expected an operator, such as *, before {_shown(text, token)!r}", token.end
            )
        else:
            raise fault(text, token.start, f"{_shown(text, token)!r} is not part of a {grammar.what}", token.end)
        if len(brackets) > DEEPEST:
            raise fault(text, token.start, f"more than {DEEPEST} brackets inside one another")
    if brackets:
        raise fault(text, brackets[-1].start, f"{brackets[-1].text!r} is never closed")
    if wants_operand:
        raise fault(
            text, max(0, min(end, len(text)) - 1), f"the {grammar.what} ends where a name or a number is expected"
        )


def _shown(text: str, token: _Token) -> str:
    return text[token.start : token.end]


def _as_python(tokens: list[_Token]) -> tuple[str, dict[int, _Token]]:
    """Source of ASCII placeholders and operators, and which token starts where in it."""
    parts, places, length = [], {}, 0
    for i, token in enumerate(tokens):
        part = token.text if token.kind == "operator" else f"_{i}"
        places[length] = token
        parts.append(part)
        length += len(part) + 1
    return " ".join(parts), places


class _Reader:
    """From Python's tree of placeholders to ours."""

    def __init__(self, text: str, grammar: Grammar, places: dict[int, _Token]) -> None:
        self.text, self.grammar, self.places = text, grammar, places

    def fail(self, node: Node | _Token, message: str) -> NoReturn:
        raise fault(self.text, node.start, message, node.end)

    def token(self, node: ast.expr) -> _Token:
        return self.places[node.col_offset]

    def convert(self, node: ast.expr, depth: int) -> Node:
        if depth > DEEPEST:
            raise fault(self.text, self.first(node), f"more than {DEEPEST} parts inside one another")
        match node:
            case ast.Name():
                return self.leaf(self.token(node))
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return self.chain(node, _SUM, "+", "neg", depth)
            case ast.BinOp(op=ast.Mult() | ast.Div()):
                return self.chain(node, _PRODUCT, "*", "inv", depth)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return self.operation("^", self.convert(left, depth + 1), self.convert(right, depth + 1))
            case ast.BinOp(left=left, op=ast.BitAnd() | ast.BitOr() as op, right=right):
                return self.both("and" if isinstance(op, ast.BitAnd) else "or", [left, right], depth)
            case ast.UnaryOp(op=op, operand=operand):
                return self.unary(op, self.convert(operand, depth + 1), self.token(node))
            case ast.BoolOp(op=op, values=values):
                return self.both("and" if isinstance(op, ast.And) else "or", values, depth)
            case ast.Compare():
                return self.comparison(node, depth)
            case ast.Call(func=ast.Name() as function, args=arguments):
                return self.call(self.token(function), [self.convert(a, depth + 1) for a in arguments])
            case ast.Subscript(value=ast.Name() as name, slice=ast.Name() as by) if self.grammar.levels:
                group = self.token(by)
                if group.kind != "name":
                    self.fail(group, "expected the name of a column in the brackets")
                token = self.token(name)
                return Name(token.start, group.end + 1, token.text, group.text)
        message = f"this is not part of a {self.grammar.what}"
        if isinstance(node, ast.Subscript):
            message = "expected the name of one column in the brackets, as in E[corpus]"
        raise fault(self.text, self.first(node), message)

    def first(self, node: ast.AST) -> int:
        inside = [n.col_offset for n in ast.walk(node) if isinstance(n, ast.Name)]
        return self.places[min(inside)].start if inside else 0

    def leaf(self, token: _Token) -> Node:
        if token.kind == "name":
            return Name(token.start, token.end, token.text)
        if token.kind == "text":
            return Constant(token.start, token.end, token.text[1:-1])
        try:
            value = float(self.grammar.number(token.text))
        except ValueError:
            match = re.match(r"[\d_.]+(?:[eE][+-]?\d+)?", token.text)
            head, tail = (match[0], token.text[match.end() :]) if match else ("", "")
            hint = f"; to multiply write {head}*{tail}" if head and tail else ""
            self.fail(token, f"{token.text!r} is not a number{hint}")
        if not abs(value) < float("inf"):
            self.fail(token, f"{token.text!r} is too large for a number")
        return Constant(token.start, token.end, value)

    def operation(self, operator: str, *operands: Node) -> Operation:
        return Operation(operands[0].start, operands[-1].end, operator, operands)

    def chain(self, node: ast.BinOp, family: tuple[type, ...], operator: str, inverse: str, depth: int) -> Node:
        """``a - b + c``, nested to the left by Python, as one operation."""
        parts: list[Node] = []
        here: ast.expr = node
        while isinstance(here, ast.BinOp) and isinstance(here.op, family):
            part = self.convert(here.right, depth + 1)
            turned = isinstance(here.op, (ast.Sub, ast.Div))
            parts.append(Operation(part.start, part.end, inverse, (part,)) if turned else part)
            here = here.left
        parts.append(self.convert(here, depth + 1))
        parts.reverse()
        if operator == "*":
            return self.product(parts)
        return self.operation(operator, *parts)

    def product(self, parts: list[Node]) -> Node:
        """A product whose sign stands before it: ``-t*S``, which Python reads as ``(-t)*S``, is the negative of ``t*S``."""
        start, turned = parts[0].start, 0
        plain: list[Node] = []
        for part in parts:
            if _is_negative(part):
                turned += 1
                part = children(part)[0]
            elif isinstance(part, Operation) and part.operator == "inv" and _is_negative(part.operands[0]):
                turned += 1
                part = Operation(part.start, part.end, "inv", children(part.operands[0]))
            plain.append(part)
        found = self.operation("*", *plain)
        return Operation(start, found.end, "neg", (found,)) if turned % 2 else found

    def unary(self, op: ast.unaryop, operand: Node, token: _Token) -> Node:
        if isinstance(op, ast.UAdd):
            return operand
        operator = "neg" if isinstance(op, ast.USub) else "not"
        if operator == "neg" and isinstance(operand, Constant) and isinstance(operand.value, float):
            return Constant(token.start, operand.end, -operand.value)
        return Operation(token.start, operand.end, operator, (operand,))

    def both(self, operator: str, values: list[ast.expr], depth: int) -> Node:
        parts = [self.convert(v, depth + 1) for v in values]
        for part in parts:
            if not is_condition(part):
                self.fail(
                    part, f"{operator} joins conditions, and this is none; put each in brackets: (N > 1e9) & (D > 1e10)"
                )
        return self.operation(operator, *parts)

    def comparison(self, node: ast.Compare, depth: int) -> Node:
        sides = [node.left, *node.comparators]
        pairs = []
        for left, op, right in zip(sides, node.ops, sides[1:], strict=False):
            operator = _COMPARISONS[type(op)]
            if operator in ("in", "not in"):
                listed = right.elts if isinstance(right, (ast.List, ast.Tuple)) else [right]
                items = [self.convert(e, depth + 1) for e in listed]
                if not items:
                    raise fault(self.text, self.first(left), "the list after 'in' is empty")
                second: Node = Listing(items[0].start, items[-1].end, tuple(items))
            else:
                second = self.convert(right, depth + 1)
            pairs.append(self.operation(operator, self.convert(left, depth + 1), second))
        return pairs[0] if len(pairs) == 1 else self.operation("and", *pairs)

    def call(self, token: _Token, arguments: list[Node]) -> Node:
        known = self.grammar.functions
        if token.kind != "name" or token.text not in known:
            near = nearest(token.text, known)
            hint = f"; did you mean {near}?" if near else "."
            self.fail(token, f"there is no function {token.text!r}{hint} There are: {', '.join(known) or 'none'}")
        fewest, most = known[token.text]
        if len(arguments) < fewest or (most is not None and len(arguments) > most):
            wanted = f"{fewest}" if most == fewest else f"at least {fewest}" if most is None else f"{fewest} to {most}"
            self.fail(
                token, f"{token.text} takes {wanted} argument{'s' if wanted != '1' else ''}, not {len(arguments)}"
            )
        return Call(token.start, arguments[-1].end + 1, token.text, tuple(arguments))


def _is_negative(node: Node) -> bool:
    return isinstance(node, Operation) and node.operator == "neg"
