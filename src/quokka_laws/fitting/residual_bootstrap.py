"""Refits to simulated losses: the fitted law plus residuals drawn anew, with Student's allowance for few runs.

Resampling whole rows (pairs) also resamples the design: with nine runs and five coefficients many a resample cannot
determine the law at all. Here every refit sees every run. What is added to the fitted curve is

* with a random sign a residual over ``(1 − h)^0.75``, h its leverage, since a run that pulls the law towards itself shows
  too little of its noise: between the exponents 1/2 and 1 of MacKinnon & White's (1985) HC2 and HC3. Half of the time it is the row's
  own (the wild bootstrap, right where some sizes are noisier than others), else that of any row (sharper where
  none is);
* times ``sqrt(nu / chi²_nu)``, one draw for each refit, with ``nu`` = runs − coefficients: the size of the noise is known from
  so many residuals only, and percentiles become those of Student's t;
* times Huber's (1981, Section 7.6) ``K = 1 + p/n·(1 − m)/m``, with m the share of runs within delta.
"""

from __future__ import annotations

import numpy as np

from quokka_laws._typing import Array
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.objective import LogHuber, Objective

LARGEST_LEVERAGE = 0.99
LEVERAGE_POWER = 0.75
OWN = 0.5
"""Share of refits in which a row keeps the size of its own residual; this and the power by ``benchmarks/coverage.py``."""


def jacobian(space: Space, data: Data, u: Array, off: Array) -> Array:
    """Derivatives of the log-prediction of every row with respect to the free coordinates, shape (rows, free)."""
    rows = len(data.loss)
    with np.errstate(all="ignore"):
        terms = space.law.terms_at(u[None] @ space.basis.T + space.offset, data.x, order=1)
        log_terms = np.stack([np.broadcast_to(t.value, (1, rows))[0] for t in terms])
        log_terms[off] = -np.inf
        share = np.exp(log_terms - np.logaddexp.reduce(log_terms, axis=0))
    found = np.zeros((rows, len(space.law.coefficients)))
    for q, term in zip(share, terms, strict=True):
        for j, slope in term.grad.items():
            found[:, j] += np.where(q > 0, q * np.broadcast_to(slope, (1, rows))[0], 0.0)
    return np.asarray(found @ space.basis)


def moving(space: Space, u: Array, off: Array) -> Array:
    """Free coordinates that are neither at a bound nor the logarithm of an amplitude that is zero, as a mask."""
    able = (u > space.lower) & (u < space.upper)
    for j, k in space.law.amplitude_terms.items():
        if off[k]:
            able &= space.basis[j] == 0
    return np.asarray(able)


def leverages(J: Array, weights: Array, precision: Array | None = None) -> Array:
    """Diagonal of the hat matrix of weighted least squares, at most ``LARGEST_LEVERAGE``.

    Parameters
    ----------
    J : array (rows, free)
    weights : array (rows,)
    precision : array (free,), optional
        Of a prior in units of the objective: so many rows more, of which only the true ones are returned.
    """
    rows = np.sqrt(weights)[:, None] * J
    if precision is not None:
        rows = np.concatenate([rows, np.diag(np.sqrt(precision))])
    size = np.linalg.norm(rows, axis=0)
    basis, singular, _ = np.linalg.svd(rows / np.where(size > 0, size, 1.0), full_matrices=False)
    basis = basis[: len(J), singular > 1e-10 * singular.max(initial=1e-300)]
    return np.minimum((basis**2).sum(axis=1), LARGEST_LEVERAGE)


def within_delta(objective: Objective, r: Array) -> Array:
    """1 for rows whose residual counts squared, 0 for those beyond delta; ones where fewer are within than can be spared."""
    return objective.curvature(r) if isinstance(objective, LogHuber) else np.ones_like(r)


def simulated_log_losses(
    space: Space, data: Data, objective: Objective, u: Array, off: Array, *, count: int, seed: int
) -> Array:
    """Losses that the fitted law and its residuals might as well have given, as logarithms of shape (count, rows).

    Parameters
    ----------
    space, data, objective
        Of the fit.
    u, off
        Its optimum.
    count : int
    seed : int
    """
    rng = np.random.default_rng(seed)
    fitted = space.law.log_loss(space.batch_values(u[None], off[None]), data.x)[0]
    r = fitted - np.log(data.loss)
    rows, able = len(r), moving(space, u, off)
    inside = within_delta(objective, r)
    counted = data.weights * (inside if inside.sum() > able.sum() else 1.0)
    h = leverages(
        jacobian(space, data, u, off)[:, able], counted, None if space.precision is None else space.precision[able]
    )
    free = float(h.sum())
    standard = r / (1.0 - h) ** LEVERAGE_POWER * np.sqrt(data.weights)
    spare = max(rows - free, 1.0)
    share = max(float(inside.mean()), 0.5)
    widen = (1.0 + free / rows * (1.0 - share) / share) * np.sqrt(spare / rng.chisquare(spare, size=(count, 1)))
    drawn = np.where(rng.random((count, rows)) < OWN, standard, rng.choice(standard, size=(count, rows)))
    drawn *= rng.choice([-1.0, 1.0], size=(count, rows))
    return np.asarray(fitted + drawn * widen / np.sqrt(data.weights))
