"""Kaplan's joint laws: of parameters and tokens, and of parameters and steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quokka_laws._typing import Array
from quokka_laws.laws import jet
from quokka_laws.laws.base import Coefficient, Inputs, Law
from quokka_laws.laws.projection import positive_sizes
from quokka_laws.laws.shortage import Shortage


@dataclass(frozen=True)
class Kaplan(Law):
    """L(N, D) = [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D.

    Kaplan et al. 2020 (arXiv 2001.08361), Eq. 1.5; there ``N`` counts non-embedding parameters.

    When not to use it: the loss of the largest runs flattens. The form has no irreducible loss, so every
    extrapolation runs to zero; compare with :class:`~quokka_laws.laws.Skaling` with ``beta`` fixed at 1, which is
    this law with a floor.
    """

    name = "kaplan"
    equation = "[(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D"
    source = "Kaplan et al. 2020, arXiv 2001.08361, Eq. 1.5"

    @property
    def formula(self) -> str:
        """The equation."""
        return "((N_c/N)^(alpha_N/alpha_D) + D_c/D)^alpha_D"

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """N_c, alpha_N, D_c, alpha_D."""
        return (
            Coefficient("N_c", "model size at which infinite data would give a loss of 1", "scale"),
            Coefficient("alpha_N", "how fast more parameters help", start=(0.02, 0.6), min=1e-4, max=5.0),
            Coefficient("D_c", "data size at which an infinite model would have a loss of 1", "scale"),
            Coefficient("alpha_D", "how fast more tokens help", start=(0.02, 0.6), min=1e-4, max=5.0),
        )

    def log_terms(self, p: Mapping[str, Any], x: Inputs) -> list[Any]:
        """A single term, alpha_D·log(…)."""
        capacity = (p["alpha_N"] / p["alpha_D"]) * (p["log_N_c"] - x["log_N"])
        data = p["log_D_c"] - x["log_D"]
        return [p["alpha_D"] * jet.logaddexp(capacity, data)]

    def project(
        self, theta: Array, x: Inputs, loss: Array, weights: Array, *, free: Sequence[bool] | None = None
    ) -> Array:
        """Given the exponents, loss^(1/alpha_D) is linear in N_c^(alpha_N/alpha_D) and D_c."""
        theta = theta.copy()
        N_c, alpha_N, D_c, alpha_D = range(4)
        ratio = theta[:, [alpha_N]] / theta[:, [alpha_D]]
        columns = np.stack([-ratio * x["log_N"], np.broadcast_to(-x["log_D"], (len(theta), len(loss)))], axis=-1)
        size = positive_sizes(columns, np.log(loss) / theta[:, [alpha_D]], weights)
        theta[:, N_c] = np.log(size[:, 0]) / ratio[:, 0]
        theta[:, D_c] = np.log(size[:, 1])
        return theta

    def shortage(self, values: Mapping[str, Any]) -> Shortage:
        """The bracket: (N_c/N)^(alpha_N/alpha_D) + D_c/D."""
        ratio = np.asarray(values["alpha_N"]) / np.asarray(values["alpha_D"])
        return Shortage(ratio * np.log(values["N_c"]), ratio, np.log(values["D_c"]), np.ones_like(ratio))

    def log_shortage(self, values: Mapping[str, Any], log_loss: Array) -> Array:
        """log(loss)/alpha_D."""
        return np.asarray(log_loss / np.asarray(values["alpha_D"]))


@dataclass(frozen=True)
class KaplanSteps(Law):
    """L(N, S) = (N_c/N)^alpha_N + (S_c/S)^alpha_S.

    Kaplan et al. 2020 (arXiv 2001.08361), Eq. 1.6: the learning curve of N non-embedding parameters after S updates at a
    batch far above the critical one, on data without limit.

    When not to use it: data are limited, the batch is not large, or the learning rate has been annealed. It has no
    irreducible loss, and a table of runs has no column for S: it is here for its published coefficients.
    """

    name = "kaplan-steps"
    equation = "(N_c/N)^alpha_N + (S_c/S)^alpha_S"
    source = "Kaplan et al. 2020, arXiv 2001.08361, Eq. 1.6"
    variables = ("N", "S")

    @property
    def formula(self) -> str:
        """The equation."""
        return self.equation

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """N_c, alpha_N, S_c, alpha_S."""
        return (
            Coefficient("N_c", "model size at which endless training would give a loss of 1", "scale"),
            Coefficient("alpha_N", "how fast more parameters help", start=(0.02, 0.6), min=1e-4, max=5.0),
            Coefficient("S_c", "steps after which an infinite model would have a loss of 1", "scale"),
            Coefficient("alpha_S", "how fast more steps help", start=(0.1, 1.5), min=1e-4, max=5.0),
        )

    def log_terms(self, p: Mapping[str, Any], x: Inputs) -> list[Any]:
        """alpha_N·log(N_c/N) and alpha_S·log(S_c/S)."""
        return [p["alpha_N"] * (p["log_N_c"] - x["log_N"]), p["alpha_S"] * (p["log_S_c"] - x["log_S"])]
