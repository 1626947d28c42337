"""Runs of two recipes whose compute multiplier is known."""

from __future__ import annotations

import numpy as np
import pandas as pd

NOISE = 0.004


def recipes(
    m: float = 1.2,
    *,
    sizes: int = 8,
    shared: float = 0.8,
    other_sizes: bool = False,
    noise: float = NOISE,
    exponent: float = 0.17,
    seed: int = 0,
) -> pd.DataFrame:
    """Two recipes along one D/N; B saves a factor m at the smallest size, and its own exponent may differ."""
    rng = np.random.default_rng(seed)
    N = np.geomspace(3e7, 3e9, sizes)
    common = rng.standard_normal(sizes)
    parts = []
    for recipe, factor, kappa in (("A", 1.0, 0.17), ("B", m, exponent)):
        size = N * (1.3 if other_sizes and recipe == "B" else 1.0)
        C = 120.0 * size**2
        e = np.sqrt(shared) * common + np.sqrt(1 - shared) * rng.standard_normal(sizes)
        loss = 1.7 + 2.0 * (factor * C / 1e17) ** -kappa
        parts.append(pd.DataFrame({"recipe": recipe, "N": size, "D": 20 * size, "loss": loss * np.exp(noise * e)}))
    return pd.concat(parts, ignore_index=True)


def surfaces(m: float, noise: float = 1e-5) -> pd.DataFrame:
    """Two recipes over N and D; both terms of B are smaller, so that it saves a factor m of compute and more of tokens."""
    rng = np.random.default_rng(0)
    alpha, beta = 0.34, 0.37
    s = m ** (-alpha * beta / (alpha + beta))
    N, ratio = (a.ravel() for a in np.meshgrid(np.geomspace(3e7, 3e9, 5), [5.0, 20.0, 80.0]))
    parts = []
    for recipe, scale in (("A", 1.0), ("B", s)):
        loss = 1.7 + scale * (400 / N**alpha + 2000 / (ratio * N) ** beta)
        noisy = loss * np.exp(noise * rng.standard_normal(len(N)))
        parts.append(pd.DataFrame({"recipe": recipe, "N": N, "D": ratio * N, "loss": noisy}))
    return pd.concat(parts, ignore_index=True)
