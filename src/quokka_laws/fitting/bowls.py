"""Bowls: ln(loss) of one N and D as a quadratic in the logarithms of hyper-parameters, and where it is lowest.

With ``z`` the logarithms, ``ln L = q₀ + g·z + ½ zᵀHz``: the optimum is ``−H⁻¹g``, the loss lost a distance d away from it
``½ dᵀHd`` of the loss. A quadratic holds near the lowest loss only, so runs far above it (diverged ones among them) are not used;
of the others those that lie off the bowl weigh less, as under Huber's objective. Every bowl is fitted by lmfit; the noise of
a run, relative, is taken from its own cell and from all cells together, since the few runs of one cell say little about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import lmfit
import numpy as np
import pandas as pd
from scipy.optimize import lsq_linear
from scipy.stats import f as f_distribution

from quokka_laws._typing import Array
from quokka_laws.objective import HUBER, LEAST_SCATTER
from quokka_laws.results.intervals import ONE_SIGMA, interval_with_never, standard_error

WITHIN, NOISES = 0.05, 6.0
"""Runs are used up to this far above the lowest of their cell, relative, or to so many times the noise where that is more."""
LEVELS = 3  # different values of a hyper-parameter, for its curvature
SHARED = 4.0  # degrees of freedom that the noise of all cells together has in that of each
ROUNDS = 4  # of bowls and weights in turn
DRAWS = 2000
SURE = 0.95  # share of draws that curve upwards in every direction, from which on it is a bowl
MAD_TO_SD = 1.4826
LARGEST_LEVERAGE = 0.99
SAME_WEIGHT = 0.02


def size(count: int) -> int:
    """Coefficients of a quadratic in ``count`` hyper-parameters."""
    return (count + 1) * (count + 2) // 2


def fewest(count: int) -> int:
    """Runs that a bowl in ``count`` hyper-parameters needs: one more than it has coefficients."""
    return size(count) + 1


def basis(z: Array) -> Array:
    """Columns of the quadratic at distances ``z`` (rows, count): 1, z, ½z² and the products."""
    count = z.shape[1]
    second = [z[:, i] * z[:, j] * (0.5 if i == j else 1.0) for i in range(count) for j in range(i, count)]
    return np.column_stack([np.ones(len(z)), z, *second])


def curvatures(coefficients: Array, count: int) -> Array:
    """The matrices H (…, count, count) of coefficients (…, size)."""
    H = np.empty((*coefficients.shape[:-1], count, count))
    upper = iter(range(1 + count, size(count)))
    for i in range(count):
        for j in range(i, count):
            H[..., i, j] = H[..., j, i] = coefficients[..., next(upper)]
    return H


def convex(H: Array) -> Array:
    """Whether matrices (…, count, count) curve upwards in every direction."""
    return np.asarray(np.linalg.eigvalsh(H)[..., 0] > 0)


def lowest(coefficients: Array, H: Array) -> Array:
    """Where quadratics with these coefficients (…, size) have their lowest point (…, count); NaN where they have none."""
    count = H.shape[-1]
    bowl = convex(H)
    safe = np.where(bowl[..., None, None], H, np.eye(count))
    at = -np.linalg.solve(safe, coefficients[..., 1 : 1 + count, None])[..., 0]
    return np.where(bowl[..., None], at, np.nan)


@dataclass(frozen=True)
class Sweep:
    """The runs of one cell that a bowl is fitted to.

    Parameters
    ----------
    z : array (rows, count)
        Logarithms of the hyper-parameters, from ``center``.
    y : array (rows,)
        ln(loss).
    center, low, high : array (count,)
        Middle and ends of everything that was tried, as logarithms.
    used : array of bool
        Of all rows of the cell, those that are here.
    """

    z: Array
    y: Array
    center: Array
    low: Array
    high: Array
    used: Array

    @classmethod
    def of(cls, logs: Array, y: Array, within: float) -> Sweep:
        """The rows up to ``within`` above the lowest, and as many more as a bowl needs.

        Repeats of a setting are in or out together, by their median: chosen one by one they would all look alike.
        """
        count = logs.shape[1]
        setting = np.unique(logs, axis=0, return_inverse=True)[1].ravel()
        height = pd.Series(y).groupby(setting).transform("median").to_numpy()
        order = np.argsort(height, kind="stable")
        needed = max(fewest(count), int((height <= height.min() + np.log1p(within)).sum()))
        while needed < len(y) and any(len(np.unique(logs[order[:needed], j])) < LEVELS for j in range(count)):
            needed += 1
        used = np.isin(setting, setting[order[:needed]])
        low, high = logs.min(axis=0), logs.max(axis=0)
        center = 0.5 * (low + high)
        return cls(logs[used] - center, y[used], center, low, high, used)

    @property
    def spare(self) -> int:
        """Degrees of freedom that the bowl leaves."""
        return len(self.y) - size(self.z.shape[1])


@dataclass(frozen=True)
class Bowl:
    """A fitted quadratic.

    Parameters
    ----------
    sweep : Sweep
    coefficients : array (size,)
        In the order of :func:`basis`.
    covariance : array (size, size)
    weights : array (rows,)
        1 for runs on the bowl, less for those off it.
    """

    sweep: Sweep
    coefficients: Array
    covariance: Array
    weights: Array

    @property
    def count(self) -> int:
        """How many hyper-parameters it is of."""
        return self.sweep.z.shape[1]

    @property
    def residuals(self) -> Array:
        """Of ln(loss)."""
        return np.asarray(self.sweep.y - basis(self.sweep.z) @ self.coefficients)

    @property
    def curvature(self) -> Array:
        """H (count, count)."""
        return curvatures(self.coefficients, self.count)

    def draws(self, seed: int, spare: float, count: int = DRAWS) -> Array:
        """Coefficients as uncertain as they are (draws, size): Student's t with ``spare`` degrees of freedom."""
        rng = np.random.default_rng(seed)
        root = np.linalg.cholesky(
            self.covariance + 1e-14 * np.diag(np.diag(self.covariance)) + 1e-300 * np.eye(len(self.covariance))
        )
        wide = np.sqrt(spare / rng.chisquare(spare, size=(count, 1)))
        return np.asarray(self.coefficients + wide * (rng.standard_normal((count, len(root))) @ root.T))

    def height(self, z: Array) -> Array:
        """ln(loss) at distances from the center (rows, count)."""
        return np.asarray(basis(np.atleast_2d(z)) @ self.coefficients)


