"""The text of a formula: its terms, its definitions put in their places, and the names in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from asteval import valid_symbol_name

from quokka_laws._expression_tree import Call, Listing, Name, Node, Operation, children, names
from quokka_laws._expressions import Grammar, fault, parse
from quokka_laws.exceptions import ExpressionError

FUNCTIONS: dict[str, tuple[int, int | None]] = {
    **dict.fromkeys(("log", "exp", "sqrt", "tanh", "sigmoid", "softplus"), (1, 1)),
    "min": (2, None),
    "max": (2, None),
}
GRAMMAR = Grammar(functions=FUNCTIONS, levels=True)
MOST_LEAVES = 2_000  # names and numbers once definitions are in their places

_PART = re.compile(r"(?:[^;`]|`[^`]*`?)+")
_DEFINITION = re.compile(r"\s*(?:([^\W\d]\w*)|`([^`]+)`)\s*=")


def read(text: str) -> Node:
    """The loss that a formula says, ``"E/(1 + h) + T*h/(1 + h); h = A/N^alpha"``, definitions after semicolons.

    Raises
    ------
    ExpressionError
        With a caret under the mistake.
    """
    if not isinstance(text, str):
        return parse(text, GRAMMAR)  # says what was expected
    parts = [(m.start(), m.end()) for m in _PART.finditer(text) if m[0].strip()]
    if not parts or text.lstrip().startswith(";"):
        return parse("", GRAMMAR)
    main = parse(text, GRAMMAR, start=parts[0][0], end=parts[0][1])
    defined: dict[str, tuple[Node, int]] = {}
    for start, end in parts[1:]:
        match = _DEFINITION.match(text, start, end)
        if not match:
            first = start + len(text[start:end]) - len(text[start:end].lstrip())
            raise fault(text, first, "after a semicolon comes a definition, such as h = A/N^alpha")
        name = match[1] or match[2]
        if name in defined:
            raise fault(text, match.start(), f"{name} is defined twice", match.end())
        defined[name] = parse(text, GRAMMAR, start=match.end(), end=end), start
    tree = _Definitions(text, defined).put_in(main)
    _check_names(text, tree)
    return tree


class _Definitions:
    """Definitions by name, each put in its places once; a definition used twice is one node in both."""

    def __init__(self, text: str, defined: dict[str, tuple[Node, int]]) -> None:
        self.text, self.defined = text, defined
        self.done: dict[str, Node] = {}
        self.doing: list[str] = []
        self.size: dict[int, int] = {}

    def put_in(self, main: Node) -> Node:
        tree = self._walk(main)
        for name, (_, start) in self.defined.items():
            if name not in self.done:
                raise fault(self.text, start, f"{name} is defined but not used")
        return tree

    def _walk(self, node: Node) -> Node:
        if isinstance(node, Name):
            if node.by is not None and node.by in self.defined:
                raise fault(self.text, node.start, f"{node.by} is a definition, not a column", node.end)
            return self._definition(node) if node.name in self.defined else node
        parts = tuple(self._walk(child) for child in children(node))
        if sum(self._leaves(p) for p in parts) > MOST_LEAVES:
            raise ExpressionError(
                f"the formula has more than {MOST_LEAVES} names and numbers once its definitions are put in"
            )
        match node:
            case Operation():
                return replace(node, operands=parts)
            case Call():
                return replace(node, arguments=parts)
            case Listing():
                return replace(node, items=parts)
        return node

    def _definition(self, node: Name) -> Node:
        if node.by is not None:
            raise fault(
                self.text, node.start, f"{node.name} is a definition; put the column at its coefficients", node.end
            )
        if node.name in self.doing:
            raise fault(self.text, node.start, f"{node.name} is defined by itself", node.end)
        if node.name not in self.done:
            self.doing.append(node.name)
            self.done[node.name] = self._walk(self.defined[node.name][0])
            self.doing.pop()
        return self.done[node.name]

    def _leaves(self, node: Node) -> int:
        if id(node) not in self.size:
            parts = children(node)
            self.size[id(node)] = sum(map(self._leaves, parts)) if parts else 1
        return self.size[id(node)]


def _check_names(text: str, tree: Node) -> None:
    groups: dict[str, str | None] = {}
    for node in names(tree):
        if node.name in FUNCTIONS:
            raise fault(text, node.start, f"{node.name} is a function: write {node.name}(…)", node.end)
        if groups.setdefault(node.name, node.by) != node.by:
            raise fault(
                text,
                node.start,
                f"{node.name} has one value per {groups[node.name] or node.by} in one place and not in another",
                node.end,
            )


def check_coefficient(text: str, node: Name) -> None:
    """Raise unless a name can be that of a coefficient."""
    if not valid_symbol_name(node.name) or (not node.name.isascii() and not node.name.isidentifier()):
        raise fault(
            text,
            node.start,
            f"{node.name!r} is not a column, and no coefficient can be called that; write it as letters, digits and _ "
            f"(and not as a word of Python's: {node.name}_ would do)",
            node.end,
        )


def renamed_in(node: Node, called: Mapping[str, str]) -> Node:
    """An expression with some of its names replaced."""
    match node:
        case Name(name=name, by=by):
            return replace(node, name=called.get(name, name), by=None if by is None else called.get(by, by))
        case Operation(operands=parts):
            return replace(node, operands=tuple(renamed_in(p, called) for p in parts))
        case Call(arguments=parts):
            return replace(node, arguments=tuple(renamed_in(p, called) for p in parts))
    return node


def additive(tree: Node) -> list[tuple[bool, Node]]:
    """The terms that a formula adds up: whether each is subtracted, and the term."""
    if isinstance(tree, Operation) and tree.operator == "+":
        return [pair for part in tree.operands for pair in additive(part)]
    if isinstance(tree, Operation) and tree.operator == "neg":
        return [(not minus, node) for minus, node in additive(tree.operands[0])]
    return [(False, tree)]
