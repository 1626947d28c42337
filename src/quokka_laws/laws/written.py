"""A law from what is written for one: a formula, the name of a form, or that of a law that ships."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from quokka_laws.exceptions import ArgumentError
from quokka_laws.laws.base import Law
from quokka_laws.laws.forms import form_law
from quokka_laws.laws.formula import Formula
from quokka_laws.laws.formula_columns import VARIABLES


def law(
    text: str,
    *,
    variables: Iterable[str] | None = None,
    start: Mapping[str, Any] | None = None,
    min: Mapping[str, float] | None = None,
    max: Mapping[str, float] | None = None,
    fixed: Mapping[str, float] | None = None,
    tie: Mapping[str, str] | None = None,
    positive: Iterable[str] = (),
) -> Law:
    """A law from its formula, or by its name.

    Parameters
    ----------
    text : str
        ``"E + A/N^alpha + B/D^beta"``, or the name of a law that ships. Names that are columns of the table it is fitted to
        are variables (N, D, C, U_D and epochs always are), the others coefficients; ``E[corpus]`` is one coefficient per
        level of the column corpus; names with spaces or slashes stand in backquotes; after a semicolon a name may be
        defined: ``"E/(1 + h) + T*h/(1 + h); h = A/N^alpha"``.
    variables : iterable of str, optional
        Names that are variables, instead of that rule.
    start : mapping, optional
        Coefficient → a start value, or (low, high) in which to look for one.
    min, max : mapping, optional
        Bounds of coefficients.
    fixed : mapping, optional
        Coefficient → the value it is held at.
    tie : mapping, optional
        Coefficient → an expression of others: ``{"beta": "alpha"}``.
    positive : iterable of str
        Coefficients to solve for as logarithms, where their place does not say that they are positive.

    Returns
    -------
    Law

    Raises
    ------
    ExpressionError
        With a caret under the mistake.

    Examples
    --------
    >>> import quokka_laws as ql
    >>> moe = ql.law("E + A/(N_active^alpha * (1 - sparsity)^lam) + B/D^beta", variables=["N_active", "sparsity", "D"])
    >>> moe.names
    ('E', 'A', 'alpha', 'lam', 'B', 'beta')
    >>> float(ql.law("E + K/C^kappa").loss(dict(E=1.7, K=50.0, kappa=0.1), C=1e20))
    2.2
    """
    from quokka_laws.laws import from_name

    settings = (start, min, max, fixed, tie, variables)
    form = form_law(text)
    if (form is not None or not looks_like_formula(text)) and all(s is None for s in settings):
        return from_name(text)
    lower, upper, ranges = min or {}, max or {}, []
    given = start or {}
    for name, value in given.items():
        low, high = value if isinstance(value, Sequence) else (value, value)
        ranges.append((name, float(low), float(high)))
    bounds = tuple(
        (k, float(lower.get(k, -np.inf)), float(upper.get(k, np.inf))) for k in dict.fromkeys([*lower, *upper])
    )
    made = (
        Formula(text, of=None if variables is None else tuple(variables), positive=tuple(positive))
        if form is None
        else form
    )
    return made.with_settings(
        start=ranges,
        bounds=bounds,
        fixed=[(k, float(v)) for k, v in (fixed or {}).items()],
        ties=list((tie or {}).items()),
    )


def as_formula(known: Law) -> Formula:
    """A law that ships, written as its formula, with its start ranges, bounds and meanings.

    Raises
    ------
    ValueError
        If the law has not been written as a formula.
    """
    if not known.formula:
        raise ArgumentError(f"{known.name} has not been written as a formula")
    free = {c.name: c for c in known.coefficients}
    kinds = Formula(known.formula, of=tuple({*VARIABLES, *known.variables})).roles.kinds
    return Formula(
        known.formula,
        of=tuple(dict.fromkeys([*VARIABLES, *known.variables])),
        start=tuple((c.name, *c.start) for c in free.values() if c.kind == "exponent"),
        bounds=tuple((c.name, c.min, c.max) for c in free.values()),
        positive=tuple(c.name for c in free.values() if c.is_log and kinds[c.name] == "exponent"),
        meanings=tuple((c.name, c.meaning) for c in free.values()),
    )


def looks_like_formula(text: object) -> bool:
    """Whether a text is a formula rather than the name of a law: names have letters, digits, - and / between letters only."""
    return isinstance(text, str) and bool(re.search(r"[+*^(\[`;]|\s[-/]|[-/]\s|\d\.\d", text))
