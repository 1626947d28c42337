"""The law of a whole curve: what is learned so far, less what the noise of a high learning rate hides. Arrays only.

    ln L = ln( E + (A/N^alpha + B/T^beta)^k − F·N^phi·g )

T is the intrinsic time of the functional scaling law (Li et al. 2025, arXiv 2509.19189): tokens, each weighted by the learning rate
over its peak. g is the gain of annealing of the multi-power law (Luo et al. 2025, arXiv 2503.12811): every drop of the rate from
r₋ to r gives ``(r₋ − r)·(1 − (1 + c·r^(−gamma)·S)^(−delta))`` of it, with S the intrinsic time since, as a share of the run's own. The
gain grows a little with N: 25, 100 and 400M parameters have N^0.13 in that paper. k couples size and time as in Skaling's law: k = 1 is
Chinchilla's, and sweeps that were fitted have it from .4 on. What runs are off by is :mod:`quokka_laws.fitting.curve_deviations`.

Sizes are those at typical N and T, where each term is known best, and the exponents those of one term where the other has gone,
``k·alpha`` and ``k·beta``. Priors are weak; those of the annealing are the multi-power law's own fits, and k is 1 unless the
runs say otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import least_squares

from quokka_laws._typing import Array
from quokka_laws.fitting.curve_deviations import Deviations, Places
from quokka_laws.fitting.curve_table import CurveOfRun

NAMES = ("E", "A", "alpha", "B", "beta", "F", "c", "gamma", "delta", "phi", "k")
LOGARITHMS, OF_GAIN = (0, 1, 3, 5, 6, 10), (6, 7, 8)
SPREAD = (0.4, 1.0, 0.1, 0.7, 0.15, 0.7, 1.5, 0.15, 0.15, 0.1, 0.4)
"""Standard deviations of the priors."""
LEAST_RATE = 1e-3
ROUNDS = 2  # of coordinates and what runs are off by, in turn
STEP = 1e-5  # of a coordinate, for slopes


@dataclass(frozen=True)
class CurveSystem:
    """Several curves, ready to be predicted.

    Parameters
    ----------
    curves : sequence of CurveOfRun
    log_N, log_T : float
        Where the sizes of the terms are taken.
    """

    curves: tuple[CurveOfRun, ...]
    log_N: float
    log_T: float

    @classmethod
    def of(cls, curves: Sequence[CurveOfRun]) -> CurveSystem:
        """Around the middle of these curves."""
        T = [np.log(_intrinsic(c)[1][-1]) for c in curves]
        return cls(tuple(curves), float(np.mean([np.log(c.N) for c in curves])), float(np.mean(T)))

    @property
    def expected(self) -> Array:
        """Means of the priors, in coordinates."""
        low = min(float(np.exp(c.log_loss.min())) for c in self.curves)
        return np.array(
            [
                np.log(0.7 * low),
                np.log(0.15 * low),
                0.35,
                np.log(0.15 * low),
                0.36,
                np.log(0.04 * low),
                np.log(2000.0),
                0.64,
                0.59,
                0.13,
                0.0,  # of k: Chinchilla's law, unless the runs say otherwise
            ]
        )

    def log_loss(self, v: Array, curve: CurveOfRun, D: Array) -> Array:
        """Predicted log-loss of a run after ``D`` tokens."""
        along = _Along.of(curve, D)
        return self._log_loss(v, along, along.gain(v))

    def _log_loss(self, v: Array, along: _Along, gain: Array) -> Array:
        E, A, B, F, _, k = np.exp(v[list(LOGARITHMS)])
        at = along.log_N - self.log_N
        shortage = A * np.exp(-v[2] / k * at) + B * np.exp(-v[4] / k * (along.log_T - self.log_T))
        smooth = E + (A + B) * (shortage / (A + B)) ** k
        return np.asarray(np.log(np.maximum(smooth - F * np.exp(v[9] * at) * gain, 0.05 * smooth)))

    def _slope(self, v: Array, along: _Along, log_loss: Array) -> Array:
        """−∂ln L/∂ln T, what annealing gains left as it is."""
        _, A, B, _, _, k = np.exp(v[list(LOGARITHMS)])
        early = B * np.exp(-v[4] / k * (along.log_T - self.log_T))
        shortage = A * np.exp(-v[2] / k * (along.log_N - self.log_N)) + early
        return np.asarray(v[4] * early * (shortage / (A + B)) ** (k - 1.0) * np.exp(-log_loss))

    def _places(self, v: Array, along: _Along) -> Places:
        """Points of a run as :class:`Deviations` takes them."""
        return Places(along.log_T, along.rate, self._slope(v, along, self._log_loss(v, along, along.gain(v))))

    def fit(self, begin: CurveSolution | None = None) -> CurveSolution:
        """The best coordinates, and the sizes of what runs are off by, by turns; from ``begin`` the coordinates alone, once."""
        v, sizes = (self.expected, Deviations()) if begin is None else (begin.v, begin.sizes)
        for _ in range(1 if begin is not None else ROUNDS):
            places = [self._places(v, along) for along in self._along]
            if begin is None:
                sizes = sizes.learned(places, [self._block(v, i) for i in range(len(places))], self._before(v))
            white = [np.linalg.inv(sizes.root(at)) for at in places]
            how = {"method": "trf", "x_scale": "jac", "max_nfev": 60}
            v = least_squares(self._residuals, v, jac=self._jacobian, args=(white,), **how).x
        J = self._jacobian(v, white)
        covariance = np.asarray(np.linalg.pinv(J.T @ J, hermitian=True))
        return CurveSolution(self, v, covariance, sizes, tuple(places), tuple(white))

    @cached_property
    def _along(self) -> list[_Along]:
        return [_Along.of(c, c.D) for c in self.curves]

    def _missed(self, v: Array, i: int) -> Array:
        """What the log-losses of a run are above the law."""
        along = self._along[i]
        return self.curves[i].log_loss - self._log_loss(v, along, along.gain(v))

    def _block(self, v: Array, i: int) -> Array:
        """Slopes of the law by the coordinates along a run, and what the run is above it."""
        return np.column_stack([self._slopes(v, self._along[i]), self._missed(v, i)])

    def _before(self, v: Array) -> Array:
        """The same of the prior."""
        return np.column_stack([np.eye(len(v)), self.expected - v]) / np.array(SPREAD)[:, None]

    def _residuals(self, v: Array, white: list[Array]) -> Array:
        own = [np.clip(-w @ self._missed(v, i), -1e6, 1e6) for i, w in enumerate(white)]
        return np.concatenate([*own, (v - self.expected) / SPREAD])

    def _jacobian(self, v: Array, white: list[Array]) -> Array:
        own = [w @ self._slopes(v, along) for w, along in zip(white, self._along, strict=True)]
        return np.concatenate([*own, np.diag(1.0 / np.array(SPREAD))])

    def _slopes(self, v: Array, along: _Along) -> Array:
        """Of the log-loss by the coordinates (points, coordinates)."""
        gain, columns = along.gain(v), []
        base = self._log_loss(v, along, gain)
        for k in range(len(NAMES)):
            moved = v.copy()
            moved[k] += STEP
            there = self._log_loss(moved, along, along.gain(moved) if k in OF_GAIN else gain)
            columns.append((there - base) / STEP)
        return np.stack(columns, axis=1)


@dataclass(frozen=True)
class CurveSolution:
    """Coordinates ``v`` of the law and their covariance, the sizes of what runs are off by, and per run its places and what whitens it."""

    system: CurveSystem
    v: Array
    covariance: Array
    sizes: Deviations
    places: tuple[Places, ...]
    white: tuple[Array, ...]

    def forecast(self, i: int) -> tuple[float, float]:
        """Log-loss at the end of the i-th run, without the noise of a point, and its standard error.

        The law's, and of what the run was off by so far the share that its correlation with the end says.
        """
        system, curve = self.system, self.system.curves[i]
        end = _Along.of(curve, np.array([curve.D_final]))
        there = system._places(self.v, end)
        kept = self.sizes.between(there, self.places[i])[0] @ self.white[i].T @ self.white[i]
        block = system._block(self.v, i)
        slopes = system._slopes(self.v, end)[0] - kept @ block[:, :-1]
        centre = system._log_loss(self.v, end, end.gain(self.v))[0] + kept @ block[:, -1]
        own = self.sizes.between(there, there)[0, 0] - kept @ self.sizes.between(self.places[i], there)[:, 0]
        return float(centre), float(np.sqrt(max(slopes @ self.covariance @ slopes + own, 0.0)))

    @property
    def values(self) -> dict[str, float]:
        """Coefficients in natural units, A, B and F at N = 1 and T = 1."""
        v, at_T = self.v.copy(), self.system.log_T
        k, both = np.exp(v[10]), np.logaddexp(v[1], v[3])
        v[2], v[4] = v[2] / k, v[4] / k
        v[1] += (1.0 / k - 1.0) * both + v[2] * self.system.log_N
        v[3] += (1.0 / k - 1.0) * both + v[4] * at_T
        v[5] -= v[9] * self.system.log_N
        return {name: float(np.exp(v[i]) if i in LOGARITHMS else v[i]) for i, name in enumerate(NAMES)}

    @property
    def errors(self) -> dict[str, float]:
        """Standard errors: of logarithms for E, A, B, F, c and k (A, B and F at the middle of the runs)."""
        found = np.sqrt(np.diag(self.covariance))[: len(NAMES)]
        for i in (2, 4):  # of a quotient
            both = self.covariance[np.ix_([i, 10], [i, 10])]
            slope = np.array([1.0, -self.v[i]]) / np.exp(self.v[10])
            found[i] = np.sqrt(slope @ both @ slope)
        return dict(zip(NAMES, found.tolist(), strict=True))


def coupled(x: Array, at: Array, seen: Array, k: float) -> tuple[Array, Array]:
    """Skaling's loss at relative ln N and ln T, and its slopes by E, ln A, alpha, ln B and beta."""
    a, b = np.exp(x[1] - x[2] * at), np.exp(x[3] - x[4] * seen)
    steep = k * (a + b) ** (k - 1.0)
    slopes = np.stack([np.ones_like(a), steep * a, -at * steep * a, steep * b, -seen * steep * b], axis=1)
    return x[0] + (a + b) ** k, slopes


