"""IsoFLOP profiles: a parabola per budget, then power laws through their minima.

The oldest and plainest way to an allocation (Hoffmann et al. 2022, approach 2): at each budget fit loss against
log N by a parabola, take its minimum, and regress log N_opt and log D_opt on log C. It assumes no law for the
loss, and pays with a bias: the true profile is not symmetric in log N, so a parabola's minimum shifts with the
width of the grid and with its centre (arXiv 2603.22339). Width and centre are reported for that reason.
"""

from __future__ import annotations

from typing import Any

import lmfit
import numpy as np
import pandas as pd
from numpy.polynomial import Polynomial

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, RunsError
from quokka_laws.fitting.budgets import BUDGET_TOLERANCE, group_budgets
from quokka_laws.results.diagnostic import Diagnostic, Severity
from quokka_laws.results.isoflop_fit import IsoflopFit
from quokka_laws.runs.conventions import Conventions
from quokka_laws.runs.read import as_runs, row_names

REFUSALS_LISTED = 3
FARTHEST = np.log(1e4)  # from the centre of its sizes; the minimum of an almost straight refit is taken to lie there


def fit_isoflops(
    runs: pd.DataFrame,
    *,
    degree: int = 2,
    budget_tolerance: float = BUDGET_TOLERANCE,
    interior: bool = True,
    bootstrap: int = 0,
    seed: int = 0,
) -> IsoflopFit:
    """Fit IsoFLOP profiles.

    Parameters
    ----------
    runs : DataFrame
        With N, D, C and loss.
    degree : {2, 3}
        Parabola, or a cubic whose local minimum is used: less biased on wide grids, noisier on short ones.
    budget_tolerance : float
        Runs whose C lie within this relative distance of a neighbour's share a budget, up to a ratio of 1.25.
    interior : bool
        Refuse budgets whose minimum lies outside their own sizes. False extrapolates the curve to it, which is
        only good for studying the bias of the method.
    bootstrap : int
        Refits to the fitted curves plus residuals drawn from those of all budgets.
    seed : int

    Returns
    -------
    IsoflopFit

    Raises
    ------
    RunsError
        If fewer than two budgets have an interior minimum; every refused budget is named with its reason.
    """
    if degree not in (2, 3):
        raise ArgumentError(f"degree = {degree!r}: 2 fits parabolas, 3 local cubics")
    runs = as_runs(runs)
    if missing := [k for k in ("N", "D", "C") if k not in runs]:
        raise RunsError(f"IsoFLOP profiles need N, D and C; missing: {', '.join(missing)}")
    conventions = Conventions.from_dict(runs.attrs.get("conventions", {}))
    runs = runs.assign(budget=group_budgets(runs["C"].to_numpy(), budget_tolerance))
    optima, profiles = [], {}
    refused: list[Diagnostic] = []
    for budget, group in runs.groupby("budget"):
        found = _profile(float(budget), group, degree, conventions, interior=interior)
        if isinstance(found, Diagnostic):
            refused.append(found)
        else:
            record, profiles[float(budget)] = found
            optima.append(record)
    if len(optima) < 2:
        listing = " ".join(map(str, refused[:REFUSALS_LISTED]))
        listing += f" And {len(refused) - REFUSALS_LISTED} more budgets." if len(refused) > REFUSALS_LISTED else ""
        raise RunsError(
            f"power laws need at least two budgets with an interior minimum, found {len(optima)}. {listing}"
        )
    table = pd.DataFrame(optima)
    return IsoflopFit(
        optima=table,
        refused=tuple(refused),
        power_laws=_power_laws(table),
        degree=degree,
        runs=runs,
        conventions=conventions,
        draws=_bootstrap(runs, table["C"].to_numpy(), degree, bootstrap, seed) if bootstrap else None,
        profiles=profiles,
    )


