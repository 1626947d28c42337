"""Profiles: how the objective rises when one coefficient is moved and all others follow.

A flat profile is a coefficient the runs do not determine, whatever its value at the optimum.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from quokka_laws.exceptions import ArgumentError
from quokka_laws.fitting.fit import fit as refit
from quokka_laws.results.fit_result import FitResult


def profile(
    fit: FitResult, name: str, *, points: int = 21, span: float | None = None, level: float = 0.95
) -> pd.DataFrame:
    """Profile of the objective along one coefficient, under the same objective and data.

    Parameters
    ----------
    fit : FitResult
    name : str
        A free coefficient.
    points : int
        Positions, evenly spaced in the solver's coordinate (logarithm for amplitudes and scales).
    span : float, optional
        How far to go to either side in that coordinate; by default three bootstrap standard errors, or 0.5.
    level : float
        Of the interval in ``attrs["interval"]``.

    Returns
    -------
    DataFrame
        ``name``, ``objective_value``, ``rise`` (relative to the optimum) and every other coefficient at each
        position; a negative rise means that the fit was not the optimum. ``attrs["interval"]`` is where the profile
        stays below ``attrs["threshold"]``, ±inf on a side where it does so to the end of the span; None without
        bootstrap draws, since a Huber objective is no likelihood and has no threshold of its own.

    Notes
    -----
    For an M-estimator the profile drop is distributed as χ²₁ times the ratio of the estimator's variance to the
    inverse curvature of the objective. The variance is that of the bootstrap draws (of runs, where rows share one),
    the curvature that of the profile itself: ``threshold = z²/2 · variance · curvature``. On a parabola this is the
    normal interval; on a flat valley it follows the valley.

    Raises
    ------
    ArgumentError
        If the coefficient is fixed, tied or unknown, or its value is zero.
    """
    if name not in fit.law.names:
        raise ArgumentError(f"{fit.law.label} has no coefficient {name!r}; it has {', '.join(fit.law.names)}")
    par = fit.params[name]
    if not par.vary or par.expr:
        raise ArgumentError(f"{name} was {'tied' if par.expr else 'fixed'}: there is nothing to profile")
    value = fit.values[name]
    coefficient = fit.law.coefficients[fit.law.names.index(name)]
    if coefficient.is_log and value == 0:
        raise ArgumentError(f"{name} is 0 at the optimum: profile it by fits with {name} fixed at positive values")
    if span is None:
        spread = fit.summary.loc[name, "stderr"] / (value if coefficient.is_log else 1.0)
        span = float(min(3.0 * spread, 5.0)) if np.isfinite(spread) and spread > 0 else 0.5
    steps = np.linspace(-span, span, points)
    at = value * np.exp(steps) if coefficient.is_log else value + steps
    at = at[(at >= par.min) & (at <= par.max)]
    rows = []
    # Outwards from the optimum, each position starting from its neighbour's solution.
    for side in (at[at <= value][::-1], at[at > value]):
        near = fit
        for position in side:
            params = fit.params.copy()
            for other, p in params.items():
                if p.vary and not p.expr and near.values[other] > 0:
                    p.set(value=near.values[other])
                    p.user_data = None
            params[name].set(value=float(position), vary=False)
            found = refit(fit.law, fit.runs, objective=fit.objective, params=params, n_starts=1, seed=fit.seed)
            rows.append({**found.values, "objective_value": found.objective_value})
            near = replace(found, values={**near.values, **found.values})
    table = pd.DataFrame(rows).sort_values(name).reset_index(drop=True)
    table.insert(1, "rise", table["objective_value"] / fit.objective_value - 1.0)
    table = table[[name, "objective_value", "rise", *(k for k in fit.law.names if k != name)]]
    table.attrs = {"coefficient": name, "level": level, **_interval(fit, table, name, coefficient.is_log, level)}
    return table


def _interval(fit: FitResult, table: pd.DataFrame, name: str, is_log: bool, level: float) -> dict[str, Any]:
    """Where the profile stays below the threshold that bootstrap variance and curvature give it."""
    if fit.draws is None or len(fit.draws.dropna()) < 2:
        return {"interval": None, "threshold": None}
    along = np.log if is_log else np.asarray
    with np.errstate(divide="ignore"):
        drawn = along(fit.draws[name].dropna().to_numpy())
    variance = float(np.var(drawn[np.isfinite(drawn)], ddof=1))
    t = along(table[name].to_numpy()) - along(fit.values[name])
    height = table["objective_value"].to_numpy() - fit.objective_value
    curvature = 2.0 * float((height * t**2).sum() / (t**4).sum())
    threshold = 0.5 * float(norm.ppf(0.5 + 0.5 * level)) ** 2 * variance * curvature
    ends = []
    for side in (-1, 1):
        mine = np.argsort(np.abs(t[t * side >= 0]))
        distance, risen = np.abs(t[t * side >= 0])[mine], height[t * side >= 0][mine]
        over = np.flatnonzero(risen > threshold)
        if not len(over):
            ends.append(side * np.inf)
            continue
        k = int(over[0])
        before, below = (distance[k - 1], risen[k - 1]) if k else (0.0, 0.0)
        share = (threshold - below) / (risen[k] - below)
        ends.append(side * (before + share * (distance[k] - before)))
    best = float(along(fit.values[name]))
    lower, upper = (float(np.exp(best + e)) if is_log else best + float(e) for e in ends)
    return {"interval": [lower, upper], "threshold": threshold}
