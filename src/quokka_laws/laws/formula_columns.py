"""Formulas against the columns of a table: names that are all but a column's, and values outside the formula's domain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from quokka_laws._expression_tree import Call, Node, Operation, children, names, quoted
from quokka_laws._expressions import fault, nearest
from quokka_laws._spelling import option
from quokka_laws._typing import Array
from quokka_laws.exceptions import ExpressionError
from quokka_laws.laws.formula_roles import Roles, whole_number
from quokka_laws.laws.formula_terms import Evaluator

if TYPE_CHECKING:
    from quokka_laws.laws.formula import Formula

VARIABLES = ("N", "D", "C", "U_D", "epochs")
"""Names that are variables whatever the table."""
LETTERS = (
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "eta",
    "kappa",
    "lambda",
    "mu",
    "omega",
    "sigma",
    "tau",
    "theta",
    "zeta",
)
"""Names that papers give to coefficients: never taken for a column that was mistyped, such as alpha2."""


def check_names(formula: Formula, columns: Sequence[str], also_called: Sequence[str]) -> None:
    """Names that are neither a column nor meant as a coefficient, and coefficients that a column is called like."""
    told = {
        entry if isinstance(entry, str) else entry[0]
        for w in ("start", "bounds", "fixed", "ties", "positive")
        for entry in getattr(formula, w)
    }
    if clash := sorted(told & set(columns)):
        raise ExpressionError(
            f"{', '.join(clash)} is set as a coefficient of {formula.label}, and the table has a column of that name: rename "
            f"one, or say which names are variables: {option('variables', ('N', 'D'))}"
        )
    used = {n.name for n in names(formula._tree)}
    spare = [*also_called, *(c for c in columns if c not in used)]
    for node in names(formula._tree):
        if node.name in columns or node.name in VARIABLES or node.name in told or node.name in LETTERS:
            continue
        same = [c for c in spare if c.lower() == node.name.lower() and len(c) > 1]
        near = (
            same[0]
            if same
            else nearest(node.name, [c for c in spare if len(c) > 3], cutoff=0.85)
            if len(node.name) > 3
            else None
        )
        if near:
            raise fault(
                formula.text,
                node.start,
                f"{node.name!r} is not a column; did you mean {quoted(near)}? (If it is a coefficient, give it a start value: "
                f"{option('start', {node.name: 1.0})})",
                node.end,
            )


def outside_domain(formula: Formula, columns: Mapping[str, Array]) -> list[str]:
    """Parts made of columns that are negative, or zero, under a logarithm or a power that needs them positive."""
    x = formula.inputs(**{v: columns[v] for v in formula.takes})  # type: ignore[arg-type]
    rows = len(next(iter(columns.values())))
    found, seen = [], set()
    for part, strictly in _need_positive(formula._tree, formula.roles):
        if id(part) in seen:
            continue
        seen.add(id(part))
        with np.errstate(all="ignore"):
            value = np.broadcast_to(Evaluator(formula.roles, {}, x, {}).value(part), rows)
        bad = ~(value > 0) if strictly else ~(value >= 0)
        if bad.any():
            places = [int(i) + 1 for i in np.flatnonzero(bad)]
            shown = ", ".join(map(str, places[:8])) + (f" and {len(places) - 8} more" if len(places) > 8 else "")
            what = formula.text[part.start : part.end].strip() or "a part of it"
            found.append(
                f"{what} is {float(value[bad].flat[0]):.4g} in row{'s' if len(places) > 1 else ''} {shown}: a "
                f"{'logarithm' if strictly else 'power'} needs it {'positive' if strictly else 'not negative'}"
            )
    return found


def _need_positive(tree: Node, roles: Roles) -> Iterable[tuple[Node, bool]]:
    """Parts without coefficients that stand under a logarithm (True) or a power that is no whole number (False)."""
    match tree:
        case Call(function="log", arguments=(part,)) if roles.is_data(part):
            yield part, True
        case Call(function="sqrt", arguments=(part,)) if roles.is_data(part):
            yield part, False
        case Operation(operator="^", operands=(base, power)) if whole_number(power) is None and roles.is_data(base):
            yield base, False
    for child in children(tree):
        yield from _need_positive(child, roles)
