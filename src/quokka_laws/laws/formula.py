"""A law that is written as its formula: ``ql.law("E + A/N^alpha + B/D^beta")``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import lmfit
import numpy as np

from quokka_laws._expression_tree import Node, names, quoted
from quokka_laws._expressions import nearest
from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, ExpressionError
from quokka_laws.laws.base import Coefficient, Inputs, Law
from quokka_laws.laws.formula_columns import VARIABLES, check_names, outside_domain
from quokka_laws.laws.formula_roles import Occurrence, Roles
from quokka_laws.laws.formula_start import anchored, project
from quokka_laws.laws.formula_terms import Evaluator
from quokka_laws.laws.formula_text import check_coefficient, read, renamed_in

MOST_LEVELS = 50
SHOWN = 60  # characters of a formula that stand for its name


@dataclass(frozen=True)
class Formula(Law):
    """A law read from text; made by :func:`law`.

    Parameters
    ----------
    text : str
        The loss: numbers, names, ``+ - * / ^``, brackets, ``log exp sqrt tanh sigmoid softplus min max``; then, after
        semicolons, definitions of names used in it.
    of : tuple of str, optional
        Names that are variables. None: N, D, C, U_D, epochs and, once it is fitted, every column of the table.
    start : tuple of (name, low, high)
        Ranges in which automatic starts look.
    bounds : tuple of (name, min, max)
    fixed : tuple of (name, value)
    ties : tuple of (name, expression)
    positive : tuple of str
        Coefficients that are solved for as logarithms although their place does not say that they are positive.
    meanings : tuple of (name, text)
    signed : tuple of str
        Variables that are negative somewhere in the table; found when it is fitted.
    levels : tuple of (column, values)
        Of the columns in brackets, ``E[corpus]``; found when it is fitted.
    aliases : tuple of (name, name)
        Names in the text that the table has under another name.
    called, origin : str
        Name and source of a form that ships (:mod:`quokka_laws.laws.forms`).

    Notes
    -----
    Nothing of the text is evaluated by Python. Each additive term that is positive whatever its coefficients is one
    log-term of the law, its logarithm taken apart; if one may be negative, the law is a single term, the logarithm of the sum.
    """

    text: str
    of: tuple[str, ...] | None = None
    start: tuple[tuple[str, float, float], ...] = ()
    bounds: tuple[tuple[str, float, float], ...] = ()
    fixed: tuple[tuple[str, float], ...] = ()
    ties: tuple[tuple[str, str], ...] = ()
    positive: tuple[str, ...] = ()
    meanings: tuple[tuple[str, str], ...] = ()
    signed: tuple[str, ...] = ()
    levels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    called: str = ""
    origin: str = ""

    name = "formula"

    def __post_init__(self) -> None:
        for field in ("of", "start", "bounds", "fixed", "ties", "positive", "meanings", "signed", "levels", "aliases"):
            object.__setattr__(self, field, _tuples(getattr(self, field)))  # a saved law comes back with lists
        if not self.roles.coefficients:
            raise ExpressionError(f"{self.text!r} has no coefficient to fit: every name in it is a variable")
        if self.of is not None:  # before that, any name may turn out to be a column
            for node in self.roles.coefficients.values():
                check_coefficient(self.text, node)
        self._check_settings()

    @property
    def label(self) -> str:
        """The name of a form that ships, else the text, shortened."""
        if self.called:
            return self.called
        text = " ".join(self.text.split())
        return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"

    @property
    def equation(self) -> str:  # type: ignore[override]
        """The text."""
        return self.text

    @property
    def source(self) -> str:  # type: ignore[override]
        """Where the form was published."""
        return self.origin or "your formula"

    @property
    def formula(self) -> str:
        """The text."""
        return self.text

    @property
    def own_names(self) -> dict[str, str]:
        """The table's name of a variable → the canonical one."""
        return dict(self.aliases)

    # ---- names ------------------------------------------------------------------------------------------------

    @cached_property
    def _tree(self) -> Node:
        called = dict(self.aliases)
        return renamed_in(read(self.text), called) if called else read(self.text)

    @cached_property
    def variables(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names that are variables, in the order of the text."""
        known = VARIABLES if self.of is None else self.of
        return tuple(dict.fromkeys(n.name for n in names(self._tree) if n.name in known))

    @cached_property
    def groups(self) -> tuple[str, ...]:  # type: ignore[override]
        """Columns in brackets: one value of a coefficient per level of them."""
        return tuple(dict.fromkeys(n.by for n in names(self._tree) if n.by is not None))

    @cached_property
    def roles(self) -> Roles:
        """What each name is."""
        return Roles(self._tree, self.variables, self.signed, self.positive)

    @cached_property
    def leveled(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Coefficients with several values → the column, and what each value is called."""
        known = dict(self.levels)
        return {
            name: (node.by, tuple(f"{name}_{_symbol(level)}" for level in known[node.by]))
            for name, node in self.roles.coefficients.items()
            if node.by is not None and node.by in known
        }

    def at_levels(self, chosen: Mapping[str, str]) -> Formula:
        """The formula at one level of each column in brackets: ``E[corpus]`` becomes ``E_web``."""
        known, text, called = dict(self.levels), self.text, dict[str, str]()
        for node in sorted((n for n in names(read(text)) if n.by is not None), key=lambda n: -n.start):
            column, each = self.leveled[node.name]
            called[node.name] = each[list(known[column]).index(chosen[column])]
            text = text[: node.start] + called[node.name] + text[text.index("]", node.start) + 1 :]
        positive, signed = (tuple(called.get(n, n) for n in each) for each in (self.positive, self.signed))
        return replace(
            self,
            text=text,
            levels=(),
            start=(),
            bounds=(),
            fixed=(),
            ties=(),
            meanings=(),
            positive=positive,
            signed=signed,
        )

    @cached_property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """Coefficients in the order of the text, those of a column in brackets one per level."""
        found = []
        for name in self.roles.coefficients:
            column, each = self.leveled.get(name, ("", (name,)))
            found += [self._coefficient(name, one, column) for one in each]
        return tuple(found)

    def _coefficient(self, base: str, name: str, column: str) -> Coefficient:
        where = self.roles.occurrences[base]
        kind = self.roles.kinds[base]
        low, high, least = _usual(self.roles, kind, where, anchored(self.roles, base) is not None)
        settings = {k: (a, b) for k, a, b in self.start if a < b}
        bounds = {k: (a, b) for k, a, b in self.bounds}
        least, most = bounds.get(name, bounds.get(base, (least, np.inf)))
        meaning = dict(self.meanings).get(base, _MEANINGS[kind])
        if column:
            meaning += f" where {column} is {name.removeprefix(base + '_')}"
        return Coefficient(
            name,
            meaning,
            kind,
            start=settings.get(name, settings.get(base, (low, high))),
            min=least,
            max=most,
        )

    def _check_settings(self) -> None:
        known = {*self.names, *self.roles.coefficients}
        unbound = [k for k, node in self.roles.coefficients.items() if node.by is not None and k not in self.leveled]
        for what in ("start", "bounds", "fixed", "ties", "positive", "meanings"):
            for name in (entry if isinstance(entry, str) else entry[0] for entry in getattr(self, what)):
                if name in known or any(name.startswith(f"{base}_") for base in unbound):
                    continue
                near = nearest(name, known)
                hint = f"; did you mean {near}?" if near else f"; it has {', '.join(self.roles.coefficients)}"
                raise ExpressionError(f"{self.label} has no coefficient {name!r}{hint}")

    # ---- binding to a table -----------------------------------------------------------------------------------

    def for_table(self, columns: Mapping[str, Array], renamed: Mapping[str, str] | None = None) -> Formula:
        """The same formula with what only a table can say: which names are columns, levels in brackets, signs.

        Raises
        ------
        ExpressionError
            For a name that is all but that of a column, and for a coefficient called like one.
        """
        used = {n.name for n in names(self._tree)} | set(self.groups)
        read_as = tuple((a, b) for a, b in (renamed or {}).items() if a in used and a not in columns and b in columns)
        seen = replace(self, aliases=self.aliases + read_as) if read_as else self
        of = None if self.of is None else tuple(dict(read_as).get(v, v) for v in self.of)
        if of is None:
            own = [c for c in columns if c not in ("loss", "weight")]
            check_names(seen, own, [a for a, b in (renamed or {}).items() if b in columns and b not in used])
            of = tuple(n for n in dict.fromkeys(n.name for n in names(seen._tree)) if n in {*VARIABLES, *own})
        if not of and not seen.groups:
            raise ExpressionError(
                f"no name of {self.label} is a column; the table has {', '.join(map(quoted, (c for c in columns if c not in ('loss', 'weight'))))}"
            )
        levels = dict(seen.levels)
        for column in seen.groups:
            if column in columns and column not in levels:
                levels[column] = tuple(sorted(set(columns[column].astype(str))))
                if len(levels[column]) > MOST_LEVELS:
                    raise ExpressionError(
                        f"column {column} has {len(levels[column])} values; in brackets stands one with at most {MOST_LEVELS}"
                    )
        negative = [v for v in of if v in columns and columns[v].dtype != object and (columns[v] < 0).any()]
        return replace(
            seen, of=of, levels=tuple(levels.items()), signed=tuple(dict.fromkeys([*seen.signed, *negative]))
        )

    def domain_faults(self, columns: Mapping[str, Array]) -> list[str]:
        """Parts made of columns that are negative, or zero, under a logarithm or a power that needs them positive."""
        return outside_domain(self, columns)

    # ---- evaluation -------------------------------------------------------------------------------------------

    def inputs(self, *, flops_per_ND: float = 6.0, **data: Any) -> dict[str, Array]:
        """Raw data → what :meth:`log_terms` takes; columns in brackets are given as text."""
        given = {k: v for k, v in data.items() if v is not None and k not in self.groups}
        plain = self.completed(flops_per_ND=flops_per_ND, **given)
        missing = [v for v in (*self.variables, *self.groups) if v not in plain and data.get(v) is None]
        if missing:
            raise ArgumentError(
                f"{self.label} needs {', '.join((*self.variables, *self.groups))}; missing: {', '.join(missing)}"
            )
        x: dict[str, Array] = {}
        with np.errstate(divide="ignore", invalid="ignore"):
            for name in self.variables:
                x[f"log_{name}"] = np.log(plain[name])
                if name not in ("N", "D", "C", "U_D"):
                    x["epochs" if name == "epochs" else f"raw {name}"] = plain[name]
        for column in self.groups:
            x[f"level {column}"] = self._codes(column, data[column])
        return x

    def _codes(self, column: str, values: Any) -> Array:
        known = {level: float(i) for i, level in enumerate(dict(self.levels).get(column, ()))}
        texts = np.asarray(values, dtype=object).astype(str)
        if unknown := sorted({str(t) for t in texts.ravel()} - set(known)):
            raise ExpressionError(
                f"{column} = {', '.join(map(repr, unknown[:5]))} was not among the runs; {self.label} knows {', '.join(known) or 'none'}"
            )
        return np.vectorize(known.__getitem__, otypes=[float])(texts)

    def log_terms(self, p: Mapping[str, Any], x: Inputs) -> list[Any]:
        """One per additive term; one of all where some may be negative."""
        return Evaluator(self.roles, p, x, self.leveled).terms()

    @property
    def _typical_data(self) -> dict[str, Any]:
        first = {column: np.array([levels[0]], dtype=object) for column, levels in self.levels}
        return {**dict.fromkeys(self.variables, np.full(1, 2.0)), **first}

    # ---- fitting ----------------------------------------------------------------------------------------------

    def project(
        self, theta: Array, x: Inputs, loss: Array, weights: Array, *, free: Sequence[bool] | None = None
    ) -> Array:
        """Scales placed at the data, then sizes solved by least squares, also inside powers."""
        return project(self, theta, x, loss, weights, free)

    def make_params(self, **settings: Any) -> lmfit.Parameters:
        """As every law's; what the formula was made with is in it already."""
        own: dict[str, dict[str, Any]] = {}
        for name, low, high in self.start:
            if low == high:
                own |= {one: {"value": low} for one in self._each(name)}
        for name, value in self.fixed:
            for one in self._each(name):
                own[one] = {"value": value, "vary": False}
        for name, expression in self.ties:
            for one in self._each(name):
                own[one] = {"expr": expression}
        given = {one: setting for name, setting in settings.items() for one in self._each(name)}
        return super().make_params(**{**own, **given})

    def with_starts(self, ranges: Mapping[str, tuple[float, float]]) -> Formula:
        """The same formula with these start ranges, in place of those sized by the data."""
        kept = tuple(entry for entry in self.start if entry[0] not in ranges)
        return replace(self, start=(*kept, *((k, *pair) for k, pair in ranges.items()))) if ranges else self

    def with_settings(
        self,
        *,
        start: Iterable[tuple[str, float, float]] = (),
        bounds: Iterable[tuple[str, float, float]] = (),
        fixed: Iterable[tuple[str, float]] = (),
        ties: Iterable[tuple[str, str]] = (),
    ) -> Formula:
        """The same formula with these settings, in place of those that it had for the same coefficients."""
        changed: dict[str, Any] = {}
        for what, given in (
            ("start", tuple(start)),
            ("bounds", tuple(bounds)),
            ("fixed", tuple(fixed)),
            ("ties", tuple(ties)),
        ):
            told = {entry[0] for entry in given}
            changed[what] = (*(entry for entry in getattr(self, what) if entry[0] not in told), *given)
        return replace(self, **changed)

    def _each(self, name: str) -> tuple[str, ...]:
        return self.leveled[name][1] if name in self.leveled else (name,)


# ---- small pieces -----------------------------------------------------------------------------------------------

_MEANINGS = {
    "amplitude": "size of its term",
    "slope": "multiplies its term; of either sign",
    "scale": "positive scale",
    "exponent": "exponent or shape",
}


def _usual(roles: Roles, kind: str, where: Sequence[Occurrence], is_anchored: bool) -> tuple[float, float, float]:
    """Start range and lower bound of a coefficient in that place."""
    if kind == "scale":
        return (0.1, 10.0, -np.inf) if is_anchored else (0.05, 1.5, -np.inf)
    if kind != "exponent":
        return 0.05, 1.5, -np.inf
    bases = [o.base for o in where if o.place == "exponent" and o.base is not None and o.falls]
    if len(bases) == len(where):
        if all(n.name in VARIABLES for base in bases for n in names(base)):  # 1/N^alpha: more parameters help
            return 0.05, 1.5, 0.0
        if all(roles.is_data(base) for base in bases):  # 1/sparsity^lam: who knows
            return -0.75, 1.5, -np.inf
    bases = [o.base for o in where if o.place == "exponent" and o.base is not None]
    if len(bases) == len(where) and not is_anchored and not any(roles.is_data(base) for base in bases):  # (…)^k
        return 0.05, 1.5, -np.inf
    return (-3.0, 3.0, -np.inf) if is_anchored else (-1.5, 1.5, -np.inf)


def _symbol(level: str) -> str:
    return re.sub(r"\W", "_", level) or "_"


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
