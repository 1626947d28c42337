"""A formula's terms on numbers or jets: logarithms taken apart where signs are known, plain arithmetic where they are not.

A part that is positive whatever its coefficients is evaluated as its logarithm: products become sums, powers products, sums
a log-sum-exp, so that ``N^alpha`` of N = 1e12 or a term of 1e-300 neither overflows nor vanishes. Any other part is
evaluated as it is. A logarithm of something negative is NaN, which the solver takes for a wall.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from quokka_laws._expression_tree import Call, Constant, Name, Node, Operation
from quokka_laws._typing import Array
from quokka_laws.laws import jet
from quokka_laws.laws.formula_roles import Roles, whole_number
from quokka_laws.laws.jet import Jet


class Evaluator:
    """Values and logarithms of a formula's parts, each computed once.

    Parameters
    ----------
    roles : Roles
    p : mapping
        Solver coordinates by name: ``log_A`` of amplitudes and scales, ``alpha`` of others.
    x : mapping
        ``log_N`` and, where a variable is not only positive, ``raw N``; ``level corpus``.
    levels : mapping
        Levels of the columns in brackets, and what the coefficient of each is called: ``{"E": ("corpus", ("E_a", …))}``.
    """

    def __init__(
        self,
        roles: Roles,
        p: Mapping[str, Any],
        x: Mapping[str, Any],
        levels: Mapping[str, tuple[str, tuple[str, ...]]],
    ) -> None:
        self.roles, self.p, self.x, self.levels = roles, p, x, levels
        self._logs: dict[int, Any] = {}
        self._values: dict[int, Any] = {}

    def terms(self) -> list[Any]:
        """Log-terms: one per additive term (and level of its amplitude), or one of all where some may be negative."""
        roles = self.roles
        if roles.is_signed:
            parts = [-1.0 * self.value(t) if minus else self.value(t) for minus, t in roles.terms]
            return [_log(_total(parts))]
        found = []
        for _, term in roles.terms:
            grouped = self._grouped_amplitude(term)
            found += [self.log(term)] if grouped is None else self._split(term, grouped)
        return [self._as_term(t) for t in found]

    def _as_term(self, term: Any) -> Any:
        """A term without coefficients or jets is still a term of every problem."""
        if isinstance(term, Jet):
            return term
        some = next((v for v in (*self.p.values(), *self.x.values()) if isinstance(v, Jet)), None)
        return term if some is None else some * 0.0 + term

    def _grouped_amplitude(self, term: Node) -> str | None:
        for name, where in self.roles.occurrences.items():
            if (
                name in self.levels
                and self.roles.kinds[name] == "amplitude"
                and self.roles.terms[where[0].term][1] is term
            ):
                return name
        return None

    def _split(self, term: Node, amplitude: str) -> list[Any]:
        """One term per level, −inf on the rows of the others: each amplitude has a term of its own."""
        column, names = self.levels[amplitude]
        code = self.x[f"level {column}"]
        unit = Evaluator(self.roles, {**self.p, f"one {amplitude}": 0.0}, self.x, self.levels).log(term)
        return [jet.where(_is_level(code, i), self.p[f"log_{name}"] + unit, -np.inf) for i, name in enumerate(names)]

    # ---- logarithms -------------------------------------------------------------------------------------------

    def log(self, node: Node) -> Any:
        """The logarithm of a part."""
        if id(node) not in self._logs:
            self._logs[id(node)] = self._log_of(node)
        return self._logs[id(node)]

    def _log_of(self, node: Node) -> Any:
        positive = self.roles.is_positive
        match node:
            case Constant(value=value):
                return _log(np.asarray(float(value)))
            case Name(name=name) if name in self.roles.variables:
                return self.x[f"log_{name}"] if f"log_{name}" in self.x else _log(self._variable(name))
            case Name(name=name):
                return self._coefficient(name) if self._is_log(name) else _log(self._coefficient(name))
            case Operation(operator="+", operands=parts) if all(map(positive, parts)) and not self.roles.is_data(node):
                rest = [p for p in parts if p != Constant(0, 0, 1.0)]
                if len(parts) - len(rest) == 1:
                    return jet.softplus(jet.logsumexp([self.log(p) for p in rest]))
                return jet.logsumexp([self.log(p) for p in parts])
            case Operation(
                operator="+", operands=(Constant(value=1.0), Operation(operator="neg", operands=(part,)))
            ) if positive(part) and not self.roles.is_data(node):
                return _log(-1.0 * jet.expm1(self.log(part)))
            case Operation(operator="*", operands=parts) if positive(node):
                return _total([self.log(p) for p in parts])
            case Operation(operator="inv", operands=(part,)) if positive(part):
                return -1.0 * self.log(part)
            case Operation(operator="^", operands=(base, power)) if whole_number(power) is None or positive(base):
                return self._log_power(self.log(base), self._power(power))
            case Call(function="exp", arguments=(part,)):
                return self.value(part)
            case Call(function="sqrt", arguments=(part,)):
                return 0.5 * self.log(part)
            case Call(function="sigmoid", arguments=(part,)):
                return -1.0 * jet.softplus(-1.0 * self.value(part))
            case Call(function="softplus", arguments=(part,)):
                return jet.log_softplus(self.value(part))
            case Call(function="min" | "max" as which, arguments=parts) if all(map(positive, parts)):
                return _extreme(which, [self.log(p) for p in parts])
        return _log(self.value(node))

    def _power(self, power: Node) -> Any:
        return float(power.value) if isinstance(power, Constant) else self.value(power)

    @staticmethod
    def _log_power(log_base: Any, power: Any) -> Any:
        """power·log base; ±inf without derivatives where the base is zero."""
        if _is_symbol(log_base) or _plain(log_base).min(initial=0.0) != -np.inf:
            return power * log_base
        zero = np.isneginf(_plain(log_base))
        end = np.where(zero, -np.inf * np.sign(_plain(power)), 0.0)
        return jet.where(~zero, power * jet.where(~zero, log_base, 0.0), 0.0) + np.where(zero, end, 0.0)

    # ---- values -----------------------------------------------------------------------------------------------

    def value(self, node: Node) -> Any:
        """A part as it is."""
        if id(node) not in self._values:
            self._values[id(node)] = self._value_of(node)
        return self._values[id(node)]

    def _value_of(self, node: Node) -> Any:
        match node:
            case Constant(value=value):
                return float(value)
            case Name(name=name) if name in self.roles.variables:
                return self._variable(name)
            case Name(name=name):
                return jet.exp(self._coefficient(name)) if self._is_log(name) else self._coefficient(name)
            case Operation(operator="+", operands=parts):
                return _total([self.value(p) for p in parts])
            case Operation(operator="neg", operands=(part,)):
                return -1.0 * self.value(part)
            case Operation(operator="*" | "inv") if self.roles.is_positive(node) and not self.roles.is_data(node):
                return jet.exp(self.log(node))
            case Operation(operator="*", operands=parts):
                return _product([self.value(p) for p in parts])
            case Operation(operator="inv", operands=(part,)):
                return jet.reciprocal(self.value(part))
            case Operation(operator="^", operands=(base, power)):
                n = whole_number(power)
                if n is not None and (not self.roles.is_positive(base) or self.roles.is_data(base)):
                    return _whole_power(self.value(base), n)
                return jet.exp(self.log(node))
            case Call(function="log", arguments=(part,)):
                return self.log(part)
            case Call(function="tanh", arguments=(part,)):
                return jet.tanh(self.value(part))
            case Call(function="softplus", arguments=(part,)):
                return jet.softplus(self.value(part))
            case Call(function="exp", arguments=(part,)):
                return jet.exp(self.value(part))
            case Call(function="min" | "max" as which, arguments=parts):
                return _extreme(which, [self.value(p) for p in parts])
        return jet.exp(self.log(node))

    def _variable(self, name: str) -> Any:
        for key in (f"raw {name}", name):
            if key in self.x:
                return self.x[key]
        return jet.exp(self.x[f"log_{name}"])

    def _is_log(self, name: str) -> bool:
        return self.roles.kinds[name] in ("amplitude", "scale")

    def _coefficient(self, name: str) -> Any:
        """Its solver coordinate; that of the level on each row where it has several."""
        if f"one {name}" in self.p:
            return self.p[f"one {name}"]
        prefix = "log_" if self._is_log(name) else ""
        if name not in self.levels:
            return self.p[prefix + name]
        column, names = self.levels[name]
        code = self.x[f"level {column}"]
        if _is_symbol(code):
            return _total([jet.where(code.is_level(i), self.p[prefix + each], 0.0) for i, each in enumerate(names)])
        return _total([self.p[prefix + each] * _is_level(code, i).astype(float) for i, each in enumerate(names)])


def _plain(x: Any) -> Array:
    return np.asarray(x.value if isinstance(x, Jet) else x)


def _is_level(code: Any, level: int) -> Any:
    """Rows of a level of a column in brackets; what says so in a program where the code is a symbol."""
    return code.is_level(level) if _is_symbol(code) else _plain(code) == level


def _is_symbol(x: Any) -> bool:
    return isinstance(x, Jet) and isinstance(x.value, Jet)


def _log(x: Any) -> Any:
    """log x; −inf without derivatives at zero."""
    if _is_symbol(x):
        return jet.log(x)
    value = _plain(x)
    if (value > 0).all():
        return jet.log(x)
    with np.errstate(all="ignore"):
        zero = value == 0
        return jet.where(~zero, jet.log(jet.where(~zero, x, 1.0)), -np.inf)


def _total(parts: list[Any]) -> Any:
    found = parts[0]
    for part in parts[1:]:
        found = found + part
    return found


def _product(parts: list[Any]) -> Any:
    found = parts[0]
    for part in parts[1:]:
        found = found * part
    return found


def _whole_power(x: Any, n: int) -> Any:
    if n < 0:
        return jet.reciprocal(_whole_power(x, -n))
    found: Any = 1.0
    while n:
        found = found * x if n % 2 else found
        x, n = x * x, n // 2
    return found


def _extreme(which: str, parts: list[Any]) -> Any:
    found = parts[0]
    for part in parts[1:]:
        found = (jet.maximum if which == "max" else jet.minimum)(found, part)
    return found
