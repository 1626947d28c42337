"""A law near its optimum: residuals, derivatives and leverages, and the standard errors and tests that follow from them.

The estimate of an M-estimator moves by ``a_i·ψ(r_i)`` with the score of each row, where ``a = (Jᵀ W J)⁻¹ Jᵀ`` and W is 1 for rows
within delta. Its variance is then ``Σ a_i² e_i²``, with e the residuals over ``(1 − h)^½`` (MacKinnon & White's HC2, 1985). Half of ``e_i²``
is the row's own, right where some sizes are noisier than others, and half the mean over all rows, sharper where none is. Huber's (1981,
Section 7.6) ``K = 1 + p/n·(1 − m)/m``, with m the share of rows within delta, is for few rows. Intervals are Student's with the
degrees of freedom that such a sum of squares has (Satterthwaite's, as Bell & McCaffrey 2002): fewer than ``rows − coefficients`` where few
rows carry the answer.

All arrays may have leading axes for many tables of the same design: a simulation is one call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import t as student

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError
from quokka_laws.fitting.priors import Prior
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.objective import LogHuber, Objective
from quokka_laws.results.fit_result import FitResult

LARGEST_LEVERAGE = 0.999
BLOCK_POWER = 0.75
"""Of ``I − H`` for a block of rows that share their noise; chosen by ``benchmarks/speedup.py``."""
OWN = 0.5
"""Share of a row's variance that is its own; chosen by ``benchmarks/coverage.py``."""
STEP = 1e-5  # of the free coordinates, which are logarithms and exponents
LEAST_WITHIN = 0.5  # share of rows within delta that is taken to be left at the worst


def predictions(space: Space, data: Data, u: Array, off: Array) -> tuple[Array, Array]:
    """Log-predictions (problems, rows) and their derivatives by the free coordinates (problems, rows, free)."""
    shape = (len(u), len(next(iter(data.x.values()))))
    with np.errstate(all="ignore"):
        terms = space.law.terms_at(u @ space.basis.T + space.offset, data.x, order=1)
        log_terms = np.stack([np.broadcast_to(t.value, shape) for t in terms])
        log_terms[off.T] = -np.inf
        total = np.logaddexp.reduce(log_terms, axis=0)
        share = np.exp(log_terms - total)
    J = np.zeros((*shape, len(space.law.coefficients)))
    for q, term in zip(share, terms, strict=True):
        for j, slope in term.grad.items():
            J[..., j] += np.where(q > 0, q * slope, 0.0)
    return total, J @ space.basis


def moving(space: Space, u: Array, off: Array) -> Array:
    """Free coordinates that are neither at a bound nor the logarithm of an amplitude that is zero, as a mask (problems, free)."""
    able = (u > space.lower) & (u < space.upper)
    for j, k in space.law.amplitude_terms.items():
        able &= ~off[:, [k]] | (space.basis[j] == 0)
    return np.asarray(able)


