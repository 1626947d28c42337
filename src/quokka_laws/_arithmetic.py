"""Values of expressions: a tree of :mod:`quokka_laws._expressions` computed with numpy, nothing else.

A condition on rows, a formula of settings and a tie between coefficients all end here, so that no text of a user or of a
file is ever run as code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from quokka_laws._expression_tree import Call, Constant, Listing, Name, Node, Operation, children, names
from quokka_laws._expressions import Grammar, fault, parse
from quokka_laws.exceptions import ExpressionError

FUNCTIONS: dict[str, tuple[int, int | None]] = {
    **dict.fromkeys(("log", "exp", "sqrt", "abs"), (1, 1)),
    "min": (2, None),
    "max": (2, None),
}
TIE = Grammar(functions=dict.fromkeys(("log", "exp", "sqrt", "abs"), (1, 1)), what="tie")

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "log": np.log,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "min": lambda *parts: np.minimum.reduce(np.broadcast_arrays(*parts)),
    "max": lambda *parts: np.maximum.reduce(np.broadcast_arrays(*parts)),
}


def value(node: Node, lookup: Callable[[Name], Any]) -> Any:
    """The number, or the array, that a tree without conditions stands for.

    Parameters
    ----------
    node : Node
    lookup : callable
        What a name stands for: a number or an array of them.
    """
    with np.errstate(all="ignore"):
        return _value(node, lookup)


def _value(node: Node, lookup: Callable[[Name], Any]) -> Any:
    match node:
        case Constant(value=number):
            return np.float64(number)
        case Name():
            return lookup(node)
        case Operation(operator="neg", operands=(part,)):
            return -_value(part, lookup)
        case Operation(operator="inv", operands=(part,)):
            return np.divide(1.0, _value(part, lookup))
        case Operation(operator="^", operands=(base, power)):
            return np.power(_value(base, lookup), _value(power, lookup))
        case Operation(operator="+", operands=parts):
            found = _value(parts[0], lookup)
            for part in parts[1:]:
                found = found + _value(part, lookup)
            return found
        case Operation(operator="*", operands=parts):
            found = _value(parts[0], lookup)
            for part in parts[1:]:  # a/b is one division: a·(1/b) would round twice
                inverse = isinstance(part, Operation) and part.operator == "inv"
                found = found / _value(part.operands[0], lookup) if inverse else found * _value(part, lookup)  # type: ignore[attr-defined]
            return found
        case Call(function=function, arguments=arguments):
            return _FUNCTIONS[function](*(_value(a, lookup) for a in arguments))
    raise TypeError(f"{node!r} has no value")


def as_tie(text: str, known: Mapping[str, float], itself: str = "") -> str:
    """A tie between coefficients, checked and written so that lmfit can only compute it.

    lmfit evaluates expressions with asteval, which knows loops and files; it is handed nothing but arithmetic, ``log``,
    ``exp``, ``sqrt`` and ``abs`` of the law's own coefficients, with every power of plain numbers already a number.

    Parameters
    ----------
    text : str
        ``"alpha"``, ``"2*alpha"``, ``"alpha^2 + 0.1"``.
    known : mapping of str to float
        Coefficients by name, with values to try the tie at.
    itself : str
        The coefficient that is tied, which cannot occur in its own tie.

    Raises
    ------
    ExpressionError
        With a caret under the mistake.
    """
    tree = parse(text, TIE)
    for name in names(tree):
        if name.name not in known:
            raise fault(text, name.start, f"{name.name!r} is no coefficient; there are {', '.join(known)}", name.end)
        if name.name == itself:
            raise fault(text, name.start, f"{itself} cannot be tied to itself", name.end)
    at = np.asarray(value(tree, lambda name: np.float64(known[name.name])))
    if np.isnan(at) or (np.isinf(at) and not any(np.isinf(v) for v in known.values())):
        raise ExpressionError(
            f"the tie {text!r} is not a finite number where {', '.join(f'{k} = {v:g}' for k, v in known.items())}"
        )
    return _python(tree)


def check_no_circle(ties: Mapping[str, str]) -> None:
    """Raise unless coefficients that are tied lead to some that are not.

    Raises
    ------
    ExpressionError
        With the coefficients that are tied to one another in a circle.
    """
    needs = {name: {n.name for n in names(parse(text, TIE))} for name, text in ties.items()}
    for first in needs:
        seen: list[str] = []
        waiting = [first]
        while waiting:
            name = waiting.pop()
            if name == first and seen:
                raise ExpressionError(
                    f"{first} is tied to itself through {', '.join(seen[1:] or seen)}: free one of them"
                )
            if name not in seen and name in needs:
                seen.append(name)
                waiting += needs[name]


def _python(node: Node) -> str:
    """A tree as Python writes it; parts that hold no name are one number."""
    if not any(True for _ in names(node)):
        number = float(value(node, lambda name: np.nan))
        return f"{number:.0f}" if number.is_integer() and abs(number) < 1e15 else repr(number)
    match node:
        case Name(name=name):
            return name
        case Call(function=function, arguments=arguments):
            return f"{function}({', '.join(map(_python, arguments))})"
        case Operation(operator="neg", operands=(part,)):
            return f"-{_within(part)}"
        case Operation(operator="inv", operands=(part,)):
            return f"1/{_within(part)}"
        case Operation(operator="^", operands=(base, power)):
            return f"{_within(base)}**{_within(power)}"
        case Operation(operator="+", operands=parts):
            return _joined(parts, " + ", "neg", " - ")
        case Operation(operator="*", operands=parts):
            return _joined(parts, "*", "inv", "/")
    raise TypeError(f"{node!r} cannot be written")


def _joined(parts: tuple[Node, ...], plain: str, inverse: str, mark: str) -> str:
    text = _within(parts[0], sums=plain == "*")
    for part in parts[1:]:
        turned = isinstance(part, Operation) and part.operator == inverse
        inner: Node = part.operands[0] if isinstance(part, Operation) and turned else part
        text += (mark if turned else plain) + _within(inner, sums=turned or plain == "*")
    return text


def _within(node: Node, *, sums: bool = True) -> str:
    """A part of another expression, in brackets where they could be needed."""
    text = _python(node)
    simple = not children(node) or isinstance(node, Call) or text.replace(".", "").isalnum()
    product = isinstance(node, Operation) and node.operator in ("*", "^") and not sums
    return text if simple or product else f"({text})"


__all__ = ["FUNCTIONS", "TIE", "Listing", "as_tie", "check_no_circle", "value"]