def _profile(
    budget: float, group: pd.DataFrame, degree: int, conventions: Conventions, *, interior: bool
) -> tuple[dict[str, float], Any] | Diagnostic:
    """Minimum of one budget and its curve, or why it has none."""
    rows = row_names(group, np.ones(len(group), dtype=bool))
    sizes = int(group["N"].nunique())
    if sizes < degree + 2:
        numbers = {"C": budget, "sizes": sizes, "degree": degree, "needed": degree + 2}
        return Diagnostic("TOO_FEW_SIZES", Severity.NOTE, numbers, rows)
    log_N = np.log(group["N"].to_numpy())
    center, width = 0.5 * (log_N.min() + log_N.max()), np.ptp(log_N)
    names = [f"c{i}" for i in range(degree + 1)]
    model = lmfit.models.PolynomialModel(degree=degree)
    params = model.make_params(**dict.fromkeys(names, 0.0))
    profile = model.fit(group["loss"].to_numpy(), params, x=log_N - center)
    at = local_minimum(np.array([profile.params[k].value for k in names]))
    if not np.isfinite(at):
        return Diagnostic("NO_MINIMUM", Severity.NOTE, {"C": budget}, rows)
    if interior and not log_N.min() < at + center < log_N.max():
        numbers = {
            "C": budget,
            "N": float(np.exp(at + center)),
            "smallest": float(group["N"].min()),
            "largest": float(group["N"].max()),
        }
        return Diagnostic("MINIMUM_OUTSIDE", Severity.NOTE, numbers, rows)
    N = float(np.exp(at + center))
    curve = Polynomial([profile.params[k].value for k in names])
    record = {
        "C": budget,
        "N": N,
        "D": budget / (conventions.flops_per_ND * N),
        "loss": float(curve(at)),
        "runs": len(group),
        "grid_center": float(np.exp(center)),
        "offset": float(np.exp(at)),
        "grid_width": float(np.exp(width)),
        "curvature": float(curve.deriv(2)(at)),
    }
    return record, profile


def local_minimum(coefficients: Array) -> Array:
    """Where quadratics or cubics (coefficients in the last axis, constant first) have their local minimum; NaN if none."""
    _, c1, c2, c3 = np.moveaxis(np.pad(coefficients, [(0, 0)] * (np.ndim(coefficients) - 1) + [(0, 1)])[..., :4], -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        at = -c1 / (c2 + np.sqrt(c2**2 - 3 * c1 * c3))
    return np.where(np.isfinite(at), at, np.nan)


def _power_laws(optima: pd.DataFrame) -> dict[str, Any]:
    model = lmfit.models.LinearModel()
    log_C = np.log(optima["C"].to_numpy())
    fits = {}
    for name in ("N", "D"):
        y = np.log(optima[name].to_numpy())
        slope, intercept = np.polyfit(log_C, y, 1)
        fits[name] = model.fit(y, model.make_params(slope=slope, intercept=intercept), x=log_C)
    return fits


def _bootstrap(runs: pd.DataFrame, budgets: Array, degree: int, count: int, seed: int) -> pd.DataFrame:
    """Power laws through the minima of refits to each accepted curve plus residuals drawn at random.

    Relative residuals of all budgets, over the square root of one less their leverage, are pooled: the few sizes of
    one budget say too little about the noise. Every refit has a scale of the noise of its own, drawn as the degrees of
    freedom left allow (χ²), so that few of them give wider intervals, as Student's t does.
    """
    rng = np.random.default_rng(seed)
    curves, residuals, spare = [], [], 0
    for budget in budgets:
        member = runs["budget"].to_numpy() == budget
        log_N, loss = np.log(runs["N"].to_numpy()[member]), runs["loss"].to_numpy()[member]
        center = 0.5 * (log_N.min() + log_N.max())
        design = np.vander(log_N - center, degree + 1, increasing=True)
        solve = np.linalg.pinv(design)
        curve = design @ solve @ loss
        residuals.append((loss / curve - 1) / np.sqrt(1 - np.diag(design @ solve)))
        spare += len(loss) - (degree + 1)
        curves.append((center, solve, curve))
    pooled = np.concatenate(residuals)
    scale = np.sqrt(spare / rng.chisquare(spare, size=count))
    log_N_opt = np.empty((count, len(curves)))
    for column, (center, solve, curve) in enumerate(curves):
        noise = rng.choice(pooled, size=(count, len(curve))) * scale[:, None]
        log_N_opt[:, column] = center + np.clip(local_minimum(curve * (1 + noise) @ solve.T), -FARTHEST, FARTHEST)
    log_C = np.log(budgets)
    log_k = np.log(Conventions.from_dict(runs.attrs.get("conventions", {})).flops_per_ND)
    rows = []
    for y in log_N_opt:
        good = np.isfinite(y)
        if good.sum() < 2:
            rows.append((np.nan,) * 4)
            continue
        a, log_k_N = np.polyfit(log_C[good], y[good], 1)
        rows.append((np.exp(log_k_N), a, np.exp(-log_k - log_k_N), 1.0 - a))
    return pd.DataFrame(rows, columns=["k_N", "a", "k_D", "b"])
