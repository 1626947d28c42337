"""How runs depart from a law of whole curves: ahead of its time or behind it, and the noise of a point. Arrays only.

    ln L = ln law(T·exp(tau)) + u + e

tau belongs to a run and changes slowly along it: normal, correlated as ``exp(−|ln T − ln T'|/memory)``. A run that learns late what runs alike
learn early is far off at first and little at the end, by the slope of the law; to carry all of it to the end would be wrong, and to
forget it too. u is a run's own level, as of seeds. e differs from point to point, and most of it goes with the learning rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import minimize

from quokka_laws._typing import Array

SPREAD = 1.0
"""Standard deviation of the priors of sizes, in logarithms, about the defaults."""
FARTHEST = 4.0  # from the defaults, in logarithms
LEVEL = 0.003
"""Standard deviation of u: few runs cannot tell it from a lag that lasts."""


@dataclass(frozen=True)
class Places:
    """Points of a run, and what decides how far it may be off there.

    Parameters
    ----------
    log_T : array (points,)
        Logarithm of the intrinsic time.
    rate : array (points,)
        Learning rate over its peak.
    slope : array (points,)
        −∂ln L/∂ln T of the law.
    """

    log_T: Array
    rate: Array
    slope: Array


@dataclass(frozen=True)
class Deviations:
    """Sizes of what runs are off by.

    Parameters
    ----------
    lag : float
        Standard deviation of tau.
    memory : float
        Factors e of T after which tau is forgotten.
    still, hot : float
        Standard deviations of the noise of a point: at a learning rate of zero, and what is added (in squares) at the peak.
    """

    lag: float = 0.05
    memory: float = 1.0
    still: float = 0.0005
    hot: float = 0.003

    @property
    def noise(self) -> float:
        """Of a point at the peak of the learning rate."""
        return float(np.hypot(self.still, self.hot))

    def between(self, a: Places, b: Places) -> Array:
        """Covariance of what a run is off by at ``a`` and at ``b``, without the noise of points."""
        apart = np.abs(a.log_T[:, None] - b.log_T)
        return np.asarray(LEVEL**2 + self.lag**2 * a.slope[:, None] * b.slope * np.exp(-apart / self.memory))

    def root(self, at: Places) -> Array:
        """Cholesky factor of the covariance of a run's points (lower)."""
        return np.linalg.cholesky(self.between(at, at) + np.diag(self.still**2 + (self.hot * at.rate) ** 2))

    def learned(self, places: Sequence[Places], blocks: Sequence[Array], before: Array) -> Deviations:
        """Where the curves are likeliest, the law's coefficients integrated over.

        Parameters
        ----------
        places : sequence of Places
            Of each run.
        blocks : sequence of array (points, coefficients + 1)
            Of each run: slopes by the coefficients, and what the log-losses are above the law.
        before : array (coefficients, coefficients + 1)
            The same of the prior: divided by its standard deviations.
        """
        begin = np.log(astuple(Deviations()))

        def surprise(x: Array) -> float:
            sizes = Deviations(*np.exp(x))
            inner, logarithms = before.T @ before, 0.0
            try:
                for at, block in zip(places, blocks, strict=True):
                    root = sizes.root(at)
                    white = solve_triangular(root, block, lower=True, check_finite=False)
                    inner += white.T @ white
                    logarithms += np.log(np.diag(root)).sum()
            except np.linalg.LinAlgError:
                return 1e10
            slopes, across = inner[:-1, :-1], inner[:-1, -1]
            # what is left once the coefficients have taken their share
            left = inner[-1, -1] - across @ np.linalg.solve(slopes, across)
            unlikely = logarithms + 0.5 * np.linalg.slogdet(slopes)[1] + 0.5 * left
            return float(unlikely + 0.5 * (((x - begin) / SPREAD) ** 2).sum())

        near = [(b - FARTHEST, b + FARTHEST) for b in begin]
        found = minimize(surprise, np.log(astuple(self)), method="L-BFGS-B", bounds=near, options={"maxiter": 25})
        return Deviations(*np.exp(found.x).tolist())
