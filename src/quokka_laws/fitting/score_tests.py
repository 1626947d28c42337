"""Whether residuals hold a pattern that a wider law would explain: tests of columns added to a fit, without refitting.

Beside the derivatives ``J`` of the fitted law stand columns ``Z``: for a wider law its derivative with respect to the coefficient
that was held (Rao's score test); for an unknown misfit splines of log C, log D/N or log N. If the law is right, what ``Z`` explains of
the residuals beyond ``J`` is, over what is left, distributed as Fisher's F. Residuals beyond 2.5 standard deviations are cut there,
so that one outlier is no pattern.

A pattern is not a size: 3 % of noise is no misfit, and 0.5 % that bends with compute is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import f as fisher

from quokka_laws._typing import Array
from quokka_laws.fitting.linearised import Linearised
from quokka_laws.fitting.scatter import scatter
from quokka_laws.laws import Law
from quokka_laws.results.fit_result import FitResult

CUT = 2.5  # standard deviations
KNOTS = (0.0, 1 / 3, 2 / 3, 1.0)  # quantiles, of a natural cubic spline: two columns beside the straight line
LEAST_SPARE = 3  # rows more than coefficients and columns
LEAST_LEFT = 1e-6  # share of a column that the law does not explain: less is rounding


class Pattern(NamedTuple):
    """A misfit along one variable: its name, and the probability of as much by chance (for all variables tried)."""

    along: str
    p: float


def added_variable_p_value(near: Linearised, Z: Array) -> float:
    """Probability that columns Z (rows, columns) explain as much beyond the law by chance; NaN where too few rows are left."""
    root = np.sqrt(near.weights)
    r = near.residuals[0]
    size = max(scatter(r, near.weights, float(near.used[0])), 1e-12)
    r = np.clip(r, -CUT * size, CUT * size) * root
    law = _range(near.J[0] * root[:, None], 1e-10)
    Z = Z * root[:, None]
    Z = Z / np.where((length := np.linalg.norm(Z, axis=0)) > 0, length, 1.0)
    new = _range(Z - law @ (law.T @ Z), LEAST_LEFT)
    left = r - law @ (law.T @ r)
    spare = len(r) - law.shape[1] - new.shape[1]
    if not new.shape[1] or spare < LEAST_SPARE:
        return float("nan")
    explained = float(((new.T @ left) ** 2).sum())
    rest = max(float((left**2).sum()) - explained, 1e-300)
    return float(fisher.sf((explained / new.shape[1]) / (rest / spare), new.shape[1], spare))


def coupling_p_value(fit: FitResult) -> float:
    """Of k = 1 in ``E + (A/N^alpha + B/D^beta)^k``, from a fit of Chinchilla's law; NaN for another law, or checkpoints."""
    if fit.law.name != "chinchilla" or _shared(fit) or fit.route != "newton":
        return float("nan")
    return coupling_p_value_at(fit.law, fit.values, fit.runs, Linearised.of(fit))


def coupling_p_value_at(law: Law, values: Mapping[str, float], runs: pd.DataFrame, near: Linearised) -> float:
    """The same of any optimum of Chinchilla's law on ``runs``.

    The derivative of the log-loss with respect to k at k = 1 is ``s·log(s)/L``, with s the shortage.
    """
    shortage = np.asarray(law.loss({**values, "E": 0.0}, N=runs["N"], D=runs["D"]))
    column = shortage * np.log(np.maximum(shortage, 1e-300)) / (shortage + values["E"])
    return added_variable_p_value(near, column[:, None])


def pattern(fit: FitResult) -> Pattern | None:
    """The clearest pattern of the residuals against log C, log D/N and log N; None where it cannot be asked."""
    if not {"N", "D"} <= set(fit.runs) or fit.route != "newton" or _shared(fit):
        return None
    log_N, log_D = (np.log(fit.runs[k].to_numpy(dtype=float)) for k in ("N", "D"))
    along = {"C": log_N + log_D, "D/N": log_D - log_N, "N": log_N}
    near = Linearised.of(fit)
    found = {k: added_variable_p_value(near, natural_spline(v)) for k, v in along.items() if np.ptp(v) > 0}
    tried = {k: p for k, p in found.items() if np.isfinite(p)}
    if not tried:
        return None
    best = min(tried, key=tried.__getitem__)
    return Pattern(best, min(1.0, len(tried) * tried[best]))


def natural_spline(v: Array) -> Array:
    """Columns of a natural cubic spline: a constant, a line, and one for each inner knot (Hastie et al. 2009, Eq. 5.4)."""
    t = (v - v.min()) / np.ptp(v)
    knots = np.unique(np.quantile(t, KNOTS))

    def bend(k: float) -> Array:
        return np.asarray((np.maximum(t - k, 0.0) ** 3 - np.maximum(t - knots[-1], 0.0) ** 3) / (knots[-1] - k))

    return np.stack([np.ones_like(t), t, *(bend(k) - bend(knots[-2]) for k in knots[:-2])], axis=1)


def _shared(fit: FitResult) -> bool:
    """Whether rows are checkpoints of one run: their residuals go together, law or no law."""
    return "run_id" in fit.runs and bool(fit.runs["run_id"].dropna().duplicated().any())


def _range(columns: Array, least: float) -> Array:
    """An orthonormal basis of what columns span."""
    size = np.linalg.norm(columns, axis=0)
    basis, singular, _ = np.linalg.svd(columns / np.where(size > least, size, np.inf), full_matrices=False)
    return np.asarray(basis[:, singular > 1e-10 * singular.max(initial=1e-300)])
