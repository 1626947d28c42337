"""The tree that an expression is read into: numbers, names, functions, operators; walked, and written as text again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

TRUTHS = {"<", "<=", ">", ">=", "==", "!=", "in", "not in", "and", "or", "not"}
"""Operators whose result is true or false."""


@dataclass(frozen=True)
class Node:
    """A part of an expression; ``start`` and ``end`` are its place in the text and do not count in comparisons."""

    start: int = field(compare=False, repr=False)
    end: int = field(compare=False, repr=False)


@dataclass(frozen=True)
class Constant(Node):
    """A number; a text in conditions."""

    value: float | str


@dataclass(frozen=True)
class Name(Node):
    """A name; ``by`` is the name in brackets after it, ``E[corpus]``."""

    name: str
    by: str | None = None


@dataclass(frozen=True)
class Call(Node):
    """A function of the grammar."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Operation(Node):
    """An operator and what it is applied to.

    ``+`` and ``*`` take any number of operands; subtraction and division are ``neg`` and ``inv`` of an operand, so that
    ``a - b/c`` is ``+(a, neg(*(b, inv(c))))``. ``^`` takes two. In conditions: ``< <= > >= == !=`` and ``in``, ``not in``
    (two; the second of the last pair is a :class:`Listing`), ``and`` and ``or`` (any number), ``not`` (one).
    """

    operator: str
    operands: tuple[Node, ...]


@dataclass(frozen=True)
class Listing(Node):
    """``[a, b]`` on the right of ``in``."""

    items: tuple[Node, ...]


def names(node: Node) -> Iterator[Name]:
    """Every name of an expression, in order; one that occurs twice comes twice."""
    if isinstance(node, Name):
        yield node
    for child in children(node):
        yield from names(child)


def children(node: Node) -> tuple[Node, ...]:
    """The parts a node is made of."""
    match node:
        case Operation(operands=parts) | Call(arguments=parts) | Listing(items=parts):
            return parts
    return ()


def quoted(name: str) -> str:
    """A name as an expression has to write it: in backquotes unless it is a plain one."""
    return name if re.fullmatch(r"[^\W\d]\w*", name) else f"`{name}`"


def written(node: Node) -> str:
    """An expression as text that reads back to an equal tree."""
    match node:
        case Constant(value=value):
            return repr(value) if isinstance(value, str) else f"{value:.17g}"
        case Name(name=name, by=by):
            return quoted(name) + (f"[{quoted(by)}]" if by is not None else "")
        case Call(function=function, arguments=parts):
            return f"{function}({', '.join(map(written, parts))})"
        case Operation(operator="neg", operands=(part,)):
            return f"(-{written(part)})"
        case Operation(operator="inv", operands=(part,)):
            return f"(1/{written(part)})"
        case Operation(operator="not", operands=(part,)):
            return f"(not {written(part)})"
        case Operation(operator="+", operands=parts):
            return f"({_joined(parts, 'neg', ' + ', ' - ')})"
        case Operation(operator="*", operands=parts):
            return f"({_joined(parts, 'inv', '*', '/')})"
        case Operation(operator=operator, operands=parts):
            return f"({f' {operator} '.join(map(written, parts))})"
        case Listing(items=parts):
            return f"[{', '.join(map(written, parts))}]"
    raise TypeError(type(node).__name__)


def _joined(parts: tuple[Node, ...], turned: str, plus: str, minus: str) -> str:
    text = written(parts[0])
    for part in parts[1:]:
        if isinstance(part, Operation) and part.operator == turned:
            text += minus + written(part.operands[0])
        else:
            text += plus + written(part)
    return text


def is_condition(node: Node) -> bool:
    """Whether a node is true or false rather than a number."""
    return isinstance(node, Operation) and node.operator in TRUTHS
