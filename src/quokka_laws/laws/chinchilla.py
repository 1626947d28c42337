"""The Chinchilla law and its coupled relative, Skaling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quokka_laws._typing import Array
from quokka_laws.laws import jet
from quokka_laws.laws.base import Coefficient, Inputs, Law
from quokka_laws.laws.projection import floors, positive_sizes
from quokka_laws.laws.shortage import Shortage

FLOOR = Coefficient("E", "irreducible loss: the entropy of the text, reached by no finite model", "amplitude")
CAPACITY = (
    Coefficient("A", "size of the capacity term at N = 1", "amplitude"),
    Coefficient("alpha", "how fast more parameters help", min=0.0, max=5.0),
)
DATA = (
    Coefficient("B", "size of the data term at D = 1", "amplitude"),
    Coefficient("beta", "how fast more tokens help", min=0.0, max=5.0),
)


def log_difference(log_loss: Array, floor: Any) -> Array:
    """log(loss − floor); NaN at or below the floor."""
    with np.errstate(all="ignore"):
        found = np.log(np.exp(log_loss) - floor)
    return np.where(np.isfinite(found), found, np.nan)


@dataclass(frozen=True)
class Chinchilla(Law):
    """L(N, D) = E + A/N^alpha + B/D^beta.

    Hoffmann et al. 2022 (arXiv 2203.15556), Eq. 2. ``N`` parameters, ``D`` tokens seen once, loss in nats/token.

    When not to use it: tokens were repeated for more than about four epochs (use a repeated-data law); all runs
    have nearly the same D/N (alpha and beta cannot be told apart); the largest models bend away from the fitted
    line, which :class:`Skaling` allows.
    """

    name = "chinchilla"
    equation = "E + A/N^alpha + B/D^beta"
    source = "Hoffmann et al. 2022, arXiv 2203.15556, Eq. 2"

    @property
    def formula(self) -> str:
        """The equation."""
        return self.equation

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """E, A, alpha, B, beta."""
        return (FLOOR, *CAPACITY, *DATA)

    def log_terms(self, p: Mapping[str, Any], x: Inputs) -> list[Any]:
        """log E, log A − alpha·log N, log B − beta·log D."""
        return [
            p["log_E"],
            p["log_A"] - p["alpha"] * x["log_N"],
            p["log_B"] - p["beta"] * x["log_D"],
        ]

    def shortage(self, values: Mapping[str, Any]) -> Shortage:
        """All of the loss above E."""
        return Shortage.of(*(values[k] for k in ("A", "alpha", "B", "beta")))

    def log_shortage(self, values: Mapping[str, Any], log_loss: Array) -> Array:
        """log(loss − E)."""
        return log_difference(log_loss, values["E"])


@dataclass(frozen=True)
class Skaling(Law):
    """L(N, D) = E + (A/N^alpha + B/D^beta)^k.

    "Chinchilla exponents meet Kaplan coupling", arXiv 2608.07222. ``k = 1`` is :class:`Chinchilla`;
    ``beta = 1`` with ``E = 0`` is the form of Kaplan et al. The compute-optimal N and D do not depend on ``k``.

    When not to use it: few runs off the compute-optimal line. ``k`` trades against both exponents there and only
    the products ``k·alpha`` and ``k·beta`` are identified.
    """

    name = "skaling"
    equation = "E + (A/N^alpha + B/D^beta)^k"
    source = "arXiv 2608.07222"

    @property
    def formula(self) -> str:
        """The equation."""
        return self.equation

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """E, A, alpha, B, beta, k."""
        positive = [
            Coefficient(c.name, c.meaning, "scale" if c.is_log else "exponent", c.start, c.min, c.max)
            for c in (*CAPACITY, *DATA)
        ]
        coupling = Coefficient("k", "coupling of the two shortages; 1 adds them", start=(0.2, 1.5), min=0.01, max=5.0)
        return (FLOOR, *positive, coupling)

    def log_terms(self, p: Mapping[str, Any], x: Inputs) -> list[Any]:
        """log E and k·log(A/N^alpha + B/D^beta)."""
        shortage = jet.logaddexp(p["log_A"] - p["alpha"] * x["log_N"], p["log_B"] - p["beta"] * x["log_D"])
        return [p["log_E"], p["k"] * shortage]

    def project(
        self, theta: Array, x: Inputs, loss: Array, weights: Array, *, free: Sequence[bool] | None = None
    ) -> Array:
        """Given a floor and the exponents, (loss − E)^(1/k) is linear in A and B."""
        theta = theta.copy()
        E, A, alpha, B, beta, k = range(6)
        if free is None or free[E]:
            theta[:, E] = np.log(floors(loss, len(theta)))
        log_excess = np.log(loss - np.exp(theta[:, [E]])) / theta[:, [k]]
        columns = np.stack([-theta[:, [alpha]] * x["log_N"], -theta[:, [beta]] * x["log_D"]], axis=-1)
        theta[:, [A, B]] = np.log(positive_sizes(columns, log_excess, weights))
        return theta

    def shortage(self, values: Mapping[str, Any]) -> Shortage:
        """What the power k is taken of."""
        return Shortage.of(*(values[k] for k in ("A", "alpha", "B", "beta")))

    def log_shortage(self, values: Mapping[str, Any], log_loss: Array) -> Array:
        """log(loss − E)/k."""
        return np.asarray(log_difference(log_loss, values["E"]) / np.asarray(values["k"]))
