"""Runs with scores of known tasks, and a law of their losses; small, made once."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

import quokka_laws as ql
from quokka_laws.results.downstream import Downstream
from quokka_laws.results.fit_result import FitResult


@cache
def scored_runs() -> pd.DataFrame:
    """15 runs: five sizes at three D/N; hellaswag rises, piqa stays at chance."""
    rng = np.random.default_rng(1)
    N, ratio = (v.ravel() for v in np.meshgrid(np.geomspace(5e7, 2e9, 5), [5.0, 20.0, 80.0]))
    loss = (1.7 + 400.0 / N**0.34 + 410.0 / (N * ratio) ** 0.28) * np.exp(0.004 * rng.standard_normal(N.size))
    hellaswag = 0.25 + 0.7 / (1.0 + np.exp((loss - 2.5) / 0.3))
    table = {"run_id": [f"r{i}" for i in range(N.size)], "N": N, "D": N * ratio, "loss": loss}
    table |= {"hellaswag": rng.binomial(10042, hellaswag) / 10042, "piqa": rng.binomial(1838, 0.5, N.size) / 1838}
    return ql.read_runs(pd.DataFrame(table))


@cache
def loss_law() -> FitResult:
    """Their law, with 60 refits."""
    return ql.fit("chinchilla", scored_runs(), objective="auto", bootstrap=60)


@cache
def scored() -> Downstream:
    """Both tasks."""
    return ql.downstream(scored_runs(), loss_law())
