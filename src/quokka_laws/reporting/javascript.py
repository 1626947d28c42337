"""A law as JavaScript: its own formula, evaluated on symbols that write down what is done to them.

A law is written once (``log_terms``). On arrays it gives a loss, on jets derivatives, and on the symbols here the
source of a function that a browser evaluates to the same double precision. No formula is copied by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from quokka_laws.laws import Law
from quokka_laws.laws.jet import Jet

_FUNCTIONS = {
    "exp": "Math.exp({})",
    "log": "Math.log({})",
    "log1p": "Math.log1p({})",
    "expm1": "Math.expm1({})",
    "reciprocal": "1 / ({})",
    "softplus": "Math.max({0}, 0) + Math.log1p(Math.exp(-Math.abs({0})))",
    "log_softplus": "{0} < -30 ? {0} : Math.log(Math.max({0}, 0) + Math.log1p(Math.exp(-Math.abs({0}))))",
    "tanh": "Math.tanh({})",
}


class Symbol(Jet):
    """A name in a program: every operation appends a line to the program and returns a new name."""

    __slots__ = ("program", "text")

    def __init__(self, text: str, program: list[str]) -> None:
        self.text, self.program = text, program
        self.grad, self.hess, self.order = {}, {}, 0

    @property
    def value(self) -> Any:  # type: ignore[override]
        """Itself, where a law looks at plain numbers (``value_of(epochs) > 1``)."""
        return self

    def write(self, expression: str) -> Symbol:
        """Add a line; the name it defines."""
        name = f"t{len(self.program)}"
        self.program.append(f"const {name} = {expression};")
        return Symbol(name, self.program)

    def apply(self, name: str, parts: Callable[[Any], tuple[Any, Any, Any]]) -> Symbol:
        """A function of :mod:`quokka_laws.laws.jet`."""
        return self.write(_FUNCTIONS[name].format(self.text))

    def choose(self, mask: Any, otherwise: float) -> Symbol:
        """``where``."""
        return self.write(f"{_text(mask)} ? {self.text} : {_text(otherwise)}")

    def __add__(self, other: Any) -> Symbol:
        return self.write(f"{self.text} + {_text(other)}")

    def __radd__(self, other: Any) -> Symbol:
        return self.write(f"{_text(other)} + {self.text}")

    def __sub__(self, other: Any) -> Symbol:
        return self.write(f"{self.text} - {_text(other)}")

    def __rsub__(self, other: Any) -> Symbol:
        return self.write(f"{_text(other)} - {self.text}")

    def __mul__(self, other: Any) -> Symbol:
        return self.write(f"{self.text} * {_text(other)}")

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Symbol:
        return self.write(f"{self.text} / {_text(other)}")

    def __rtruediv__(self, other: Any) -> Symbol:
        return self.write(f"{_text(other)} / {self.text}")

    def __neg__(self) -> Symbol:
        return self.write(f"-{self.text}")

    def is_level(self, level: int) -> Symbol:
        """Whether this number of a level is that one."""
        return self.write(f"{self.text} === {level}")

    def __gt__(self, other: Any) -> Symbol:
        return self.write(f"{self.text} > {_text(other)}")

    def __lt__(self, other: Any) -> Symbol:
        return self.write(f"{self.text} < {_text(other)}")

    def __invert__(self) -> Symbol:
        return self.write(f"!{self.text}")


def _text(value: Any) -> str:
    if isinstance(value, Symbol):
        return value.text
    number = float(value)
    if not np.isfinite(number):
        return "NaN" if np.isnan(number) else "Infinity" if number > 0 else "(-Infinity)"
    return f"({number!r})" if number < 0 else repr(number)


def law_source(law: Law) -> str:
    """Source of ``(p, x) => loss``: ``p`` coefficients in natural units, ``x`` has N, D, U_D, epochs, C and the law's own.

    Columns in brackets, ``E[corpus]``, are given as text.

    Raises
    ------
    TypeError
        If the law computes with numpy functions instead of those of :mod:`quokka_laws.laws.jet`.
    """
    program: list[str] = []
    root = Symbol("", program)
    x: dict[str, Any] = {f"log_{k}": root.write(f"Math.log(x.{k})") for k in ("N", "D", "U_D", "C")}
    x["epochs"] = root.write("x.epochs")
    for name in (v for v in law.variables if v not in ("N", "D", "U_D", "C", "epochs")):
        x[name] = root.write(f"x[{json.dumps(name)}]")
        x[f"log_{name}"] = root.write(f"Math.log({x[name].text})")
    for column in law.groups:
        known = json.dumps(dict(law.levels).get(column, ()), ensure_ascii=False)  # type: ignore[attr-defined]
        x[f"level {column}"] = root.write(f"{known}.indexOf(String(x[{json.dumps(column)}]))")
    p: dict[str, Any] = {}
    for c in law.coefficients:
        natural = f'p["{c.name}"]'
        p[c.coordinate] = root.write(f"Math.log({natural})" if c.is_log else natural)
    terms = [_text(t) for t in law.log_terms(p, x)]
    total = " + ".join(f"Math.exp({t})" for t in terms)
    return "(p, x) => {\n  " + "\n  ".join([*program, f"return {total};"]) + "\n}"
