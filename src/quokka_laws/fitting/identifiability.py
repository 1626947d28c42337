"""What runs cannot tell about a formula, before anything is fitted: which coefficients, and why."""

from __future__ import annotations

from itertools import combinations

import lmfit
import numpy as np
import pandas as pd

from quokka_laws._spelling import either
from quokka_laws._typing import Array
from quokka_laws.laws import Formula, Law
from quokka_laws.laws.base import Inputs
from quokka_laws.laws.formula_roles import only_as_products

SINGULAR = 1e-10  # of the largest singular value of the Jacobian with columns of length one
INVOLVED = 0.05  # share of a direction that a coefficient has to have to be named
CONSTANT = 1.01  # factor within which a column, or the ratio of two, counts as one value
POINTS = 3


def undetermined(law: Law, theta: Array, x: Inputs, free: Array) -> list[str]:
    """Free coefficients that take part in a direction along which no prediction changes; none if there is no such direction.

    Parameters
    ----------
    law : Law
    theta : array (coefficients,)
        Solver coordinates; those of amplitudes at zero are left out.
    x : mapping
        The rows.
    free : array (coefficients,) of bool
    """
    with np.errstate(all="ignore"):
        terms = law.terms_at(theta[None], x, order=1)
        rows = max(np.broadcast_shapes(*(t.value.shape for t in terms))[-1], *(np.size(v) for v in x.values()))
        T = np.stack([np.broadcast_to(t.value, (1, rows))[0] for t in terms])
        share = np.exp(T - np.logaddexp.reduce(T, axis=0))
        J = np.zeros((rows, len(theta)))
        for q, t in zip(share, terms, strict=True):
            for j, g in t.grad.items():
                J[:, j] += np.where(q > 0, q * np.broadcast_to(g, (1, rows))[0], 0.0)
    used = np.flatnonzero(free & np.isfinite(theta))
    J = J[:, used]
    if not np.isfinite(J).all():  # a point outside the law's domain says nothing
        return []
    length = np.sqrt((J**2).sum(axis=0))
    names = np.array(law.names)[used]
    if (length == 0).any():
        return names[length == 0].tolist()
    if len(J) < len(used):
        return []
    _, size, directions = np.linalg.svd(J / length, full_matrices=False)
    lost = directions[size < SINGULAR * size[0]]
    return names[(np.abs(lost) > INVOLVED).any(axis=0)].tolist() if len(lost) else []


def faults(law: Formula, runs: pd.DataFrame, params: lmfit.Parameters, x: Inputs) -> list[str]:
    """Coefficients that these runs cannot determine whatever their losses, each with its reason."""
    free = np.array([params[c.name].vary and not params[c.name].expr for c in law.coefficients])
    found: set[str] | None = None
    rng = np.random.default_rng(0)
    for _ in range(POINTS):
        theta = _somewhere(law, params, x, rng)
        names = set(undetermined(law, theta, x, free))
        found = names if found is None else found & names
    named = [n for n in law.names if n in (found or ())]
    if not named:
        return _tied_columns(law, runs) if free.all() else []
    what = ", ".join(named)
    return [
        f"{_reason(law, runs, named)}: {what} cannot be told from these runs. Hold {'one of them' if len(named) > 1 else 'it'} "
        f"({either(f'fixed={{{named[0]!r}: …}}', f'--fix {named[0]}=…')}), write the formula without it, or add runs"
    ]


def _somewhere(law: Formula, params: lmfit.Parameters, x: Inputs, rng: np.random.Generator) -> Array:
    """A point inside the start ranges, with scales placed at the rows and every term about one."""
    theta = np.empty(len(law.coefficients))
    for j, c in enumerate(law.coefficients):
        low, high = np.log(c.start) if c.is_log else np.asarray(c.start)
        theta[j] = low + rng.uniform(0.2, 0.8) * (high - low)
        par = params[c.name]
        if not par.vary and not par.expr and (par.value > 0 or not c.is_log):
            theta[j] = np.log(par.value) if c.is_log else par.value
    rows = len(next(iter(x.values())))
    free = [bool(params[c.name].vary and not params[c.name].expr) for c in law.coefficients]
    placed = law.project(theta[None], x, np.full(rows, 2.0), np.ones(rows), free=free)[0]
    return np.where(np.isfinite(placed), placed, theta)


def _reason(law: Formula, runs: pd.DataFrame, named: list[str]) -> str:
    bases = {base for base in law.roles.coefficients if {base, *law._each(base)} & set(named)}
    for a, b in only_as_products(law.roles):
        if {a, b} <= bases:
            return f"{a} and {b} enter only as one product or quotient"
    constant = [v for v in law.variables if runs[v].nunique() == 1]
    if constant:
        shown = ", ".join(f"{v} = {float(runs[v].iloc[0]):.4g}" for v in constant)
        return f"{shown} in every run"
    if tied := _tied_columns(law, runs):
        return tied[0].split(":")[0]
    return "their changes cancel in every prediction" if len(named) > 1 else "no prediction changes with it"


def _tied_columns(law: Formula, runs: pd.DataFrame) -> list[str]:
    """Pairs of columns in a constant ratio: terms of one and of the other cannot be told apart."""
    found = []
    for a, b in combinations(law.variables, 2):
        if {a, b} <= {"N", "D"} or "C" in (a, b) or {a, b} <= {"D", "U_D", "epochs"}:
            continue  # N and D have a check of their own; the others follow from one another
        with np.errstate(all="ignore"):
            first, second = runs[a].to_numpy(dtype=float), runs[b].to_numpy(dtype=float)
            ratio = first / second
        if not (np.isfinite(ratio).all() and (ratio > 0).all()):
            continue
        if ratio.max() / ratio.min() < CONSTANT <= np.abs(first).max() / np.abs(first).min():
            found.append(
                f"all runs have the same {a}/{b} ({ratio[0]:.4g}): their terms cannot be told apart; add runs at others"
            )
    return found
