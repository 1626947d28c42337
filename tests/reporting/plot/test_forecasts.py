"""Forecasts are drawn with what came of them."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws import plot


def test_forecasts_are_drawn_with_their_outcome() -> None:
    runs = ql.datasets.load_quokka_isoflops()
    made = ql.forecast(ql.fit("chinchilla", runs, objective="auto", bootstrap=100), N=1e9, D=2e10)
    shifted = replace(made, question="another")
    scores = ql.score([made, shifted], pd.DataFrame({"N": [1e9], "D": [2e10], "loss": [made.median * 1.5]}))
    ax = plot.forecast_scores(scores)
    crosses = [line for line in ax.lines if line.get_marker() == "X"]
    assert [line.get_xdata()[0] for line in crosses] == pytest.approx([50.0, 50.0])
