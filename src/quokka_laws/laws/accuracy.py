"""Curves of task accuracy: a sigmoid of the loss, and a power law of minus the logarithm of the accuracy.

Both stand on the score of a guesser (``chance``), are least-squares problems on the accuracy itself, where noise is alike, and
take coefficients as arrays: ``theta`` of shape (problems, coefficients) against rows ``x``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import expit

from quokka_laws._typing import Array

HIGHEST = 1.0
STEEPEST, SHALLOWEST = 1 / 50, 20.0
"""Width of a sigmoid in ranges of the losses."""
LARGEST_EXPONENT = 3.0
LOG_TERMS = (-15.0, 5.0)
"""Of a power term in the middle of the runs: from nothing to all."""


@dataclass(frozen=True)
class LossSigmoid:
    """Accuracy = chance + (ceiling − chance) / (1 + exp((loss − middle)/width)).

    The second of two stages (Llama 3, arXiv 2407.21783, Section 3.2.1; OLMo's ladder, arXiv 2412.04403, Eq. 3), with the score of a
    guesser held.

    Parameters
    ----------
    chance : float
        Score of a guesser.
    center, spread : float
        Middle and range of the losses, in which coefficients are searched.
    ceiling : float, optional
        Held; fitted between chance and 1 without it.
    """

    chance: float
    center: float = 0.0
    spread: float = 1.0
    ceiling: float | None = None
    takes: ClassVar[tuple[str, ...]] = ("loss",)
    kind: ClassVar[str] = "two-stage"

    @property
    def names(self) -> tuple[str, ...]:
        """Free coordinates."""
        return ("middle", "log_width", "ceiling")[: 2 if self.ceiling is not None else 3]

    @property
    def equation(self) -> str:
        """As text."""
        return "chance + (ceiling - chance)/(1 + exp((loss - middle)/width))"

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Lowest and highest of the free coordinates."""
        low = np.array([-SHALLOWEST, np.log(STEEPEST), self.chance + 0.01 * (HIGHEST - self.chance)])
        high = np.array([SHALLOWEST, np.log(SHALLOWEST), HIGHEST])
        return low[: len(self.names)], high[: len(self.names)]

    def starts(self) -> Array:
        """Coordinates to begin from."""
        grid = np.meshgrid([-1.0, 0.0, 1.0], np.log([0.1, 0.3, 1.0]), [0.5, 0.8, 1.0], indexing="ij")
        found = np.stack([g.ravel() for g in grid], axis=1)
        found[:, 2] = self.chance + found[:, 2] * (HIGHEST - self.chance)
        return np.unique(found[:, : len(self.names)], axis=0)

    def values(self, theta: Array) -> dict[str, Array]:
        """Coefficients in natural units."""
        top = np.full(theta.shape[:-1], self.ceiling) if self.ceiling is not None else theta[..., 2]
        return {
            "middle": self.center + self.spread * theta[..., 0],
            "width": self.spread * np.exp(theta[..., 1]),
            "ceiling": top,
        }

    def theta(self, values: Mapping[str, Array]) -> Array:
        """Coordinates of coefficients."""
        parts = [
            (np.asarray(values["middle"]) - self.center) / self.spread,
            np.log(np.asarray(values["width"]) / self.spread),
            np.asarray(values["ceiling"]),
        ]
        return np.stack(parts[: len(self.names)], axis=-1)

    def at(self, theta: Array, x: Mapping[str, Array]) -> tuple[Array, Array]:
        """Accuracies (problems, rows) and their derivatives (problems, rows, coordinates)."""
        m, s = theta[:, :1], theta[:, 1:2]
        top = np.full_like(m, self.ceiling) if self.ceiling is not None else theta[:, 2:3]
        z = (m - (np.asarray(x["loss"]) - self.center) / self.spread) * np.exp(-s)
        share = expit(z)
        slope = (top - self.chance) * share * (1.0 - share)
        J = [slope * np.exp(-s), -slope * z, share]
        return self.chance + (top - self.chance) * share, np.stack(J[: len(self.names)], axis=-1)


@dataclass(frozen=True)
class LogAccuracyPower:
    """Minus the logarithm of the chance-corrected accuracy as a sum of power laws: −ln Q = A/N^alpha + B/D^beta.

    Krajewski et al. (arXiv 2512.08894), with Q = (accuracy − chance)/(1 − chance); of compute alone, −ln Q = A/C^alpha, where all
    runs have one D/N.

    Parameters
    ----------
    chance : float
    of : tuple of str
        ``("N", "D")`` or ``("C",)``.
    centers : tuple of float
        Logarithms of the middle of each.
    """

    chance: float
    of: tuple[str, ...] = ("N", "D")
    centers: tuple[float, ...] = (0.0, 0.0)
    kind: ClassVar[str] = "direct"

    @property
    def takes(self) -> tuple[str, ...]:
        """What it is a function of."""
        return self.of

    @property
    def _letters(self) -> list[tuple[str, str]]:
        return [("A", "alpha"), ("B", "beta")][: len(self.of)]

    @property
    def names(self) -> tuple[str, ...]:
        """Free coordinates."""
        return tuple(name for size, power in self._letters for name in (f"log_{size}", power))

    @property
    def equation(self) -> str:
        """As text."""
        terms = [f"{size}/{v}^{power}" for (size, power), v in zip(self._letters, self.of, strict=True)]
        return f"chance + (1 - chance)*exp(-({' + '.join(terms)}))"

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Lowest and highest of the free coordinates."""
        return np.array([LOG_TERMS[0], 0.0] * len(self.of)), np.array([LOG_TERMS[1], LARGEST_EXPONENT] * len(self.of))

    def starts(self) -> Array:
        """Coordinates to begin from."""
        one = [[a, p] for a in (-2.0, -0.7, 0.7) for p in (0.1, 0.3, 0.6)]
        if len(self.of) == 1:
            return np.array(one)
        return np.array([[*first, *second] for first in one for second in one])

    def values(self, theta: Array) -> dict[str, Array]:
        """Coefficients in natural units."""
        found = {}
        for i, ((size, power), center) in enumerate(zip(self._letters, self.centers, strict=False)):
            found[size] = np.exp(theta[..., 2 * i] + theta[..., 2 * i + 1] * center)
            found[power] = theta[..., 2 * i + 1]
        return found

    def theta(self, values: Mapping[str, Array]) -> Array:
        """Coordinates of coefficients."""
        parts = []
        for (size, power), center in zip(self._letters, self.centers, strict=False):
            parts += [np.log(values[size]) - np.asarray(values[power]) * center, np.asarray(values[power])]
        return np.stack(parts, axis=-1)

    def at(self, theta: Array, x: Mapping[str, Array]) -> tuple[Array, Array]:
        """Accuracies (problems, rows) and their derivatives (problems, rows, coordinates)."""
        terms, logs = [], []
        for i, (name, center) in enumerate(zip(self.of, self.centers, strict=False)):
            log_x = np.log(np.asarray(x[name], dtype=float)) - center
            terms.append(np.exp(theta[:, 2 * i, None] - theta[:, 2 * i + 1, None] * log_x))
            logs.append(log_x)
        share = np.exp(-sum(terms[1:], terms[0]))
        top = 1.0 - self.chance
        J = [part for term, log_x in zip(terms, logs, strict=True) for part in (-term, term * log_x)]
        return self.chance + top * share, np.stack([top * share * part for part in J], axis=-1)


AccuracyCurve = LossSigmoid | LogAccuracyPower