@dataclass(frozen=True)
class Optimum:
    """What a bowl says: where it is lowest, how sure that is, and how steep it is.

    Parameters
    ----------
    at, error, lower, upper : array (count,)
        The lowest point as a logarithm, its standard error and the ends of its interval; infinite where it has none.
    curvature : array (count, count)
    curvature_error : array (count,)
        Of the logarithm of the diagonal.
    bottom : float
        ln(loss) at the lowest point of the bowl.
    floor, floor_error : float
        The same with what its choice makes too low put back, and its standard error.
    beyond : float
        By how much the lowest point outside the sweep is lower than any within.
    bowl : bool
        Whether it curves upwards in every direction, in most draws.
    side : array (count,) of int
        −1 where the lowest point lies below what was tried, 1 where above, 0 within.
    """

    at: Array
    error: Array
    lower: Array
    upper: Array
    curvature: Array
    curvature_error: Array
    bottom: float
    floor: float
    floor_error: float
    beyond: float
    bowl: bool
    side: Array


def fit_bowls(sweeps: Sequence[Sweep]) -> tuple[list[Bowl], float, Array]:
    """A bowl for each sweep, the relative noise of a run over all of them, and the degrees of freedom of each cell's own.

    Weights and noise are found in turn: the noise of all bowls together says which runs lie off theirs.
    """
    designs = [basis(s.z) for s in sweeps]
    weights = [np.ones(len(s.y)) for s in sweeps]
    noise = LEAST_SCATTER
    for _ in range(ROUNDS):
        roots = [np.sqrt(w) for w in weights]
        near = [np.linalg.lstsq(r[:, None] * x, r * s.y)[0] for r, x, s in zip(roots, designs, sweeps, strict=True)]
        left = [s.y - x @ c for x, s, c in zip(designs, sweeps, near, strict=True)]
        standard = [_standardised(r, x) for r, x in zip(left, designs, strict=True)]
        # The median, so that one jumpy cell does not blur all the others.
        noise = max(MAD_TO_SD * float(np.median(np.abs(np.concatenate(standard)))), LEAST_SCATTER)
        before, weights = weights, [np.minimum(1.0, HUBER * noise / np.maximum(np.abs(r), 1e-300)) for r in left]
        if max(float(np.abs(w - b).max()) for w, b in zip(weights, before, strict=True)) < SAME_WEIGHT:
            break
    found = [_by_lmfit(x, s.y, w, c) for x, s, w, c in zip(designs, sweeps, weights, near, strict=True)]
    left = [s.y - x @ c for x, s, (c, _) in zip(designs, sweeps, found, strict=True)]
    squares = [float((w * r**2).sum()) for w, r in zip(weights, left, strict=True)]
    spare = np.array([s.spare for s in sweeps], dtype=float)
    bowls = []
    for s, (c, unscaled), w, square, own in zip(sweeps, found, weights, squares, spare, strict=True):
        variance = (SHARED * noise**2 + square) / (SHARED + own)
        bowls.append(Bowl(s, c, variance * unscaled, w))
    return bowls, noise, np.minimum(SHARED + spare, max(spare.sum(), 1.0))


