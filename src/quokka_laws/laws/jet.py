"""Second-order jets: a value carried together with its exact first and second derivatives.

A law is written once, as an ordinary formula. Evaluated on plain arrays it gives a loss; evaluated on jets it
gives the loss and its analytic derivatives with respect to whatever was seeded: coefficients when fitting,
``log N`` or ``epochs`` when planning. Derivatives are sparse (a term only knows the variables it depends on)
and keep the smallest shape that broadcasts, so a derivative that is the same for every problem of a batch is
stored, and recognised, as such.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from scipy.special import expit

from quokka_laws._typing import Array

__all__ = [
    "Jet",
    "exp",
    "expm1",
    "log",
    "log1p",
    "log_softplus",
    "logaddexp",
    "logsumexp",
    "maximum",
    "minimum",
    "reciprocal",
    "softplus",
    "tanh",
    "variables",
    "where",
]

Pair: TypeAlias = tuple[int, int]
NOTHING = -1e3
"""Logarithm of what is too little to count."""


class Jet:
    """A value with gradient and Hessian entries keyed by variable index.

    Parameters
    ----------
    value : array
        Any shape that broadcasts with its partners, by custom ``(problems, rows)``.
    grad : mapping of int to array, optional
        First derivatives; absent means zero.
    hess : mapping of (int, int) to array, optional
        Second derivatives with ``i <= j``; absent means zero.
    order : {0, 1, 2}
        Highest derivative carried.
    """

    __array_ufunc__ = None  # let ``array * jet`` come to Jet.__rmul__
    __slots__ = ("grad", "hess", "order", "value")

    def __init__(
        self,
        value: Any,
        grad: Mapping[int, Any] | None = None,
        hess: Mapping[Pair, Any] | None = None,
        order: int = 2,
    ) -> None:
        self.value = np.asarray(value, dtype=float)
        self.grad: dict[int, Any] = dict(grad or {})
        self.hess: dict[Pair, Any] = dict(hess or {})
        self.order = order

    def chain(self, f: Any, df: Any, ddf: Any) -> Jet:
        """Compose with a function whose value and two derivatives at ``self.value`` are given."""
        grad = {i: df * g for i, g in self.grad.items()}
        hess: dict[Pair, Any] = {}
        if self.order > 1:
            hess = {ij: df * h for ij, h in self.hess.items()}
            keys = sorted(self.grad)
            for a, i in enumerate(keys):
                for j in keys[a:]:
                    _add(hess, (i, j), ddf * (self.grad[i] * self.grad[j]))
        return Jet(f, grad, hess, self.order)

    def apply(self, name: str, parts: Callable[[Any], tuple[Any, Any, Any]]) -> Any:
        """A function by name, with the parts that :meth:`chain` needs; a symbolic jet only writes the name down."""
        return self.chain(*parts(self.value))

    def choose(self, mask: Any, otherwise: float) -> Any:
        """This jet where ``mask`` holds, a constant elsewhere."""
        return Jet(
            np.where(mask, self.value, otherwise),
            {i: np.where(mask, g, 0.0) for i, g in self.grad.items()},
            {ij: np.where(mask, h, 0.0) for ij, h in self.hess.items()},
            self.order,
        )

    def __add__(self, other: Any) -> Jet:
        if not isinstance(other, Jet):
            return Jet(self.value + other, self.grad, self.hess, self.order)
        grad, hess = dict(self.grad), dict(self.hess)
        for i, g in other.grad.items():
            _add(grad, i, g)
        for ij, h in other.hess.items():
            _add(hess, ij, h)
        return Jet(self.value + other.value, grad, hess, self.order)

    __radd__ = __add__

    def __neg__(self) -> Jet:
        return self * -1.0

    def __sub__(self, other: Any) -> Jet:
        return self + (-other)

    def __rsub__(self, other: Any) -> Jet:
        return (-self) + other

    def __mul__(self, other: Any) -> Jet:
        if not isinstance(other, Jet):
            return Jet(
                self.value * other,
                {i: g * other for i, g in self.grad.items()},
                {ij: h * other for ij, h in self.hess.items()},
                self.order,
            )
        u, v = self.value, other.value
        grad = {i: g * v for i, g in self.grad.items()}
        for i, g in other.grad.items():
            _add(grad, i, u * g)
        hess: dict[Pair, Any] = {}
        if self.order > 1:
            hess = {ij: h * v for ij, h in self.hess.items()}
            for ij, h in other.hess.items():
                _add(hess, ij, u * h)
            for i, g in self.grad.items():
                for j, k in other.grad.items():
                    _add(hess, (min(i, j), max(i, j)), (2.0 if i == j else 1.0) * (g * k))
        return Jet(u * v, grad, hess, self.order)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Jet:
        return self * reciprocal(other) if isinstance(other, Jet) else self * (1.0 / np.asarray(other))

    def __rtruediv__(self, other: Any) -> Jet:
        return reciprocal(self) * other


def _add(into: dict[Any, Any], key: Any, value: Any) -> None:
    into[key] = into[key] + value if key in into else value


def variables(values: Array, *, order: int = 2, first: int = 0) -> list[Jet]:
    """Seed one jet per column of ``values`` (problems × variables), each of shape (problems, 1)."""
    return [Jet(values[:, [j]], {first + j: 1.0} if order else {}, order=order) for j in range(values.shape[1])]


def _lift(name: str, f: Callable[[Any], tuple[Any, Any, Any]], x: Any) -> Any:
    """Apply ``f`` (returning value, f', f'') to a jet, or its value alone to an array."""
    if isinstance(x, Jet):
        return x.apply(name, f)
    return f(np.asarray(x, dtype=float))[0]


def exp(x: Any) -> Any:
    """e^x."""

    def parts(v: Any) -> tuple[Any, Any, Any]:
        y = np.exp(v)
        return y, y, y

    return _lift("exp", parts, x)


def log(x: Any) -> Any:
    """ln x."""
    return _lift("log", lambda v: (np.log(v), 1.0 / v, -1.0 / v**2), x)


def log1p(x: Any) -> Any:
    """ln(1 + x)."""
    return _lift("log1p", lambda v: (np.log1p(v), 1.0 / (1.0 + v), -1.0 / (1.0 + v) ** 2), x)


def expm1(x: Any) -> Any:
    """e^x − 1 without cancellation."""

    def parts(v: Any) -> tuple[Any, Any, Any]:
        y = np.expm1(v)
        return y, y + 1.0, y + 1.0

    return _lift("expm1", parts, x)


def reciprocal(x: Any) -> Any:
    """1 / x."""
    return _lift("reciprocal", lambda v: (1.0 / v, -1.0 / v**2, 2.0 / v**3), x)


def softplus(x: Any) -> Any:
    """ln(1 + e^x)."""

    def parts(v: Any) -> tuple[Any, Any, Any]:
        s = expit(v)
        return np.logaddexp(0.0, v), s, s * expit(-v)

    return _lift("softplus", parts, x)


def logaddexp(x: Any, y: Any) -> Any:
    """ln(e^x + e^y), where either may be nothing (minus infinity)."""
    if not isinstance(x, Jet) and not isinstance(y, Jet):
        return np.logaddexp(x, y)
    there = (y.value if isinstance(y, Jet) else y) > -np.inf
    if isinstance(there, Jet) or not np.all(there):  # a symbol of a program is known only when it runs
        y = where(there, y, NOTHING)
    return y + softplus(x - y)


def where(mask: Any, x: Any, otherwise: float) -> Any:
    """``x`` where ``mask`` holds, a constant (with no derivative) elsewhere."""
    if not isinstance(x, Jet):
        return np.where(mask, x, otherwise)
    return x.choose(mask, otherwise)


def tanh(x: Any) -> Any:
    """Hyperbolic tangent."""

    def parts(v: Any) -> tuple[Any, Any, Any]:
        y = np.tanh(v)
        slope = 1.0 - y * y
        return y, slope, -2.0 * y * slope

    return _lift("tanh", parts, x)


def log_softplus(x: Any) -> Any:
    """ln ln(1 + e^x), which is x far below zero, where softplus underflows."""

    def parts(v: Any) -> tuple[Any, Any, Any]:
        deep = v < -30.0
        inside = np.where(deep, 0.0, v)
        soft, s = np.logaddexp(0.0, inside), expit(inside)
        slope = np.where(deep, 1.0, s / soft)
        return np.where(deep, v, np.log(soft)), slope, np.where(deep, 0.0, slope * (expit(-inside) - slope))

    return _lift("log_softplus", parts, x)


def maximum(x: Any, y: Any) -> Any:
    """The larger of two, with its derivatives."""
    first = _plain(x) > _plain(y)
    return where(first, x, 0.0) + where(~first, y, 0.0)


def minimum(x: Any, y: Any) -> Any:
    """The smaller of two, with its derivatives."""
    return -1.0 * maximum(-1.0 * x, -1.0 * y)


def logsumexp(terms: list[Any]) -> Any:
    """ln Σ e^T over terms, any of which may be −inf where it is absent."""
    if len(terms) == 1:
        return terms[0]
    if any(isinstance(t, Jet) and isinstance(t.value, Jet) for t in terms):  # symbols of a program
        total = terms[0]
        for term in terms[1:]:
            total = logaddexp(term, total)
        return total
    values = [_plain(t) for t in terms]
    total = values[0]
    for value in values[1:]:
        total = np.logaddexp(total, value)
    jets = [(t, v) for t, v in zip(terms, values, strict=True) if isinstance(t, Jet)]
    if not jets:
        return total
    order = max(t.order for t, _ in jets)
    grad: dict[int, Any] = {}
    hess: dict[Pair, Any] = {}
    absent = total.min(initial=0.0) == -np.inf
    with np.errstate(invalid="ignore"):
        for term, value in jets:
            share = np.exp(value - total)
            if absent:
                share = np.where(np.isneginf(total), 0.0, share)
            for i, g in term.grad.items():
                _add(grad, i, share * g)
            if order > 1:
                for ij, h in term.hess.items():
                    _add(hess, ij, share * h)
                keys = sorted(term.grad)
                for a, i in enumerate(keys):
                    for j in keys[a:]:
                        _add(hess, (i, j), share * (term.grad[i] * term.grad[j]))
    if order > 1:
        keys = sorted(grad)
        for a, i in enumerate(keys):
            for j in keys[a:]:
                _add(hess, (i, j), -(grad[i] * grad[j]))
    return Jet(total, grad, hess, order)


def _plain(x: Any) -> Any:
    return x.value if isinstance(x, Jet) else np.asarray(x, dtype=float)


def __dir__() -> list[str]:
    return __all__
