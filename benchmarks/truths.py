"""Simulated tables of runs whose law is known: truths, designs and kinds of noise, for the benchmarks of coverage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

import quokka_laws as ql
from quokka_laws._typing import Array


@dataclass(frozen=True)
class Truth:
    """``loss = E + shape(s)``, with the shortage ``s = A/N^alpha + B/D^beta``: the best N does not depend on the shape."""

    A: float
    alpha: float
    B: float
    beta: float
    shape: Callable[[Array], Array]

    def loss(self, N: Array, D: Array) -> Array:
        """Loss in nats per token."""
        return np.asarray(self.shape(self.A * np.asarray(N) ** -self.alpha + self.B * np.asarray(D) ** -self.beta))

    def log_N(self, C: Array) -> Array:
        """Logarithm of the best model size at 6·N·D = C."""
        ratio = np.log(self.alpha * self.A / (self.beta * self.B))
        return np.asarray((ratio + self.beta * np.log(np.asarray(C) / 6.0)) / (self.alpha + self.beta))


TRUTHS = {
    "chinchilla": Truth(477.83, 0.34731, 2143.4, 0.36717, lambda s: 1.8172 + s),
    "chinchilla, uneven": Truth(406.4, 0.34, 410.7, 0.28, lambda s: 1.69 + s),
    "skaling, k = 0.75": Truth(3600.0, 0.46, 25000.0, 0.47, lambda s: 1.8 + s**0.75),
    "skaling, k = 0.45": Truth(6e4, 0.55, 9e5, 0.555, lambda s: 1.85 + s**0.45),
    "kaplan with floor": Truth(1.2e8, 0.92, 1.2e10, 1.0, lambda s: 1.5 + s**0.27),
    "bounded": Truth(150.0, 0.36, 900.0, 0.38, lambda s: (1.7 + 9.0 * s) / (1.0 + s)),
}
"""Besiroglu's and Hoffmann's Chinchilla, a coupling half way, Quokka's own, beta = 1, and a loss that cannot exceed 9 nats, which none
of the candidates can be."""


def _isoflop(budgets: Array, sizes: int, width: float) -> pd.DataFrame:
    """Sizes over a factor ``width``² around a rough optimum, D/N = 20, at each budget."""
    steps = np.linspace(-1.0, 1.0, sizes) * np.log(width)
    N = np.sqrt(np.asarray(budgets) / 120.0)[:, None] * np.exp(steps)
    return pd.DataFrame({"N": N.ravel(), "D": (np.asarray(budgets)[:, None] / (6.0 * N)).ravel()})


def _grid(N: Array, ratio: Array) -> pd.DataFrame:
    sizes, ratios = np.meshgrid(N, ratio, indexing="ij")
    return pd.DataFrame({"N": sizes.ravel(), "D": (sizes * ratios).ravel()})


def _quokka() -> pd.DataFrame:
    return ql.datasets.load_quokka_isoflops()[["N", "D"]]


def _l_shaped() -> pd.DataFrame:
    """Small models on many tokens and large ones on few: the two arms of an L, and its corner."""
    small = _grid(np.geomspace(3e7, 1.2e8, 3), np.geomspace(10, 640, 6))
    large = _grid(np.geomspace(2.4e8, 2e9, 4), np.geomspace(5, 20, 3))
    return pd.concat([small, large], ignore_index=True)


DESIGNS: dict[str, Callable[[], pd.DataFrame]] = {
    "6, grid": lambda: (
        _grid(np.geomspace(5e7, 8e8, 3), np.geomspace(5, 80, 3)).iloc[[0, 2, 4, 6, 7, 8]].reset_index(drop=True)
    ),
    "9, grid": lambda: _grid(np.geomspace(5e7, 8e8, 3), np.geomspace(5, 80, 3)),
    "15, isoflop": lambda: _isoflop(np.geomspace(1e18, 1e20, 3), 5, 4.0),
    "30, L-shaped": _l_shaped,
    "40, isoflop": lambda: _isoflop(np.geomspace(1e18, 1e21, 5), 8, 5.0),
    "87, quokka": _quokka,
}


def _gaussian(size: float) -> Callable[[np.random.Generator, pd.DataFrame], Array]:
    return lambda rng, design: size * rng.standard_normal(len(design))


def _heavy(rng: np.random.Generator, design: pd.DataFrame) -> Array:
    """Student's t with three degrees of freedom, a typical size of 0.5 %."""
    return np.asarray(0.005 * rng.standard_t(3, len(design)))


def _outliers(rng: np.random.Generator, design: pd.DataFrame) -> Array:
    """One run in twenty is 5 % too high."""
    return np.asarray(0.003 * rng.standard_normal(len(design)) + 0.05 * (rng.random(len(design)) < 0.05))


def _heteroscedastic(rng: np.random.Generator, design: pd.DataFrame) -> Array:
    """Small models scatter four times as much as large ones."""
    t = np.log(design["N"].to_numpy() / design["N"].min()) / np.log(design["N"].max() / design["N"].min())
    return np.asarray(0.01 * 4.0 ** (-t) * rng.standard_normal(len(design)))


def _mistuned(rng: np.random.Generator, design: pd.DataFrame) -> Array:
    """The smallest models are up to 2.5 % too high, in a power of N: no law sees it."""
    t = np.log(design["N"].to_numpy() / design["N"].min()) / np.log(design["N"].max() / design["N"].min())
    return np.asarray(0.003 * rng.standard_normal(len(design)) + 0.025 * np.maximum(1.0 - 2.0 * t, 0.0))


NOISES: dict[str, Callable[[np.random.Generator, pd.DataFrame], Array]] = {
    "0.3 %": _gaussian(0.003),
    "1 %": _gaussian(0.01),
    "heavy tails": _heavy,
    "5 % outliers": _outliers,
    "heteroscedastic": _heteroscedastic,
    "mis-tuned": _mistuned,
}


def log_losses(truth: Truth, design: pd.DataFrame, noise: str, seeds: range) -> Array:
    """Logarithms of simulated losses, shape (seeds, runs): the same seed gives the same losses."""
    clean = np.log(truth.loss(design["N"].to_numpy(), design["D"].to_numpy()))
    return np.stack([clean + NOISES[noise](np.random.default_rng(seed), design) for seed in seeds])


def simulate(truth: Truth, design: pd.DataFrame, noise: str, seed: int) -> pd.DataFrame:
    """Runs of a truth."""
    return ql.check_runs(design.assign(loss=np.exp(log_losses(truth, design, noise, range(seed, seed + 1))[0])))