def _standardised(left: Array, x: Array) -> Array:
    """Residuals over ``sqrt(1 − h)``, all as large as the noise; those of rows that the bowl has to pass through are left out."""
    h = np.einsum("ri,ir->r", x, np.linalg.pinv(x))
    loose = h < LARGEST_LEVERAGE
    return np.asarray(left[loose] / np.sqrt(1.0 - h[loose]))


def _by_lmfit(x: Array, y: Array, weights: Array, start: Array) -> tuple[Array, Array]:
    """Coefficients of ``x`` and their covariance for a noise of 1, by lmfit."""
    names = [f"q{i}" for i in range(x.shape[1])]
    params = lmfit.create_params(**dict(zip(names, map(float, start), strict=True)))
    root = np.sqrt(weights)

    def left(p: lmfit.Parameters) -> Array:
        return np.asarray(root * (x @ np.array([p[n].value for n in names]) - y))

    solved = lmfit.minimize(left, params, calc_covar=False)
    coefficients = np.array([solved.params[n].value for n in names])
    return coefficients, np.linalg.pinv(x.T @ (weights[:, None] * x), hermitian=True)


def optimum(bowl: Bowl, *, spare: float, level: float, seed: int) -> Optimum:
    """The lowest point of a bowl with its interval."""
    s, count = bowl.sweep, bowl.count
    H = bowl.curvature
    drawn = bowl.draws(seed, spare)
    drawn_H = curvatures(drawn, count)
    sure = float(convex(drawn_H).mean())
    places = lowest(drawn, drawn_H)
    (at,) = lowest(bowl.coefficients[None], H[None])
    # A draw without a lowest point falls for ever, towards the side of its slope: its optimum is as far as can be.
    slope = drawn[:, 1 : 1 + count]
    endless = np.where(np.isnan(places), -np.sign(slope) * np.inf, places)
    lower, upper = interval_with_never(endless, level)
    with np.errstate(invalid="ignore", divide="ignore"):
        steep = np.log(np.diagonal(drawn_H, axis1=1, axis2=2))
        error = _spread(places)
        steep_error = _spread(steep)
    inside = np.clip(at, s.low - s.center, s.high - s.center)
    side = np.where(np.isnan(at), 0, np.sign(at - inside)).astype(int)
    here = np.nan_to_num(at)
    # The lowest point of a noisy bowl is below the true one by half the curvature times the variance of its place.
    is_bowl = bool(np.isfinite(at).all() and sure >= SURE)
    too_low = 0.5 * float(np.trace(H @ _covariance_at(bowl, at))) if is_bowl else 0.0
    bottom = float(bowl.height(here)[0])
    row = basis(here[None])[0]
    return Optimum(
        at=at + s.center,
        error=_error_at(bowl, inside) if side.any() else np.maximum(error, _error_at(bowl, inside)),
        lower=lower + s.center,
        upper=upper + s.center,
        curvature=H,
        curvature_error=steep_error,
        bottom=bottom,
        floor=bottom + too_low,
        floor_error=float(np.sqrt(row @ bowl.covariance @ row)),
        beyond=_beyond(bowl, at) if is_bowl and side.any() else 0.0,
        bowl=is_bowl,
        side=side,
    )


