"""The grid of loss over N and D holds the runs and the best models, and its levels are told apart."""

from __future__ import annotations

import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.reporting.plot.surface import surface, written


def test_it_holds_runs_and_best_models(quokka87: pd.DataFrame) -> None:
    fit = ql.fit("chinchilla", quokka87)
    seen = surface(fit, [1e23])
    for name, side in (("N", seen.N), ("D", seen.D)):
        for table in (fit.runs, seen.frontier):
            assert side[0] < table[name].min()
            assert table[name].max() < side[-1]
    assert seen.frontier["C"].max() > 1e23
    assert seen.loss[3, 5] == pytest.approx(fit(N=seen.N[5], D=seen.D[3]))
    assert (seen.levels[1:] > seen.levels[:-1]).all()
    assert len(set(written(seen.levels))) == len(seen.levels)
