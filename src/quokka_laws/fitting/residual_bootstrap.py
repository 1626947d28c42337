"""Refits to simulated losses: the fitted law plus residuals drawn anew, with Student's allowance for few runs.

Resampling whole rows (pairs) also resamples the design: with nine runs and five coefficients many a resample cannot
determine the law at all. Here every refit sees every run. What is added to the fitted curve is a standardised residual
(:mod:`quokka_laws.fitting.linearised`), half of the time the row's own (the wild bootstrap) and else that of any row,

* with a random sign;
* times ``sqrt(nu / chi²_nu)``, one draw for each refit, with ``nu`` the degrees of freedom of the coefficients' errors: the size of
  the noise is known from so many residuals only, and percentiles become those of Student's t;
* times Huber's K.

Rows that share their noise (:func:`simulated_together`) are drawn as one: the same sign, and all of them their own residuals or
all of them those of one other unit of the same make-up, so that what they share stays shared.
"""

from __future__ import annotations

import numpy as np

from quokka_laws._typing import Array
from quokka_laws.fitting.linearised import OWN, Linearised


def simulated_log_losses(near: Linearised, log_losses: Array, *, count: int, seed: int) -> Array:
    """Losses that a fitted law and its residuals might as well have given, as logarithms of shape (count, rows).

    Parameters
    ----------
    near : Linearised
        One fit.
    log_losses : array (rows,)
        Observed.
    count : int
    seed : int
    """
    donor, sign = donors(len(log_losses), count=count, seed=seed)
    noise = near.standardised[0][donor] * sign * _widening(float(near.freedom[0]), count, seed)
    return np.asarray(log_losses + near.residuals[0] + noise * near.huber_factor[0] / np.sqrt(near.weights))


def donors(rows: int, *, count: int, seed: int) -> tuple[Array, Array]:
    """Whose residual each row takes in each refit, and its sign.

    Parameters
    ----------
    rows : int
    count : int
        Refits. With the same rows, count and seed the donors and signs are the same: refits of two curves are paired.
    seed : int

    Returns
    -------
    array (count, rows) of int, array (count, rows)
    """
    rng = np.random.default_rng(seed)
    own = rng.random((count, rows)) < OWN
    donor = np.where(own, np.arange(rows), rng.integers(0, rows, size=(count, rows)))
    return donor, rng.choice([-1.0, 1.0], size=(count, rows))


def _widening(freedom: float, count: int, seed: int) -> Array:
    """Factors (count, 1) that make a normal variable Student's t."""
    rng = np.random.default_rng([seed, 3])
    return np.asarray(np.sqrt(freedom / rng.chisquare(freedom, size=(count, 1))))


def simulated_together(
    near: Linearised, log_losses: Array, *, units: Array, kinds: Array, spare: float, count: int, seed: int
) -> Array:
    """As :func:`simulated_log_losses` where the rows of one unit share their noise.

    Parameters
    ----------
    near, log_losses, count, seed
        As there.
    units : array (rows,) of int
        Rows of one unit have the same number.
    kinds : array (rows,) of int
        What a row is within its unit; units of the same kinds stand in for one another.
    spare : float
        Degrees of freedom that the residuals have for what is asked.
    """
    rng = np.random.default_rng(seed)
    e = near.standardised_together(units)
    makeup: dict[tuple[int, ...], list[Array]] = {}
    for unit in np.unique(units):
        rows = np.flatnonzero(units == unit)
        rows = rows[np.argsort(kinds[rows], kind="stable")]
        makeup.setdefault(tuple(kinds[rows].tolist()) if len(rows) > 1 else (), []).append(rows)
    noise = np.empty((count, len(log_losses)))
    for members in makeup.values():
        rows = np.stack(members)
        own = rng.random((count, len(rows))) < OWN
        donor = np.where(own, np.arange(len(rows)), rng.integers(len(rows), size=(count, len(rows))))
        sign = rng.choice([-1.0, 1.0], size=(count, len(rows), 1))
        noise[:, rows] = e[rows][donor] * sign
    noise *= _widening(spare, count, seed)
    return np.asarray(log_losses + near.residuals[0] + noise * near.huber_factor[0] / np.sqrt(near.weights))