def _beyond(bowl: Bowl, at: Array) -> float:
    """By how much the lowest point that was within the sweep is higher than one outside."""
    s = bowl.sweep
    root = np.linalg.cholesky(bowl.curvature).T
    held = lsq_linear(root, root @ at, bounds=(s.low - s.center, s.high - s.center)).x
    return float(0.5 * ((root @ (held - at)) ** 2).sum())


def _covariance_at(bowl: Bowl, at: Array) -> Array:
    """Covariance of the place of the lowest point, near ``at``: ``H⁻¹ S H⁻¹`` with S that of the slope there."""
    step = 1e-4
    towards = step * np.eye(bowl.count)
    slope = (basis(at + towards) - basis(at - towards)) / (2.0 * step)
    inverse = np.linalg.inv(bowl.curvature)
    return np.asarray(inverse @ slope @ bowl.covariance @ slope.T @ inverse)


def _error_at(bowl: Bowl, at: Array) -> Array:
    """Standard errors of the lowest point; infinite where there is none."""
    if not convex(bowl.curvature[None])[0]:
        return np.full(bowl.count, np.inf)
    return np.asarray(np.sqrt(np.diag(_covariance_at(bowl, at))))


def _spread(draws: Array) -> Array:
    usable = np.isfinite(draws).mean(axis=0) > ONE_SIGMA
    finite = np.where(usable & np.isfinite(draws), draws, np.where(usable, np.nan, 0.0))
    return np.where(usable, standard_error(finite), np.inf)


def lopsided(bowls: Sequence[Bowl]) -> tuple[float, Array]:
    """Whether cubic terms improve the bowls, all together: the chance of so much if none were there, and how far each moves.

    Returns
    -------
    p : float
    moved : array (count,)
        Median over the bowls of the shift of their lowest point, as a logarithm.
    """
    count = bowls[0].count
    before = after = 0.0
    extra = spare = 0
    moved = []
    for bowl in bowls:
        s = bowl.sweep
        if s.spare <= count:
            continue
        x = np.column_stack([basis(s.z), s.z**3])
        root = np.sqrt(bowl.weights)
        c = np.linalg.lstsq(root[:, None] * x, root * s.y, rcond=None)[0]
        before += float((bowl.weights * bowl.residuals**2).sum())
        after += float((bowl.weights * (s.y - x @ c) ** 2).sum())
        extra, spare = extra + count, spare + s.spare - count
        (at,) = lowest(bowl.coefficients[None], bowl.curvature[None])
        if np.isfinite(at).all() and (np.abs(at) <= 0.5 * (s.high - s.low)).all():
            moved.append(_moved(at, c, count))
    if spare <= 0 or after <= 0 or not moved:
        return 1.0, np.zeros(count)
    ratio = (before - after) / extra / (after / spare)
    return float(f_distribution.sf(ratio, extra, spare)), np.nanmedian(moved, axis=0)


def _moved(at: Array, c: Array, count: int) -> Array:
    """By how far a Newton step from the bowl's lowest point goes under the quadratic with cubic terms."""
    quadratic, cubic = c[: size(count)], c[size(count) :]
    H = curvatures(quadratic, count)
    slope = quadratic[1 : 1 + count] + H @ at + 3.0 * cubic * at**2
    steep = H + np.diag(6.0 * cubic * at)
    if not convex(steep[None])[0]:
        return np.full(count, np.nan)
    return np.asarray(-np.linalg.solve(steep, slope))