def through(wanted: Array, at: Array, seen: Array, begin: Array, k: float) -> Array:
    """E, ln A, alpha, ln B and beta of Skaling's law through losses at relative ln N and ln T."""

    def missed(x: Array) -> Array:
        return np.asarray((coupled(x, at, seen, k)[0] - wanted) / wanted)

    def slopes(x: Array) -> Array:
        return np.asarray(coupled(x, at, seen, k)[1] / wanted[:, None])

    return np.asarray(least_squares(missed, begin, jac=slopes, x_scale="jac", max_nfev=30).x)


@dataclass(frozen=True)
class _Along:
    """Points of a run and what its schedule was up to each: all of the law that no coefficient changes.

    Parameters
    ----------
    log_N : float
    log_T, rate : array (points,)
        Logarithm of the intrinsic time; learning rate over its peak.
    fell, low : array (drops,)
        Drops of the learning rate, and what is left of it, over its peak.
    since : array (points, drops)
        Intrinsic time since each drop, as a share of the run's own; zero before it.
    """

    log_N: float
    log_T: Array
    rate: Array
    fell: Array
    low: Array
    since: Array

    @classmethod
    def of(cls, curve: CurveOfRun, D: Array) -> _Along:
        nodes, T = _intrinsic(curve)
        at = np.interp(D, nodes, T)
        left = np.maximum.accumulate(curve.rate[::-1])[::-1]
        fell = left[:-1] - left[1:]
        drops = np.flatnonzero(fell > 0)
        since = np.maximum(at[:, None] - T[drops + 1][None], 0.0) / T[-1]
        low = np.maximum(curve.rate[drops + 1], LEAST_RATE)
        rate = np.interp(D, nodes, curve.rate)
        return cls(float(np.log(curve.N)), np.log(np.maximum(at, 1e-12 * T[-1])), rate, fell[drops], low, since)

    def gain(self, v: Array) -> Array:
        """g at every point."""
        return np.asarray((1.0 - (1.0 + np.exp(v[6]) * self.low ** -v[7] * self.since) ** -v[8]) @ self.fell)


def _intrinsic(curve: CurveOfRun) -> tuple[Array, Array]:
    """Nodes and the intrinsic time there."""
    step = np.diff(curve.nodes) * 0.5 * (curve.rate[1:] + curve.rate[:-1])
    T = np.concatenate([[0.0], np.cumsum(step)])
    return curve.nodes, np.maximum(T, 1e-12 * max(T[-1], 1e-300))
