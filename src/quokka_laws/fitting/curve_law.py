"""The law of a whole curve: what is learned so far, less what the noise of a high learning rate hides. Arrays only.

    ln L = ln( E + A/N^alpha + B/T^beta − F·N^phi·g ) + u

T is the intrinsic time of the functional scaling law (Li et al. 2025, arXiv 2509.19189): tokens, each weighted by the learning rate
over its peak. g is the gain of annealing of the multi-power law (Luo et al. 2025, arXiv 2503.12811): every drop of the rate from
r₋ to r gives ``(r₋ − r)·(1 − (1 + c·r^(−gamma)·S)^(−delta))`` of it, with S the intrinsic time since, as a share of the run's own. The
gain grows a little with N: 25, 100 and 400M parameters have N^0.13 in that paper. u belongs to a run, normal with a small variance: seeds
differ.

Sizes are those at typical N and T, where each term is known best. Priors are weak; those of the annealing are the multi-power
law's own fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from quokka_laws._typing import Array
from quokka_laws.fitting.curve_table import CurveOfRun

NAMES = ("E", "A", "alpha", "B", "beta", "F", "c", "gamma", "delta", "phi")
LOGARITHMS = (0, 1, 3, 5, 6)
SPREAD = (0.4, 1.0, 0.1, 0.7, 0.15, 0.7, 1.5, 0.15, 0.15, 0.1)
"""Standard deviations of the priors."""
RUN_TO_RUN = 0.003
"""Standard deviation of u: what the log-losses of runs alike differ by."""
INDEPENDENT = 20.0  # points of a curve: neighbours share their errors
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
            ]
        )

    def log_loss(self, v: Array, curve: CurveOfRun, D: Array) -> Array:
        """Predicted log-loss of a run after ``D`` tokens, without its u."""
        E, A, B, F, c = np.exp(v[list(LOGARITHMS)])
        alpha, beta, gamma, delta = v[2], v[4], v[7], v[8]
        F *= np.exp(v[9] * (np.log(curve.N) - self.log_N))
        nodes, T = _intrinsic(curve)
        at = np.interp(D, nodes, T)
        smooth = (
            E
            + A * np.exp(-alpha * (np.log(curve.N) - self.log_N))
            + B * np.exp(-beta * (np.log(np.maximum(at, 1e-12 * T[-1])) - self.log_T))
        )
        rate = curve.rate
        fell = np.maximum(
            np.maximum.accumulate(rate[::-1])[::-1][:-1] - np.maximum.accumulate(rate[::-1])[::-1][1:], 0.0
        )
        when, low = nodes[1:], np.maximum(rate[1:], LEAST_RATE)
        moved = fell > 0
        if not moved.any():
            return np.asarray(np.log(smooth))
        since = np.maximum(at[:, None] - np.interp(when[moved], nodes, T)[None], 0.0) / T[-1]
        gain = 1.0 - (1.0 + c * low[moved] ** -gamma * since) ** -delta
        return np.asarray(np.log(np.maximum(smooth - F * (gain @ fell[moved]), 0.05 * smooth)))

    def fit(self, begin: Array | None = None) -> CurveSolution:
        """The best coordinates, with the noise of a point settled in two rounds."""
        expected, count = self.expected, len(self.curves)
        x = np.concatenate([expected, np.zeros(count)]) if begin is None else begin
        noise = 0.01
        for _ in range(2 if begin is not None else 3):
            found = least_squares(
                self._residuals, x, jac=self._jacobian, args=(noise,), method="trf", x_scale="jac", max_nfev=60
            )
            x = found.x
            noise = max(self._noise(x), LEAST_NOISE)
        J = self._jacobian(x, noise)
        return CurveSolution(self, x[: len(NAMES)], x[len(NAMES) :], np.linalg.pinv(J.T @ J, hermitian=True), noise)

    def _weights(self, noise: float) -> list[Array]:
        return [np.full(len(c.D), np.sqrt(min(INDEPENDENT / len(c.D), 1.0)) / noise) for c in self.curves]

    def _residuals(self, x: Array, noise: float) -> Array:
        v, u = x[: len(NAMES)], x[len(NAMES) :]
        parts = [
            np.clip(w * (self.log_loss(v, c, c.D) + RUN_TO_RUN * own - c.log_loss), -1e6, 1e6)
            for c, own, w in zip(self.curves, u, self._weights(noise), strict=True)
        ]
        return np.concatenate([*parts, (v - self.expected) / SPREAD, u])

    def _jacobian(self, x: Array, noise: float) -> Array:
        v, count, step = x[: len(NAMES)], len(self.curves), 1e-5
        blocks = []
        for i, (c, w) in enumerate(zip(self.curves, self._weights(noise), strict=True)):
            base = self.log_loss(v, c, c.D)
            own = np.zeros((len(c.D), len(x)))
            for k in range(len(NAMES)):
                moved = v.copy()
                moved[k] += step
                own[:, k] = w * (self.log_loss(moved, c, c.D) - base) / step
            own[:, len(NAMES) + i] = w * RUN_TO_RUN
            blocks.append(own)
        return np.concatenate([*blocks, np.diag(np.concatenate([1.0 / np.array(SPREAD), np.ones(count)]))])

    def _noise(self, x: Array) -> float:
        v, u = x[: len(NAMES)], x[len(NAMES) :]
        r = np.concatenate(
            [self.log_loss(v, c, c.D) + RUN_TO_RUN * own - c.log_loss for c, own in zip(self.curves, u, strict=True)]
        )
        return float(1.4826 * np.median(np.abs(r - np.median(r))))


@dataclass(frozen=True)
class CurveSolution:
    """Coordinates ``v`` of the law, ``u`` of the runs, their covariance, and the noise of a point."""

    system: CurveSystem
    v: Array
    u: Array
    covariance: Array
    noise: float

    def forecast(self, curve: CurveOfRun, position: int | None) -> tuple[float, float]:
        """Log-loss at the end of a run and its standard error; ``position`` of the run among the curves, None if it is not."""
        D = np.array([curve.D_final])
        base = float(self.system.log_loss(self.v, curve, D)[0])
        gradient = np.zeros(len(self.v) + len(self.u))
        for k in range(len(self.v)):
            moved = self.v.copy()
            moved[k] += 1e-5
            gradient[k] = (float(self.system.log_loss(moved, curve, D)[0]) - base) / 1e-5
        own = RUN_TO_RUN**2
        if position is not None:
            gradient[len(self.v) + position] = RUN_TO_RUN
            base += RUN_TO_RUN * float(self.u[position])
            own = 0.0
        return base, float(np.sqrt(max(float(gradient @ self.covariance @ gradient), 0.0) + own))

    @property
    def values(self) -> dict[str, float]:
        """Coefficients in natural units, A, B and F at N = 1 and T = 1."""
        v = self.v.copy()
        v[1] += v[2] * self.system.log_N
        v[3] += v[4] * self.system.log_T
        v[5] -= v[9] * self.system.log_N
        return {name: float(np.exp(v[i]) if i in LOGARITHMS else v[i]) for i, name in enumerate(NAMES)}

    @property
    def errors(self) -> dict[str, float]:
        """Standard errors: of logarithms for E, A, B, F and c (A, B and F at the middle of the runs)."""
        return dict(zip(NAMES, np.sqrt(np.diag(self.covariance))[: len(NAMES)].tolist(), strict=True))


def _intrinsic(curve: CurveOfRun) -> tuple[Array, Array]:
    """Nodes and the intrinsic time there."""
    step = np.diff(curve.nodes) * 0.5 * (curve.rate[1:] + curve.rate[:-1])
    T = np.concatenate([[0.0], np.cumsum(step)])
    return curve.nodes, np.maximum(T, 1e-12 * max(T[-1], 1e-300))