@dataclass(frozen=True)
class Linearised:
    """Optima of one or many tables of the same design.

    Parameters
    ----------
    residuals : array (problems, rows)
        ln(predicted / observed).
    J : array (problems, rows, free)
        Zero for a coordinate that does not move.
    within : array (problems, rows)
        1 for rows whose residual counts squared, 0 beyond delta.
    delta : float
        Of Huber's objective; infinite for squares.
    weights : array (rows,)
    precision : array (free,)
        Of a prior, in units of the objective; zeros without.
    """

    residuals: Array
    J: Array
    within: Array
    delta: float
    weights: Array
    precision: Array

    @classmethod
    def at(cls, space: Space, data: Data, objective: Objective, u: Array, off: Array, log_losses: Array) -> Linearised:
        """At optima ``u`` (problems, free) of ``log_losses`` (rows,) or (problems, rows)."""
        predicted, J = predictions(space, data, u, off)
        r = predicted - log_losses
        able = moving(space, u, off)
        delta = float(objective.delta) if isinstance(objective, LogHuber) else np.inf
        within = (np.abs(r) <= delta).astype(float)
        enough = within.sum(axis=1, keepdims=True) > able.sum(axis=1, keepdims=True)
        precision = np.zeros(J.shape[2]) if space.precision is None else space.precision
        return cls(r, J * able[:, None, :], np.where(enough, within, 1.0), delta, data.weights, precision)

    @classmethod
    def of(cls, fit: FitResult) -> Linearised:
        """At the optimum of a fit without ties but linear ones."""
        space, data, u, off = coordinates(fit)
        return cls.at(space, data, fit.objective, u, off, np.log(data.loss))

    @cached_property
    def _inverse(self) -> Array:
        """``(Jᵀ W J + prior)⁻¹``, of a scaled matrix: coordinates that do not move have zeros."""
        size = np.sqrt((self.J**2).sum(axis=1) + self.precision)
        size = np.where(size > 0, size, 1.0)
        J = self.J / size[:, None, :]
        weighted = J * (self.within * self.weights)[..., None]
        H = np.einsum("sni,snj->sij", weighted, J) + np.eye(J.shape[2]) * (self.precision / size**2)[:, None, :]
        inverse = np.linalg.pinv(H, rcond=1e-12, hermitian=True)
        return np.asarray(inverse / (size[:, :, None] * size[:, None, :]))

    @cached_property
    def leverages(self) -> Array:
        """Diagonal of the hat matrix (problems, rows), at most ``LARGEST_LEVERAGE``; its sum is how many coefficients the rows determine."""
        h = np.einsum("sni,sij,snj->sn", self.J, self._inverse, self.J) * self.within * self.weights
        return np.asarray(np.clip(h, 0.0, LARGEST_LEVERAGE))

    @property
    def used(self) -> Array:
        """Coefficients that the rows determine (problems,): fewer than are free where a prior holds them."""
        return np.asarray(self.leverages.sum(axis=1))

    @property
    def spare(self) -> Array:
        """Degrees of freedom left (problems,), at least 1."""
        return np.asarray(np.maximum(self.residuals.shape[1] - self.used, 1.0))

    @property
    def huber_factor(self) -> Array:
        """Huber's K (problems,)."""
        share = np.clip(self.within.mean(axis=1), LEAST_WITHIN, 1.0)
        return np.asarray(1.0 + self.used / self.residuals.shape[1] * (1.0 - share) / share)

    @property
    def standardised(self) -> Array:
        """Residuals over ``(1 − h)^½`` and the square root of their weight's inverse (problems, rows)."""
        return np.asarray(self.residuals * np.sqrt(self.weights / (1.0 - self.leverages)))

    def standardised_together(self, units: Array) -> Array:
        """Residuals (rows,) of one table as :attr:`standardised`, but each unit of rows by its whole block: ``(I − H_u)^-¾ e_u``.

        Rows that share their noise share their leverage too: what they have in common is fitted by other coefficients than
        what sets them apart (Bell & McCaffrey 2002 take the power 1/2).

        Parameters
        ----------
        units : array (rows,) of int
            Rows of one unit have the same number.
        """
        scale = np.sqrt(self.within[0] * self.weights)[:, None]
        J = self.J[0] * scale
        e = self.residuals[0] * np.sqrt(self.weights)
        for unit in np.unique(units):
            rows = np.flatnonzero(units == unit)
            h, V = np.linalg.eigh(J[rows] @ self._inverse[0] @ J[rows].T)
            e[rows] = V @ ((1.0 - np.clip(h, 0.0, LARGEST_LEVERAGE)) ** -BLOCK_POWER * (V.T @ e[rows]))
        return np.asarray(e)

    def estimates(self, value: Array, gradient: Array) -> Estimates:
        """Quantities of these values (problems, quantities) and gradients (problems, quantities, free)."""
        inverse, left = self._inverse, 1.0 - self.leverages
        a2 = (np.einsum("sqi,sij,snj->sqn", gradient, inverse, self.J) ** 2) * self.weights
        e2 = np.clip(self.residuals, -self.delta, self.delta) ** 2 / left * self.weights
        rows = a2.shape[2]
        share = OWN * a2 + (1.0 - OWN) / rows * a2.sum(axis=2, keepdims=True)
        variance = np.einsum("sqn,sn->sq", share, e2)
        if self.precision.any():  # what the prior says is uncertain by as much as it is precise
            b = np.einsum("sqi,sij->sqj", gradient, inverse)
            variance = variance + (b**2 * self.precision).sum(axis=2) * e2.mean(axis=1)[:, None]
        error = np.sqrt(variance) * self.huber_factor[:, None]
        return Estimates(value, error, self._freedom(share / left[:, None, :]))

    def _freedom(self, d: Array) -> Array:
        """Degrees of freedom of ``Σ d_i r_i²`` (problems, quantities) for residuals ``r = M ε`` of normal noise: twice mean² over variance.

        With ``M = I − J H⁻¹ Jᵀ`` the covariance of the residuals is ``M Mᵀ = I − J Q Jᵀ``: nothing of the size rows × rows is needed.
        """
        J = self.J * np.sqrt(self.within * self.weights)[..., None]
        inverse = self._inverse
        Q = 2.0 * inverse - np.einsum("sij,snj,snk,skl->sil", inverse, J, J, inverse, optimize=True)
        q = np.einsum("sni,sij,snj->sn", J, Q, J, optimize=True)
        S = np.einsum("sqn,sni,snj,sjk->sqik", d, J, J, Q, optimize=True)
        mean = np.einsum("sqn,sn->sq", d, 1.0 - q)
        spread = np.einsum("sqn,sn->sq", d**2, 1.0 - 2.0 * q) + np.einsum("sqij,sqji->sq", S, S)
        with np.errstate(invalid="ignore", divide="ignore"):
            found = mean**2 / spread
        return np.where(np.isfinite(found), np.maximum(found, 1.0), self.spare[:, None])

    @property
    def freedom(self) -> Array:
        """Degrees of freedom of a coefficient (problems,), the mean over those that move."""
        identity = np.broadcast_to(np.eye(self.J.shape[2]), (len(self.J), *(self.J.shape[2],) * 2))
        each = self.estimates(np.zeros(identity.shape[:2]), identity).freedom
        moving = self.J.any(axis=1)
        return np.asarray((each * moving).sum(axis=1) / np.maximum(moving.sum(axis=1), 1))


