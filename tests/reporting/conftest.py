"""The shipped runs fitted once, and their report as Markdown."""

from __future__ import annotations

import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.reporting.page import report


@pytest.fixture(scope="session")
def quokka_fit(quokka87: pd.DataFrame) -> ql.FitResult:
    return ql.fit(ql.laws.Chinchilla(), quokka87, bootstrap=50, seed=0)


@pytest.fixture(scope="session")
def text(quokka_fit: ql.FitResult) -> str:
    return report(quokka_fit, C=[1e22], compare=True, form="md", command="x")
