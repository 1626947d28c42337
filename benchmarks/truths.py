"""Simulated tables of runs whose law is known: truths, designs and kinds of noise, for the benchmarks of coverage."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

import quokka_laws as ql
from quokka_laws._typing import Array

CHINCHILLA, SKALING = ql.laws.Chinchilla(), ql.laws.Skaling()

TRUTHS: dict[str, ql.FittedLaw] = {
    "chinchilla": ql.FittedLaw(CHINCHILLA, dict(E=1.8172, A=477.83, alpha=0.34731, B=2143.4, beta=0.36717)),
    "chinchilla, uneven": ql.FittedLaw(CHINCHILLA, dict(E=1.69, A=406.4, alpha=0.34, B=410.7, beta=0.28)),
    "skaling, k = 0.75": ql.FittedLaw(SKALING, dict(E=1.8, A=3600.0, alpha=0.46, B=25000.0, beta=0.47, k=0.75)),
    "skaling, k = 0.45": ql.FittedLaw(SKALING, dict(E=1.85, A=60000.0, alpha=0.55, B=900000.0, beta=0.555, k=0.45)),
    "kaplan with floor": ql.FittedLaw(SKALING, dict(E=1.5, A=1.2e8, alpha=0.92, B=1.2e10, beta=1.0, k=0.27)),
}
"""Besiroglu's and Hoffmann's Chinchilla, a coupling half way, Quokka's own, and beta = 1: 2e18 to 1e23 FLOPs lie well inside."""


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


def simulate(truth: ql.FittedLaw, design: pd.DataFrame, noise: str, seed: int) -> pd.DataFrame:
    """Runs of a truth: the same seed gives the same runs."""
    rng = np.random.default_rng(seed)
    loss = truth(N=design["N"].to_numpy(), D=design["D"].to_numpy()) * np.exp(NOISES[noise](rng, design))
    return ql.check_runs(design.assign(loss=loss))
