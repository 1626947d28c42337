"""What each coefficient of a formula is, from where it stands: an amplitude, a slope, a scale or an exponent."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from quokka_laws._expression_tree import Call, Constant, Name, Node, Operation, children, names
from quokka_laws.laws.formula_text import additive

Place = Literal["factor", "base", "divisor", "exponent", "free"]
Kind = Literal["amplitude", "slope", "scale", "exponent"]


@dataclass(frozen=True)
class Occurrence:
    """Where a coefficient stands.

    Parameters
    ----------
    name : str
    place : str
        ``factor`` of a whole term; in a ``base`` of a power or logarithm, or a ``divisor``: it has to be positive there; in
        an ``exponent``; or ``free``, where any number does.
    term : int
        Which additive term of the formula.
    monomial : Node
        The largest part around it that is a product of powers, so that its logarithm is linear in that of the coefficient.
    falls : bool
        In an exponent: whether what the power is of enters the less, the larger the exponent (``1/N^alpha``).
    base : Node, optional
        In an exponent: what the power is of; None in ``exp``.
    alone : bool
        In an exponent: whether it is added there on its own, ``exp(d + …)``, and so multiplies the term.
    beside : tuple of Node
        What it is added to on its own: the other parts of that sum.
    minus : bool
        Whether it is subtracted there.
    below : Operation, optional
        The sum that its monomial is subtracted from, where that has to stay positive: ``1 - c*share`` inside a power.
    """

    name: str
    place: Place
    term: int
    monomial: Node
    falls: bool = False
    base: Node | None = None
    alone: bool = False
    beside: tuple[Node, ...] = ()
    minus: bool = False
    below: Operation | None = None


@dataclass(frozen=True)
class Roles:
    """The reading of a formula once it is known which names are variables.

    Parameters
    ----------
    tree : Node
    variables : collection of str
    signed : collection of str
        Variables that may be negative.
    positive : collection of str
        Coefficients said to be positive.
    """

    tree: Node
    variables: Collection[str]
    signed: Collection[str] = ()
    positive: Collection[str] = ()

    @cached_property
    def terms(self) -> list[tuple[bool, Node]]:
        """Additive terms and whether each is subtracted."""
        return additive(self.tree)

    @cached_property
    def coefficients(self) -> dict[str, Name]:
        """Names that are not variables, in order, with their first node."""
        found: dict[str, Name] = {}
        for node in names(self.tree):
            if node.name not in self.variables:
                found.setdefault(node.name, node)
        return found

    @cached_property
    def occurrences(self) -> dict[str, list[Occurrence]]:
        """Where each coefficient stands."""
        found: dict[str, list[Occurrence]] = {name: [] for name in self.coefficients}
        for k, (_, term) in enumerate(self.terms):
            for occurrence in self._visit(term, "factor", term, k):
                found[occurrence.name].append(occurrence)
        return found

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """What each coefficient is."""
        kinds: dict[str, Kind] = {}
        for name, where in self.occurrences.items():
            places = {o.place for o in where}
            if places & {"factor", "base", "divisor"} or name in self.positive:
                kinds[name] = "scale"
            else:
                kinds[name] = "exponent"
        self.__dict__["kinds"] = kinds  # positivity of terms looks at them
        signed = [minus or not self.is_positive(term) for minus, term in self.terms]
        owned: set[int] = set()
        for name, where in self.occurrences.items():
            if len(where) != 1 or where[0].place != "factor" or name in self.positive or where[0].term in owned:
                continue
            owned.add(where[0].term)
            if signed[where[0].term]:
                kinds[name] = "slope"
            elif not any(signed):
                kinds[name] = "amplitude"
        self._sign.clear()
        return kinds

    @cached_property
    def is_signed(self) -> bool:
        """Whether some term may be negative, so that terms have no logarithms of their own."""
        assert self.kinds is not None
        return any(minus or not self.is_positive(term) for minus, term in self.terms)

    # ---- signs ------------------------------------------------------------------------------------------------

    @cached_property
    def _sign(self) -> dict[int, bool]:
        return {}

    @cached_property
    def _data(self) -> dict[int, bool]:
        return {}

    def is_data(self, node: Node) -> bool:
        """Whether a part has no coefficients."""
        if id(node) not in self._data:
            own = not isinstance(node, Name) or node.name in self.variables
            self._data[id(node)] = own and all(map(self.is_data, children(node)))
        return self._data[id(node)]

    def is_positive(self, node: Node) -> bool:
        """Whether a part is positive (or zero) whatever its coefficients, so that its logarithm can be taken apart."""
        if id(node) not in self._sign:
            self._sign[id(node)] = self._positive(node)
        return self._sign[id(node)]

    def _positive(self, node: Node) -> bool:
        match node:
            case Constant(value=value):
                return float(value) >= 0
            case Name(name=name):
                return name not in self.signed if name in self.variables else self.kinds[name] in ("scale", "amplitude")
            case Operation(operator="+" | "*" | "inv", operands=parts):
                return all(map(self.is_positive, parts))
            case Operation(operator="^", operands=(base, power)):
                n = whole_number(power)
                return n is None or n % 2 == 0 or self.is_positive(base)
            case Call(function="exp" | "sigmoid" | "softplus" | "sqrt"):
                return True
            case Call(function="tanh" | "min", arguments=parts):
                return all(map(self.is_positive, parts))
            case Call(function="max", arguments=parts):
                return any(map(self.is_positive, parts))
            case Call(function="log", arguments=(Operation(operator="+", operands=parts),)):
                return all(map(self.is_positive, parts)) and any(
                    isinstance(p, Constant) and float(p.value) >= 1 for p in parts
                )
        return False

    # ---- places -----------------------------------------------------------------------------------------------

    def _visit(
        self,
        node: Node,
        place: Place,
        monomial: Node,
        term: int,
        falls: bool = False,
        base: Node | None = None,
        alone: bool = False,
        beside: tuple[Node, ...] = (),
        minus: bool = False,
        below: Operation | None = None,
    ) -> Iterator[Occurrence]:
        def inside(
            part: Node,
            place: Place,
            monomial: Node,
            turned: bool = False,
            alone: bool = False,
            beside: tuple[Node, ...] = (),
            minus: bool = False,
            below: Operation | None = below,
        ) -> Iterator[Occurrence]:
            return self._visit(part, place, monomial, term, falls ^ turned, base, alone, beside, minus, below)

        at: Place
        match node:
            case Name(name=name) if name not in self.variables:
                yield Occurrence(name, place, term, monomial, falls, base, alone, beside, minus, below)
            case Operation(operator="+", operands=parts):
                at = place if place in ("exponent", "free") else "base"
                for part in parts:
                    others = tuple(p for p in parts if p is not part)
                    taken = isinstance(part, Operation) and part.operator == "neg" and at == "base"
                    yield from inside(part, at, part, alone=alone, beside=others, below=node if taken else None)
            case Operation(operator="*", operands=parts):
                for part in parts:
                    yield from inside(part, place, monomial)
            case Operation(operator="neg", operands=(part,)):
                at = place if place != "factor" else "base"
                yield from inside(part, at, part, turned=True, alone=alone, beside=beside, minus=not minus)
            case Operation(operator="inv", operands=(part,)):
                yield from inside(part, "divisor", monomial, turned=True)
            case Operation(operator="^", operands=(inner, power)):
                whole = whole_number(power) is not None
                added = isinstance(inner, Operation) and inner.operator == "+"
                at = "free" if whole and added else place if whole and place != "factor" else "base"
                yield from inside(inner, at, monomial)
                yield from self._visit(power, "exponent", power, term, falls, inner)
            case Call(function="exp", arguments=(part,)):
                yield from self._visit(part, "exponent", part, term, alone=place == "factor")
            case Call(function="log" | "sqrt", arguments=(part,)):
                yield from self._visit(part, "base", part, term)
            case Call(function="min" | "max", arguments=parts):
                held = any(map(self.is_data, parts))  # max(0, …): what is beside a number may have either sign
                for part in parts:
                    yield from self._visit(
                        part, "free" if held or place in ("exponent", "free") else "base", part, term
                    )
            case Call(arguments=(part,)):
                yield from self._visit(part, "free", part, term)


def whole_number(node: Node) -> int | None:
    """The value of a small whole number, None of anything else."""
    if (
        isinstance(node, Constant)
        and isinstance(node.value, float)
        and node.value.is_integer()
        and abs(node.value) <= 64
    ):
        return int(node.value)
    return None


def only_as_products(roles: Roles) -> list[tuple[str, str]]:
    """Pairs of coefficients that occur once each, in one product: only their product counts."""
    where: dict[int, list[str]] = {}
    for name, found in roles.occurrences.items():
        if len(found) == 1 and found[0].place in ("factor", "base", "divisor"):
            where.setdefault(id(found[0].monomial), []).append(name)
    return [(group[0], other) for group in where.values() for other in group[1:]]
