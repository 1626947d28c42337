"""Simulated sweeps of hyper-parameters at each N and D, of known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd

LR, BATCH = (1.8, -0.7, 0.3), (0.6, 0.0, 0.55)
STEEP_LR, STEEP_BATCH, TOGETHER = 0.012, 0.008, -0.5
SIZES, TOKENS = (6e7, 2e8, 6e8, 1.8e9), (3e9, 1.2e10, 4.8e10)
E, A, ALPHA, B, BETA = 1.7, 400.0, 0.34, 410.0, 0.28


def floor(N: float, D: float) -> float:
    """The lowest loss."""
    return E + A / N**ALPHA + B / D**BETA


def best(law: tuple[float, float, float], N: float, D: float) -> float:
    return law[0] * N ** law[1] * D ** law[2]


def rates(
    noise: float = 0.0, *, seed: int = 0, points: int = 7, off: float = 0.0, tokens: tuple[float, ...] = TOKENS
) -> pd.DataFrame:
    """Sweeps of the learning rate alone, by factors of two; ``off`` moves the grid down from the optimum by so many factors."""
    rng = np.random.default_rng(seed)
    rows = []
    for N in SIZES:
        for D in tokens:
            z0 = np.log(best(LR, N, D))
            grid = np.round((z0 / np.log(2.0)) - off) * np.log(2.0) + (np.arange(points) - points // 2) * np.log(2.0)
            for z in grid:
                loss = floor(N, D) * np.exp(0.5 * STEEP_LR * (z - z0) ** 2 + noise * rng.standard_normal())
                rows.append({"N": N, "D": D, "lr": np.exp(z), "loss": loss})
    return pd.DataFrame(rows)


def both(noise: float = 0.0, *, seed: int = 0, sizes: tuple[float, ...] = SIZES) -> pd.DataFrame:
    """Sweeps of learning rate and batch, in sequences of 2048 tokens."""
    rng = np.random.default_rng(seed)
    tables = []
    for N in sizes:
        for D in TOKENS:
            z = np.log([best(LR, N, D), best(BATCH, N, D)])
            x, y = (v.ravel() for v in np.meshgrid(0.6 * np.arange(-3, 4) + 0.1, 0.6 * np.arange(-2, 3) - 0.1))
            cross = TOGETHER * np.sqrt(STEEP_LR * STEEP_BATCH) * x * y
            height = 0.5 * (STEEP_LR * x**2 + STEEP_BATCH * y**2) + cross
            loss = floor(N, D) * np.exp(height + noise * rng.standard_normal(len(x)))
            table = {"N": N, "D": D, "lr": np.exp(z[0] + x), "batch": np.exp(z[1] + y) / 2048, "seq_len": 2048}
            tables.append(pd.DataFrame(table | {"loss": loss}))
    return pd.concat(tables, ignore_index=True)
