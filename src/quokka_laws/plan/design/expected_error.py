"""How far off a target will be once some runs are trained: variance, and what a wrong law adds. Arrays only.

Near a believed law, log-losses are linear in its coefficients β: ``y = Jβ + d + e``. A prior keeps β near what is believed, e is the
noise of a run, and d what the law does not know: a smooth surface with covariance K between runs, so that two runs of nearly the
same size share it, and a target far away has little of it in common with any of them. The runs are fitted as if d were not there
(nobody knows it), ``β̂ = H⁻¹ JᵀY/σ²`` with ``H = JᵀJ/σ² + prior``, and a target's mean squared error is

    g H⁻¹ gᵀ  +  a K aᵀ − 2 a k + k₀,     a = g H⁻¹ Jᵀ/σ²

variance first, then the bias: K among the runs, k with the target, k₀ of the target itself. A thousand tiny runs make the first
vanish and leave the second, which is why they are not bought.

Adding or removing one run changes H by rank one and the rest by sums, so that every exchange is tried at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from quokka_laws._typing import Array


@dataclass(frozen=True)
class Beliefs:
    """What is believed of candidates and targets, by several laws; coefficients of smaller laws are padded with zeros.

    Parameters
    ----------
    J : array (laws, candidates, coefficients)
        Derivatives of each candidate's log-loss.
    g : array (laws, targets, coefficients)
        Derivatives of the targets.
    precision : array (laws, coefficients, coefficients)
        Of the prior on the coefficients.
    weights : array (laws,)
    noise : float
        Standard deviation of one run's log-loss.
    K : array (candidates, candidates)
        Covariance of what the laws do not know.
    k : array (candidates, targets)
    k_target : array (targets,)
    """

    J: Array
    g: Array
    precision: Array
    weights: Array
    noise: float
    K: Array
    k: Array
    k_target: Array

    def with_none(self) -> Trained:
        """Before any run."""
        laws, count, size = self.J.shape
        targets = self.g.shape[1]
        return Trained(
            self,
            np.linalg.inv(self.precision),
            np.zeros((laws, size, size)),
            np.zeros((laws, count, size)),
            np.zeros((laws, targets, size)),
            np.zeros(count, dtype=bool),
        )


@dataclass(frozen=True)
class Trained:
    """Beliefs with some candidates trained: ``H⁻¹``, ``JᵀKJ/σ⁴``, ``JᵀK/σ²`` for all candidates and ``Jᵀk/σ²`` for the targets."""

    beliefs: Beliefs
    H_inverse: Array
    G: Array
    V: Array
    Q: Array
    chosen: Array

    def error(self) -> float:
        """Mean squared error of the targets, over laws."""
        b = self.beliefs
        h = np.einsum("mij,mtj->mti", self.H_inverse, b.g)
        by_target = (
            (h * b.g).sum(2) + np.einsum("mti,mij,mtj->mt", h, self.G, h) - 2.0 * (h * self.Q).sum(2) + b.k_target
        )
        return float(b.weights @ by_target.mean(1))

    def errors(self, sign: float, which: Array) -> Array:
        """:meth:`error` after each of some candidates (positions) is added (+1) or removed (−1)."""
        b, s2 = self.beliefs, self.beliefs.noise**2
        j, V, K, k = b.J[:, which], self.V[:, which], np.diag(b.K)[which], b.k[which]
        u = np.einsum("mij,mnj->mni", self.H_inverse, j)
        v = (u * j).sum(2)
        h0 = np.einsum("mij,mtj->mti", self.H_inverse, b.g)
        with np.errstate(divide="ignore", invalid="ignore"):
            pull = np.einsum("mni,mti->mnt", u, b.g) / (s2 + sign * v)[:, :, None]
        h = h0[:, None] - sign * u[:, :, None] * pull[..., None]
        variance = (h0 * b.g).sum(2)[:, None] - sign * pull**2 * (s2 + sign * v)[:, :, None]
        along = np.einsum("mnti,mni->mnt", h, j) / s2
        bias = (
            ((h @ self.G[:, None]) * h).sum(3)
            + 2.0 * sign * along * np.einsum("mnti,mni->mnt", h, V)
            + along**2 * K[None, :, None]
            - 2.0 * np.einsum("mnti,mti->mnt", h, self.Q)
            - 2.0 * sign * along * k[None]
            + b.k_target
        )
        found = np.einsum("m,mnt->n", b.weights, variance + bias) / b.g.shape[1]
        return np.where(np.isfinite(found), found, np.inf)

    def change(self, i: int, sign: float) -> Trained:
        """With candidate ``i`` added (+1) or removed (−1)."""
        b, s2 = self.beliefs, self.beliefs.noise**2
        j, V = b.J[:, i], self.V[:, i]
        u = np.einsum("mij,mj->mi", self.H_inverse, j)
        v = (u * j).sum(1)
        H_inverse = self.H_inverse - sign * u[:, :, None] * u[:, None, :] / (s2 + sign * v)[:, None, None]
        crossed = j[:, :, None] * V[:, None, :]
        G = self.G + sign * (crossed + crossed.transpose(0, 2, 1)) / s2
        G = G + j[:, :, None] * j[:, None, :] * b.K[i, i] / s2**2
        chosen = self.chosen.copy()
        chosen[i] = sign > 0
        return replace(
            self,
            H_inverse=H_inverse,
            G=G,
            V=self.V + sign * b.K[i][None, :, None] * j[:, None, :] / s2,
            Q=self.Q + sign * b.k[i][None, :, None] * j[:, None, :] / s2,
            chosen=chosen,
        )
