"""The sum of two powers that decides the loss of many laws: closed forms for plans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from quokka_laws._typing import Array


@dataclass(frozen=True)
class Shortage:
    """``A/N^alpha + B/D^beta``: the closed forms of every law whose loss is an increasing function of it.

    Coefficients are arrays that broadcast against what is asked, such as (problems, 1).
    """

    log_A: Array
    alpha: Array
    log_B: Array
    beta: Array

    @classmethod
    def of(cls, A: Any, alpha: Any, B: Any, beta: Any) -> Shortage:
        """From natural values; zero amplitudes are allowed."""
        with np.errstate(divide="ignore"):
            return cls(np.log(A), np.asarray(alpha, dtype=float), np.log(B), np.asarray(beta, dtype=float))

    def optimal_log_N(self, log_ND: Array) -> Array:
        """log N with the least shortage at fixed ``N·D``.

        Setting the derivative along ``log N + log D = log_ND`` to zero:
        ``log N = (log(alpha A / (beta B)) + beta·log_ND) / (alpha + beta)`` (Hoffmann et al. 2022, Eq. 4).
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((self._log_ratio + self.beta * log_ND) / (self.alpha + self.beta))

    def least_log_ND(self, log_shortage: Array) -> Array:
        """The least ``log(N·D)`` with that shortage; NaN (and NaN) where there is no optimum or it is out of reach.

        At the optimum ``A/N^alpha = beta·s/(alpha + beta)`` and ``B/D^beta = alpha·s/(alpha + beta)``.
        """
        with np.errstate(all="ignore"):
            log_sum = np.log(self.alpha + self.beta)
            log_N = (self.log_A - np.log(self.beta) + log_sum - log_shortage) / self.alpha
            log_D = (self.log_B - np.log(self.alpha) + log_sum - log_shortage) / self.beta
            found = log_N + log_D
        return np.where(np.isfinite(found), found, np.nan)

    def log_D(self, log_shortage: Array, log_N: Array) -> Array:
        """``log D`` at which N parameters have that shortage; NaN where endless tokens leave more."""
        with np.errstate(all="ignore"):
            share = np.exp(self.log_A - self.alpha * log_N - log_shortage)
            found = (self.log_B - log_shortage - np.log1p(-share)) / self.beta
        return np.where(np.isfinite(found), found, np.nan)

    @property
    def _log_ratio(self) -> Array:
        return np.asarray(np.log(self.alpha) + self.log_A - np.log(self.beta) - self.log_B)
