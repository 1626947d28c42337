"""What runs say of a target if the fitted law is right: standard deviations from the information matrix.

What a fit knows is ``Σ_i w_i J_i J_iᵀ / τ²``, where ``J_i`` are the derivatives of run i's predicted log-loss in the free
coefficients. A run not yet trained has a ``J`` too, so its worth is known beforehand. τ² is the noise of one run times what the
objective loses on it (1 for least squares, π/2 for least absolute deviations).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from quokka_laws._typing import Array
from quokka_laws.exceptions import FitError
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.objective import Objective
from quokka_laws.plan.minimise import derivatives
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.fitted_law import FittedLaw

SINGULAR = 1e-12


@dataclass(frozen=True)
class Knowledge:
    """Information of the fitted runs in free coordinates, and what each candidate would add (``rows``)."""

    information: Array
    rows: Array
    basis: Array
    noise: float
    notes: list[str]

    @classmethod
    def of(cls, fit: FitResult, pool: pd.DataFrame) -> Knowledge:
        space = Space.of(fit.law, fit.params)
        if space is None:
            raise FitError("a tie of this fit is not linear in the solver's coordinates; fit without it to choose runs")
        data = Data.of(fit.law, fit.runs)
        units = len(data.loss) if data.groups is None else int(data.groups.max()) + 1
        weight = data.weights if data.groups is None else data.weights / np.bincount(data.groups)[data.groups]
        weight = weight * units / weight.sum()
        seen, new = (
            jacobian(fit, x) @ space.basis
            for x in (data.x, fit.law.inputs(**{k: pool[k].to_numpy() for k in pool if k in fit.law.takes}))
        )
        u = fit.law.to_theta(fit.values)[0, space.free]
        held = (
            ~np.isfinite(u) | (u <= space.lower + 1e-9) | (u >= space.upper - 1e-9) | ~np.nan_to_num(seen).any(axis=0)
        )
        names = np.array(fit.law.names)[space.free]
        if held.all() or units <= (~held).sum():
            raise FitError(
                f"{units} runs and {(~held).sum()} free coefficients leave no residual to take the noise from"
            )
        rows = fit.residuals
        residual = rows["residual"] if fit.objective.log else rows["predicted"] - data.loss
        noise = float(np.sqrt(np.pi / 2) * (weight * np.abs(residual)).sum() / (units - (~held).sum()))
        if not noise > 1e-9:
            raise FitError(
                f"the fit has no residual scale (mean |residual| {noise:.2g}): runs without noise need no design"
            )
        basis, tau = space.basis[:, ~held], np.sqrt(_variance_factor(fit.objective, noise)) * noise
        seen, new = seen[:, ~held] / tau, new[:, ~held] / tau
        information = (seen * weight[:, None]).T @ seen
        notes = [f"{', '.join(names[held])} held: at a bound, or without effect on the runs"] if held.any() else []
        if data.groups is not None:
            notes.append(f"{len(data.loss)} checkpoints of {units} runs count as {units} observations")
        if mixed := undetermined(information, names[~held]):
            notes.append(
                f"the runs so far do not determine {', '.join(mixed)}, so standard deviations under this law mean little"
            )
        return cls(information, new, basis, noise, notes)

    def deviations(self, gradient: Array, order: list[int]) -> Array:
        """Standard deviations of a quantity before the first of some candidates, and after each of them."""
        c, information, found = gradient @ self.basis, self.information, []
        for i in [None, *order]:
            if i is not None:
                information = information + np.outer(self.rows[i], self.rows[i])
            scale = 1.0 / np.sqrt(np.diag(information))
            covariance = np.linalg.pinv(information * np.outer(scale, scale), hermitian=True) * np.outer(scale, scale)
            found.append(np.sqrt(max(float(c @ covariance @ c), 0.0)))
        return np.array(found)


def jacobian(fit: FittedLaw, x: Mapping[str, Array]) -> Array:
    """Derivatives (rows, coefficients) of the log-loss (of the loss, where residuals are) in solver coordinates."""
    count, size = len(fit.law.coefficients), len(next(iter(x.values())))
    theta = np.repeat(fit.law.to_theta(fit.values), size, axis=0)
    columns = {k: v[:, None] for k, v in x.items()}
    with np.errstate(all="ignore"):
        gradient, _ = derivatives(fit.law.terms_at(theta, columns, order=1), count)
    if isinstance(fit, FitResult) and not fit.objective.log:
        gradient *= np.exp(fit.law.log_loss(fit.values, x))[0][:, None]
    return gradient


def _variance_factor(objective: Objective, noise: float) -> float:
    """Variance of an M-estimate over that of least squares under normal noise: E[ψ²]/E[ψz]² (E[ψ'] by Stein's lemma)."""
    z = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    score = objective.score(noise * z)
    return float((score**2).mean() / (score * z).mean() ** 2)


def undetermined(information: Array, names: Array) -> list[str]:
    """Coefficients of which only a combination is known to the runs; none where all are determined."""
    scale = 1.0 / np.sqrt(np.diag(information))
    values, vectors = np.linalg.eigh(information * np.outer(scale, scale))
    return [] if values[0] > SINGULAR * values[-1] else list(names[np.abs(vectors[:, 0]) > 0.3])
