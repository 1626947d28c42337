"""Sixty lawful runs and their fit, for tests of what a fit does with rows, settings and resamples."""

from __future__ import annotations

import pandas as pd
import pytest
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql

LAW = ql.laws.Chinchilla()


@pytest.fixture(scope="session")
def runs() -> pd.DataFrame:
    return sweep(LAW, TRUE_CHINCHILLA, runs=60, noise=0.005, seed=3)


@pytest.fixture(scope="session")
def plain(runs: pd.DataFrame) -> ql.FitResult:
    return ql.fit(LAW, runs)
