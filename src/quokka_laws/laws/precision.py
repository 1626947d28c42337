"""Training in low precision as fewer effective parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError
from quokka_laws.laws import jet
from quokka_laws.laws.base import Coefficient, Inputs, Law
from quokka_laws.laws.chinchilla import CAPACITY, DATA, FLOOR

__all__ = [
    "LowPrecision",
    "post_training_penalty",
]

_PARTS = {"w": "weights", "i": "activations", "kv": "key-value cache"}


@dataclass(frozen=True)
class LowPrecision(Law):
    """E + A/N_eff^alpha + B/D^beta, N_eff = N·Π_x (1 − exp(−bits/g_x + n_x)) over weights, activations, cache.

    Kumar et al. 2024 (arXiv 2411.04330): training with all three at ``bits`` bits. The offsets ``n_x`` are those of
    the fitted table; the equation of the main text has none (n_x = 0).

    Parameters
    ----------
    bits : float
        Precision of this plan; a choice, not a coefficient.

    When not to use it: to fit runs of one precision. Only A and the product over x enter together, so g_x and n_x must
    be fixed (from the paper, or runs at several precisions fitted elsewhere).
    """

    bits: float = 16.0

    name = "low-precision"
    equation = "E + A/N_eff^alpha + B/D^beta, N_eff = N·prod(1 - exp(-bits/g_x + n_x))"
    source = "Kumar et al. 2024, arXiv 2411.04330, Table 2"

    def __post_init__(self) -> None:
        if not self.bits > 0:
            raise ArgumentError(f"bits = {self.bits!r} must be positive")

    @property
    def formula(self) -> str:
        """The equation at this precision."""
        kept = "*".join(f"(1 - exp(n_{part} - {self.bits!r}/g_{part}))" for part in _PARTS)
        return f"E + A/N_eff^alpha + B/D^beta; N_eff = N*{kept}"

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """E, A, alpha, B, beta, then g_x and n_x of each part."""
        parts = [
            c
            for x, what in _PARTS.items()
            for c in (
                Coefficient(f"g_{x}", f"bits over which {what} lose their worth (e-folding)", "scale", (0.5, 4.0)),
                Coefficient(f"n_{x}", f"offset of {what}", start=(0.0, 3.0), min=-5.0, max=10.0),
            )
        ]
        return (FLOOR, *CAPACITY, *DATA, *parts)

    def log_terms(self, p: Mapping[str, Any], x: Inputs) -> list[Any]:
        """Chinchilla's terms at N_eff."""
        log_N = x["log_N"]
        for part in _PARTS:
            lost = jet.exp(p[f"n_{part}"] - self.bits * jet.exp(-1.0 * p[f"log_g_{part}"]))
            log_N = log_N + jet.log1p(-1.0 * lost)
        return [p["log_E"], p["log_A"] - p["alpha"] * log_N, p["log_B"] - p["beta"] * x["log_D"]]


POST_TRAINING = {"C_T": 0.0598, "gamma_D": 0.5068, "gamma_N": 0.3439, "gamma_post": 0.5907}
"""Kumar et al. 2024, Table 2."""


def post_training_penalty(N: Any, D: Any, bits: Any) -> Array:
    """Loss added by quantising a trained model's weights: ``C_T·D^gamma_D/N^gamma_N·exp(−bits/gamma_post)``.

    It *grows* with the tokens trained on: an over-trained model loses more (fitted for N up to 220 million).
    """
    N, D, bits = (np.asarray(v, dtype=float) for v in (N, D, bits))
    c = POST_TRAINING
    return np.asarray(c["C_T"] * D ** c["gamma_D"] / N ** c["gamma_N"] * np.exp(-bits / c["gamma_post"]))


def __dir__() -> list[str]:
    return __all__
