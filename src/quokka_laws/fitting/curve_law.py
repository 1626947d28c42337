"""The law of a whole curve: what is learned so far, less what the noise of a high learning rate hides. Arrays only.

    ln L = ln( E + (A/N^alpha + B/T^beta)^k − F·N^phi·g ) + u

T is the intrinsic time of the functional scaling law (Li et al. 2025, arXiv 2509.19189): tokens, each weighted by the learning rate
over its peak. g is the gain of annealing of the multi-power law (Luo et al. 2025, arXiv 2503.12811): every drop of the rate from
r₋ to r gives ``(r₋ − r)·(1 − (1 + c·r^(−gamma)·S)^(−delta))`` of it, with S the intrinsic time since, as a share of the run's own. The
gain grows a little with N: 25, 100 and 400M parameters have N^0.13 in that paper. k couples size and time as in Skaling's law: k = 1 is
Chinchilla's, and sweeps that were fitted have it from .4 on. u belongs to a run, normal: seeds differ.

Sizes are those at typical N and T, where each term is known best, and the exponents those of one term where the other has gone,
``k·alpha`` and ``k·beta``. Priors are weak; those of the annealing are the multi-power law's own fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import least_squares

from quokka_laws._typing import Array
from quokka_laws.fitting.curve_table import CurveOfRun

NAMES = ("E", "A", "alpha", "B", "beta", "F", "c", "gamma", "delta", "phi", "k")
LOGARITHMS, OF_GAIN = (0, 1, 3, 5, 6, 10), (6, 7, 8)
SPREAD = (0.4, 1.0, 0.1, 0.7, 0.15, 0.7, 1.5, 0.15, 0.15, 0.1, 0.5)
"""Standard deviations of the priors."""
RUN_TO_RUN, IMAGINED_RUNS = 0.003, 4.0
"""Standard deviation of u, what the log-losses of runs alike differ by: a guess that weighs as much as this many runs."""
INDEPENDENT = 2.0  # points of a curve for each factor e of its tokens: neighbours share their errors
LEAST_NOISE = 5e-4
LEAST_RATE = 1e-3


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
                np.log(0.6),
            ]
        )

    def log_loss(self, v: Array, curve: CurveOfRun, D: Array) -> Array:
        """Predicted log-loss of a run after ``D`` tokens, without its u."""
        along = _Along.of(curve, D)
        return self._log_loss(v, along, along.gain(v))

    def _log_loss(self, v: Array, along: _Along, gain: Array) -> Array:
        E, A, B, F, _, k = np.exp(v[list(LOGARITHMS)])
        at = along.log_N - self.log_N
        shortage = A * np.exp(-v[2] / k * at) + B * np.exp(-v[4] / k * (along.log_T - self.log_T))
        smooth = E + (A + B) * (shortage / (A + B)) ** k
        return np.asarray(np.log(np.maximum(smooth - F * np.exp(v[9] * at) * gain, 0.05 * smooth)))

    def fit(self, begin: Array | None = None) -> CurveSolution:
        """The best coordinates, with the noise of a point and what runs differ by settled in a few rounds."""
        expected, count = self.expected, len(self.curves)
        x = np.concatenate([expected, np.zeros(count)]) if begin is None else begin
        noise, apart = 0.01, RUN_TO_RUN
        for _ in range(2 if begin is not None else 3):
            how = {"method": "trf", "x_scale": "jac", "max_nfev": 60}
            x = least_squares(self._residuals, x, jac=self._jacobian, args=(noise, apart), **how).x
            noise = max(self._noise(x, apart), LEAST_NOISE)
            own = apart**2 * (x[len(NAMES) :] ** 2 + np.diag(self._covariance(x, noise, apart))[len(NAMES) :])
            last, apart = apart, np.sqrt((IMAGINED_RUNS * RUN_TO_RUN**2 + own.sum()) / (IMAGINED_RUNS + count))
            x[len(NAMES) :] *= last / apart
        covariance = self._covariance(x, noise, apart)
        return CurveSolution(self, x[: len(NAMES)], x[len(NAMES) :], covariance, noise, float(apart))

    def _covariance(self, x: Array, noise: float, apart: float) -> Array:
        J = self._jacobian(x, noise, apart)
        return np.asarray(np.linalg.pinv(J.T @ J, hermitian=True))

    def _weights(self, noise: float) -> list[Array]:
        told = [1.0 + INDEPENDENT * np.log(c.D[-1] / c.D[0]) for c in self.curves]
        return [
            np.full(len(c.D), np.sqrt(min(n / len(c.D), 1.0)) / noise) for n, c in zip(told, self.curves, strict=True)
        ]

    @cached_property
    def _along(self) -> list[_Along]:
        return [_Along.of(c, c.D) for c in self.curves]

    def _missed(self, x: Array, apart: float) -> list[Array]:
        """What the law, with each run's u, is above the log-losses."""
        v, u = x[: len(NAMES)], x[len(NAMES) :]
        return [
            self._log_loss(v, along, along.gain(v)) + apart * own - c.log_loss
            for c, along, own in zip(self.curves, self._along, u, strict=True)
        ]

    def _residuals(self, x: Array, noise: float, apart: float) -> Array:
        v, u = x[: len(NAMES)], x[len(NAMES) :]
        missed = zip(self._missed(x, apart), self._weights(noise), strict=True)
        return np.concatenate([*(np.clip(w * m, -1e6, 1e6) for m, w in missed), (v - self.expected) / SPREAD, u])

    def _jacobian(self, x: Array, noise: float, apart: float) -> Array:
        v, count, step = x[: len(NAMES)], len(self.curves), 1e-5
        blocks = []
        for i, (along, w) in enumerate(zip(self._along, self._weights(noise), strict=True)):
            gain = along.gain(v)
            base = self._log_loss(v, along, gain)
            own = np.zeros((len(base), len(x)))
            for k in range(len(NAMES)):
                moved = v.copy()
                moved[k] += step
                there = self._log_loss(moved, along, along.gain(moved) if k in OF_GAIN else gain)
                own[:, k] = w * (there - base) / step
            own[:, len(NAMES) + i] = w * apart
            blocks.append(own)
        return np.concatenate([*blocks, np.diag(np.concatenate([1.0 / np.array(SPREAD), np.ones(count)]))])

    def _noise(self, x: Array, apart: float) -> float:
        r = np.concatenate(self._missed(x, apart))
        return float(1.4826 * np.median(np.abs(r - np.median(r))))


