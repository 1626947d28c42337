"""Starts by variable projection, many small problems at once: amplitudes by non-negative least squares, floors tried."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from quokka_laws._typing import Array


def nnls(basis: Array, target: Array, weights: Array, *, signed: int = 0) -> Array:
    """Minimise ``Σ_i w_i (Σ_k c_k basis_ik − target_i)²`` over ``c ≥ 0``, the last ``signed`` columns of either sign.

    The handful of amplitudes of a law makes enumerating every active set both exact and faster than iterating.

    Parameters
    ----------
    basis : array (problems, rows, columns)
    target : array (problems, rows)
    weights : array (rows,)
    signed : int

    Returns
    -------
    array (problems, columns)
    """
    weighted = basis * weights[:, None]
    gram = np.einsum("sik,sil->skl", weighted, basis)
    moment = np.einsum("sik,si->sk", weighted, target)
    # Unit diagonal: the columns' sizes differ by many powers of ten.
    size = np.sqrt(np.einsum("skk->sk", gram))
    size[size == 0] = 1.0
    gram = gram / (size[:, :, None] * size[:, None, :])
    moment = moment / size
    problems, columns = moment.shape
    best = np.zeros((problems, columns))
    best_gain = np.zeros(problems)
    always = list(range(columns - signed, columns))
    for count in range(0 if signed else 1, columns - signed + 1):
        for subset in combinations(range(columns - signed), count):
            s = [*subset, *always]
            part = gram[:, s][:, :, s] + 1e-14 * np.eye(len(s))
            solution = np.linalg.solve(part, moment[:, s, None])[..., 0]
            gain = np.einsum("sk,sk->s", moment[:, s], solution)
            better = (solution[:, :count] > 0).all(axis=1) & (gain > best_gain) & np.isfinite(gain)
            best_gain[better] = gain[better]
            best[better] = 0.0
            best[np.ix_(better, s)] = solution[better]
    return best / size


def positive_sizes(log_columns: Array, log_target: Array, weights: Array) -> Array:
    """Sizes with which columns sum to a target in least relative error, none of them zero.

    A scale has a logarithm: a vanishing column gets one per mille of the largest contribution to a typical row.

    Parameters
    ----------
    log_columns : array (problems, rows, columns)
    log_target : array (problems, rows)
    weights : array (rows,)

    Returns
    -------
    array (problems, columns)
    """
    basis = np.exp(log_columns - log_target[..., None])
    size = np.maximum(nnls(basis, np.ones(basis.shape[:2]), weights), 1e-300)
    typical = np.exp(log_columns.mean(axis=1))
    return np.maximum(size, 1e-3 * (size * typical).max(axis=1, keepdims=True) / typical)


def floors(loss: Array, count: int) -> Array:
    """Irreducible losses to try: spread over [0, 0.95) of the smallest loss by a low-discrepancy rotation."""
    return np.asarray(loss.min(axis=-1) * 0.95 * ((0.5 + 0.618034 * np.arange(count)) % 1.0))
