"""Whether residuals hold a pattern that a wider law would explain: tests of columns added to a fit, without refitting.

Beside the derivatives ``J`` of the fitted law stand columns ``Z``: for a wider law its derivative with respect to the coefficient
that was held (Rao's score test); for an unknown misfit splines of log C, log D/N or log N. If the law is right, what ``Z`` explains of
the residuals beyond ``J`` is, over what is left, distributed as Fisher's F. Residuals beyond 2.5 standard deviations are cut there,
so that one outlier is no pattern.

A pattern is not a size: 3 % of noise is no misfit, and 0.5 % that bends with compute is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.stats import f as fisher

from quokka_laws._typing import Array
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.fitting.residual_bootstrap import jacobian, moving
from quokka_laws.fitting.scatter import log_residuals, scatter
from quokka_laws.results.fit_result import FitResult

CUT = 2.5  # standard deviations
KNOTS = (0.0, 1 / 3, 2 / 3, 1.0)  # quantiles, of a natural cubic spline: two columns beside the straight line
LEAST_ROWS = 3  # more than coefficients and columns


class Pattern(NamedTuple):
    """A misfit along one variable: its name, and the probability of as much by chance (for all variables tried)."""

    along: str
    p: float


@dataclass(frozen=True)
class Linearised:
    """A fit near its optimum: residuals, cut, and derivatives by its free coefficients."""

    residuals: Array
    J: Array
    weights: Array

    @classmethod
    def of(cls, fit: FitResult) -> Linearised:
        """From a fit; one row a run."""
        data = Data.of(fit.law, fit.runs)
        space = Space.of(fit.law, _as_fitted(fit))
        assert space is not None  # a caller asks only of laws without ties
        off = np.zeros(fit.law.term_count, dtype=bool)
        for j, k in fit.law.amplitude_terms.items():
            off[k] = fit.values[fit.law.names[j]] == 0
        theta = fit.law.to_theta(fit.values)[0]
        u = np.where(np.isfinite(theta), theta, 0.0)[space.free]
        able = moving(space, u, off)
        r = log_residuals(space, data, u, off)
        size = max(scatter(r, data.weights, float(able.sum())), 1e-12)
        return cls(np.clip(r, -CUT * size, CUT * size), jacobian(space, data, u, off)[:, able], data.weights)

    def p_value(self, Z: Array) -> float:
        """Probability of what columns Z explain beyond the law, by chance; NaN where too few rows are left."""
        root = np.sqrt(self.weights)[:, None]
        J, Z, r = self.J * root, Z * root, self.residuals * root[:, 0]
        J, Z = (m / np.where((size := np.linalg.norm(m, axis=0)) > 0, size, 1.0) for m in (J, Z))
        Q = _range(J)
        Z = Z - Q @ (Q.T @ Z)
        P = _range(Z, least=1e-6)  # what is left of a column that the law explains is rounding
        left = r - Q @ (Q.T @ r)
        q, spare = P.shape[1], len(r) - Q.shape[1] - P.shape[1]
        if not q or spare < LEAST_ROWS:
            return float("nan")
        explained = float(((P.T @ left) ** 2).sum())
        rest = float((left**2).sum()) - explained
        return float(fisher.sf((explained / q) / max(rest / spare, 1e-300), q, spare))


def coupling_p_value(fit: FitResult) -> float:
    """Of k = 1 in ``E + (A/N^alpha + B/D^beta)^k``, from a fit of Chinchilla's law; NaN for another law.

    The derivative of the log-loss with respect to k at k = 1 is ``s·log(s)/L``, with s the shortage.
    """
    if fit.law.name != "chinchilla" or ("run_id" in fit.runs and fit.runs["run_id"].duplicated().any()):
        return float("nan")
    shortage = fit.law.loss({**fit.values, "E": 0.0}, N=fit.runs["N"], D=fit.runs["D"])
    column = shortage * np.log(np.maximum(shortage, 1e-300)) / (shortage + fit.values["E"])
    return Linearised.of(fit).p_value(np.asarray(column)[:, None])


def pattern(fit: FitResult) -> Pattern | None:
    """The clearest pattern of the residuals against log C, log D/N and log N; None where it cannot be asked."""
    if not {"N", "D"} <= set(fit.law.variables) or any(p.expr for p in fit.params.values()):
        return None
    if "run_id" in fit.runs and fit.runs["run_id"].duplicated().any():
        return None
    log_N, log_D = (np.log(fit.runs[k].to_numpy(dtype=float)) for k in ("N", "D"))
    along = {"C": log_N + log_D, "D/N": log_D - log_N, "N": log_N}
    at = Linearised.of(fit)
    found = {k: at.p_value(natural_spline(v)) for k, v in along.items() if np.ptp(v) > 0}
    tried = {k: p for k, p in found.items() if np.isfinite(p)}
    if not tried:
        return None
    best = min(tried, key=tried.__getitem__)
    return Pattern(best, min(1.0, len(tried) * tried[best]))


def natural_spline(v: Array) -> Array:
    """Columns of a natural cubic spline: a constant, a line, and one for each inner knot."""
    t = (v - v.min()) / np.ptp(v)
    knots = np.unique(np.quantile(t, KNOTS))
    columns = [np.ones_like(t), t]

    def bend(k: float) -> Array:
        last = knots[-1]
        return np.asarray((np.maximum(t - k, 0.0) ** 3 - np.maximum(t - last, 0.0) ** 3) / (last - k))

    columns += [bend(k) - bend(knots[-2]) for k in knots[:-2]]
    return np.stack(columns, axis=1)


def _as_fitted(fit: FitResult):  # type: ignore[no-untyped-def]
    params = fit.params.copy()
    for p in params.values():
        p.user_data = "automatic start"
    return params


def _range(columns: Array, least: float = 1e-10) -> Array:
    """An orthonormal basis of what columns span."""
    if not columns.size:
        return np.zeros((len(columns), 0))
    basis, singular, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(basis[:, singular > max(least * singular.max(initial=0.0), 1e-12 if least < 1e-8 else least)])