@dataclass(frozen=True)
class CurveSolution:
    """Coordinates ``v`` of the law, ``u`` of the runs over their standard deviation ``apart``, their covariance, and the noise of a point."""

    system: CurveSystem
    v: Array
    u: Array
    covariance: Array
    noise: float
    apart: float

    def forecast(self, curve: CurveOfRun, position: int | None) -> tuple[float, float]:
        """Log-loss at the end of a run and its standard error; ``position`` of the run among the curves, None if it is not."""
        D = np.array([curve.D_final])
        base = float(self.system.log_loss(self.v, curve, D)[0])
        gradient = np.zeros(len(self.v) + len(self.u))
        for k in range(len(self.v)):
            moved = self.v.copy()
            moved[k] += 1e-5
            gradient[k] = (float(self.system.log_loss(moved, curve, D)[0]) - base) / 1e-5
        own = self.apart**2
        if position is not None:
            gradient[len(self.v) + position] = self.apart
            base += self.apart * float(self.u[position])
            own = 0.0
        return base, float(np.sqrt(max(float(gradient @ self.covariance @ gradient), 0.0) + own))

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
    log_T : array (points,)
        Logarithm of the intrinsic time.
    fell, low : array (drops,)
        Drops of the learning rate, and what is left of it, over its peak.
    since : array (points, drops)
        Intrinsic time since each drop, as a share of the run's own; zero before it.
    """

    log_N: float
    log_T: Array
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
        return cls(float(np.log(curve.N)), np.log(np.maximum(at, 1e-12 * T[-1])), fell[drops], low, since)

    def gain(self, v: Array) -> Array:
        """g at every point."""
        return np.asarray((1.0 - (1.0 + np.exp(v[6]) * self.low ** -v[7] * self.since) ** -v[8]) @ self.fell)


def _intrinsic(curve: CurveOfRun) -> tuple[Array, Array]:
    """Nodes and the intrinsic time there."""
    step = np.diff(curve.nodes) * 0.5 * (curve.rate[1:] + curve.rate[:-1])
    T = np.concatenate([[0.0], np.cumsum(step)])
    return curve.nodes, np.maximum(T, 1e-12 * max(T[-1], 1e-300))
