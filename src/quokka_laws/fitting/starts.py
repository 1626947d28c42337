"""Where to begin: coefficients that are hard to guess are searched, amplitudes are solved exactly.

Variable projection: for every candidate of the exponents the amplitudes that fit best follow from non-negative
least squares (:meth:`quokka_laws.laws.Law.project`), so only the exponents need a grid. Two exponents get a
17 × 17 grid; more get a scrambled Sobol sequence.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.stats import qmc

from quokka_laws._typing import Array
from quokka_laws.laws import Law

GRID = 17


def candidates(
    law: Law,
    free: Array,
    bounds: tuple[Array, Array],
    *,
    count: int,
    seed: int,
    ranges: Mapping[int, tuple[float, float]] | None = None,
) -> Array:
    """Solver coordinates that cover the start ranges of the free, searched coefficients.

    Parameters
    ----------
    law : Law
    free : array (coefficients,) of bool
        Coefficients to search; amplitudes and fixed ones are left at zero.
    bounds : (array, array)
        Bounds in solver coordinates; start ranges are cut to them.
    count : int
        Candidates wanted where a grid would be too large.
    seed : int
    ranges : mapping of int to (float, float), optional
        Start ranges of coefficients, in natural units, instead of the law's own.

    Returns
    -------
    array (candidates, coefficients)
    """
    searched = [j for j, c in enumerate(law.coefficients) if free[j] and c.kind != "amplitude"]
    low, high = [], []
    for j in searched:
        c = law.coefficients[j]
        between = (ranges or {}).get(j, c.start)
        a, b = (np.log(between) if c.is_log else np.asarray(between, dtype=float)).tolist()
        lower, upper = bounds[0][j], bounds[1][j]
        a, b = max(a, lower), min(b, upper)
        if not a < b:  # the user's bounds lie outside the usual range: search inside the bounds instead
            a, b = (lower, upper) if np.isfinite(upper - lower) else (np.clip(a, lower, upper),) * 2
        low.append(a)
        high.append(b)
    if not searched:
        unit = np.zeros((1, 0))
    elif len(searched) <= 2:
        axes = np.meshgrid(*[np.linspace(0.0, 1.0, GRID)] * len(searched), indexing="ij")
        unit = np.stack([axis.ravel() for axis in axes], axis=1)
    else:
        sobol = qmc.Sobol(len(searched), rng=np.random.default_rng(seed))
        unit = sobol.random_base2(int(np.ceil(np.log2(count))))
    theta = np.zeros((len(unit), len(law.coefficients)))
    theta[:, searched] = np.asarray(low) + unit * (np.asarray(high) - np.asarray(low))
    return theta


def thin(rows: int, groups: Array | None, order: Array, *, limit: int, seed: int) -> tuple[Array, Array]:
    """Rows on which starts are compared when there are too many, and how many rows each stands for.

    Parameters
    ----------
    rows : int
    groups : array (rows,) of int, optional
        Which run each row belongs to.
    order : array (rows,)
        Position along a run (tokens or epochs), thinned evenly in its logarithm.
    limit : int
        Most rows wanted.

    Returns
    -------
    chosen : array of int
        Row positions, sorted.
    counts : array of float
        Weights that make the sum over the chosen rows stand for the sum over all.
    """
    if rows <= limit:
        return np.arange(rows), np.ones(rows)
    if groups is None or len(np.unique(groups)) > limit // 2:
        chosen = np.sort(np.random.default_rng(seed).choice(rows, limit, replace=False))
        return chosen, np.full(limit, rows / limit)
    kinds = np.unique(groups)
    each = max(2, limit // len(kinds))
    counts = np.zeros(rows)
    by_run = np.argsort(groups, kind="stable")
    for member in np.split(by_run, np.flatnonzero(np.diff(groups[by_run])) + 1):
        position = np.log(order[member])
        targets = np.linspace(position.min(), position.max(), each)
        nearest = member[np.unique(np.abs(position[:, None] - targets).argmin(axis=0))]
        stands_for = np.abs(position[:, None] - np.log(order[nearest])).argmin(axis=1)
        np.add.at(counts, nearest[stands_for], 1.0)
    chosen = np.flatnonzero(counts)
    return chosen, counts[chosen]