@dataclass(frozen=True)
class Estimates:
    """Quantities that follow from a fit, each array (problems, quantities).

    Parameters
    ----------
    value, error : array
        And its standard error.
    freedom : array
        Degrees of freedom of the error.
    """

    value: Array
    error: Array
    freedom: Array

    def half_width(self, level: float) -> Array:
        """Half of Student's interval."""
        return np.asarray(student.ppf(0.5 + 0.5 * level, self.freedom) * self.error)


def estimates(
    near: Linearised, space: Space, u: Array, off: Array, of: Callable[[Mapping[str, Array]], Array]
) -> Estimates:
    """Quantities (problems, quantities) that follow from coefficients, by central differences.

    Parameters
    ----------
    near : Linearised
    space, u, off
        Where it is.
    of : callable
        Coefficients, each (problems, 1), to quantities (problems, quantities).
    """

    def at(moved: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(of({k: v[:, None] for k, v in space.batch_values(moved, off).items()}))

    steps = STEP * np.eye(u.shape[1])
    gradient = np.stack([(at(u + step) - at(u - step)) / (2.0 * STEP) for step in steps], axis=-1)
    return near.estimates(at(u), np.where(np.isfinite(gradient), gradient, 0.0))


def coordinates(fit: FitResult) -> tuple[Space, Data, Array, Array]:
    """A fit as the solver sees it: space, rows, free coordinates (1, free) and terms at zero (1, terms)."""
    data = Data.of(fit.law, fit.runs)
    space = Space.of(fit.law, fit.params)
    if space is None:
        raise ArgumentError(f"{fit.label} has a tie that is not linear in the solver's coordinates")
    if fit.prior and isinstance(fit.objective, LogHuber):
        mean, precision = Prior(fit.prior).on(space)
        space = space.expecting(mean, precision * fit.objective.scatter**2)
    u, off = space.enter(fit.law.to_theta(fit.values), space.problem(data, fit.objective))
    return space, data, u, off
