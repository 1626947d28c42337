"""From one paper's units to another's, where a conversion is known.

Functions convert numbers; :func:`convert` converts a law, so that it can be planned with and compared.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, FitError
from quokka_laws.laws.converted import Converted, non_embedding
from quokka_laws.literature.partial_laws import Allocation
from quokka_laws.results.fitted_law import FittedLaw

__all__ = [
    "bits_per_byte",
    "convert",
    "flops_from_pf_days",
    "flops_per_token",
    "nats_per_token",
    "non_embedding_from_total",
    "total_from_non_embedding",
]

PF_DAY = 8.64e19
"""FLOPs of a petaflop-day, the unit of Kaplan et al. 2020."""

OMEGA = 47491.0
"""Embedding parameters over N^(1/3), Pearce & Song 2024 (arXiv 2406.12907), Eq. 10: vocabulary of GPT-2."""


def flops_from_pf_days(pf_days: Any) -> Array:
    """PF-days → FLOPs."""
    return np.asarray(pf_days, dtype=float) * PF_DAY


def total_from_non_embedding(N: Any, *, omega: float = OMEGA) -> Array:
    """Total parameters of a model with N non-embedding ones: ``N + omega·N^(1/3)``.

    An average over the shapes Kaplan and Hoffmann trained; another vocabulary has another omega.
    """
    N = np.asarray(N, dtype=float)
    return np.asarray(N + omega * np.cbrt(N))


def non_embedding_from_total(N: Any, *, omega: float = OMEGA) -> Array:
    """Inverse of :func:`total_from_non_embedding`."""
    return non_embedding(N, omega)


def flops_per_token(n_layer: Any, d_model: Any, context: Any) -> Array:
    """Training FLOPs per token without embeddings, ``M = 72·L·d² + 12·L·d·s`` (DeepSeek 2024, arXiv 2401.02954)."""
    layers, d, s = (np.asarray(v, dtype=float) for v in (n_layer, d_model, context))
    return np.asarray(72.0 * layers * d**2 + 12.0 * layers * d * s)


def bits_per_byte(loss: Any, *, tokens_per_byte: float) -> Array:
    """nats/token → bits/byte: ``loss·tokens_per_byte/ln 2``. For GPT-2's tokenizer on the Pile 0.29335 tokens a byte."""
    if not 0 < tokens_per_byte < 100:
        raise ArgumentError(f"tokens_per_byte = {tokens_per_byte!r} must be positive, about 0.2 to 0.4 for BPE")
    return np.asarray(np.asarray(loss, dtype=float) * tokens_per_byte / np.log(2.0))


def nats_per_token(loss: Any, *, tokens_per_byte: float) -> Array:
    """bits/byte → nats/token, the inverse of :func:`bits_per_byte`."""
    return np.asarray(np.asarray(loss, dtype=float) / bits_per_byte(1.0, tokens_per_byte=tokens_per_byte))


def convert(
    fit: FittedLaw | Allocation,
    *,
    total_N: bool = False,
    omega: float = OMEGA,
    tokens_per_byte: float | None = None,
) -> FittedLaw | Allocation:
    """The same law asked in other conventions.

    Parameters
    ----------
    fit : FittedLaw or a published allocation
    total_N : bool
        Count all parameters where the law counts non-embedding ones, by ``N + omega·N^(1/3)``; C then counts all
        of them too, and the optimum of a law of the loss is sought again under that count.
    omega : float
        See :func:`total_from_non_embedding`; the default is for GPT-2's vocabulary.
    tokens_per_byte : float, optional
        Give the loss in bits/byte where the law gives nats/token. D stays in the law's own tokens.

    Returns
    -------
    FittedLaw or Allocation
        Under the same name, with conventions that say what it counts now. What is so already is left as it is.

    Raises
    ------
    FitError
        If the law does not say that it counts non-embedding parameters, or nats/token.
    """
    c = fit.conventions
    count_all = total_N and c.N_counts != "total"
    if count_all and c.N_counts != "non-embedding":
        raise FitError(f"{fit.label} counts N as {c.N_counts!r}; only non-embedding parameters convert to total ones")
    rescale = tokens_per_byte is not None and c.loss_unit != "bits/byte"
    if rescale and c.loss_unit != "nats/token":
        raise FitError(f"{fit.label} has a loss in {c.loss_unit!r}; only nats/token converts to bits/byte")
    if not (count_all or rescale):
        return fit
    factor = float(bits_per_byte(1.0, tokens_per_byte=tokens_per_byte)) if rescale else 1.0  # type: ignore[arg-type]
    if rescale:
        c = replace(c, loss_unit="bits/byte")
    if count_all:
        c = replace(c, N_counts="total")
    if isinstance(fit, Allocation):
        return replace(fit, conventions=c, omega=omega if count_all else fit.omega, factor=fit.factor * factor)
    ranges = dict(fit.fitted_range)
    if count_all:
        ranges.pop("C", None)  # how much compute that was depends on each run's shape
        if "N" in ranges:
            low, high = total_from_non_embedding(ranges["N"], omega=omega).tolist()
            ranges["N"] = (low, high)
    law = Converted(fit.law, omega=omega if count_all else 0.0, factor=factor)
    return FittedLaw(law, fit.values, c, ranges, fit.draws, fit.label)


def __dir__() -> list[str]:
    return __all__
