"""Minima of parabolas with their standard errors, for one or many tables of the same design.

A parabola's minimum moves with its three coefficients, whose covariance is that of least squares with the noise of all budgets
pooled. The power law through the minima weighs them alike (as :func:`quokka_laws.fit_isoflops`); where they scatter about
it more than their errors say, errors are widened by the root of chi² over its degrees of freedom (Birge's ratio).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quokka_laws._typing import Array


@dataclass(frozen=True)
class Minima:
    """Minima of IsoFLOP profiles.

    Parameters
    ----------
    log_C : array (budgets,)
    log_N, error : array (problems, budgets)
        NaN where a curve opens downwards or its minimum lies outside its own sizes.
    spare : int
        Degrees of freedom of the noise.
    """

    log_C: Array
    log_N: Array
    error: Array
    spare: int

    @classmethod
    def of(cls, log_N: Array, budget: Array, losses: Array) -> Minima | None:
        """From sizes and budgets (rows,) and losses (problems, rows); None with fewer than two budgets of four sizes."""
        at, inside, shapes, square, spare, where = [], [], [], 0.0, 0, []
        for b in np.unique(budget):
            member = np.flatnonzero(budget == b)
            if len(np.unique(np.round(log_N[member], 9))) < 4:
                continue
            x = log_N[member]
            centre = 0.5 * (x.min() + x.max())
            design = np.vander(x - centre, 3, increasing=True)
            c = losses[:, member] @ np.linalg.pinv(design).T
            square = square + (((losses[:, member] - c @ design.T) / losses[:, member]) ** 2).sum(axis=1)
            spare += len(member) - 3
            with np.errstate(divide="ignore", invalid="ignore"):
                lowest = -c[:, 1] / (2 * c[:, 2])
                slope = np.stack([0 * lowest, -0.5 / c[:, 2], 0.5 * c[:, 1] / c[:, 2] ** 2], axis=1)
            noise = np.linalg.inv(design.T @ design)
            shapes.append(np.einsum("si,ij,sj->s", slope, noise, slope) * losses[:, member].mean(axis=1) ** 2)
            at.append(lowest + centre)
            inside.append((c[:, 2] > 0) & (x.min() < lowest + centre) & (lowest + centre < x.max()))
            where.append(np.log(b))
        if len(where) < 2:
            return None
        ok = np.stack(inside, axis=1)
        error = np.sqrt(np.stack(shapes, axis=1) * (np.asarray(square) / spare)[:, None])
        return cls(np.array(where), np.where(ok, np.stack(at, axis=1), np.nan), np.where(ok, error, np.nan), spare)

    def power_law(self, log_C: Array) -> tuple[Array, Array]:
        """ln N at budgets by the line through the minima, and its standard error, each (problems, budgets asked); NaN with one minimum."""
        ok = np.isfinite(self.log_N)
        w, y = ok.astype(float), np.where(ok, self.log_N, 0.0)
        count = w.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean_x = (w @ self.log_C) / count
            t = np.where(ok, self.log_C - mean_x[:, None], 0.0)
            scale = (t**2).sum(axis=1)
            slope, level = (t * y).sum(axis=1) / scale, y.sum(axis=1) / count
            ahead = np.asarray(log_C) - mean_x[:, None]
            hat = w[:, None, :] / count[:, None, None] + ahead[:, :, None] * (t / scale[:, None])[:, None, :]
            variance = np.einsum("sqb,sb->sq", hat**2, np.where(ok, self.error, 0.0) ** 2)
            off_line = np.where(ok, (y - level[:, None] - slope[:, None] * t) / self.error, 0.0)
            birge = np.sqrt(np.maximum((off_line**2).sum(axis=1) / np.maximum(count - 2, 1), 1.0))
        good = (count >= 2)[:, None]
        return np.where(good, level[:, None] + slope[:, None] * ahead, np.nan), np.where(
            good, np.sqrt(variance) * birge[:, None], np.nan
        )
