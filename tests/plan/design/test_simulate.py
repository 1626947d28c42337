"""Simulated intervals hold what they promise where the law is right, and shrink with more runs."""

from __future__ import annotations

import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.plan.design import ladder, simulate

TRUTH = [ql.published["besiroglu-2024"]]


def test_intervals_of_the_right_law_hold() -> None:
    table = simulate(ladder(2e20), target_C=1e21, truths=TRUTH, law=ql.laws.Chinchilla(), noise=0.003, repeats=150)
    assert table["held"].item() == pytest.approx(0.95, abs=0.06)
    assert abs(table["bias"].item()) < table["sd"].item()


def test_more_runs_give_narrower_intervals() -> None:
    point = {"N": 1e10, "D": 2e11}
    few, many = ladder(2e20), pd.concat([ladder(2e20)] * 4, ignore_index=True)
    narrow, wide = (
        simulate(sweep, target=point, truths=TRUTH, law=ql.laws.Chinchilla(), repeats=40)["width"].item()
        for sweep in (many, few)
    )
    assert narrow < 0.65 * wide


def test_refusals() -> None:
    with pytest.raises(ql.ArgumentError, match="repeats = 1"):
        simulate(ladder(2e20), target_C=1e22, repeats=1)
    with pytest.raises(ql.ArgumentError, match="either target_C"):
        simulate(ladder(2e20))
    with pytest.raises(ql.RunsError, match="needs at least 3"):
        simulate(pd.DataFrame({"N": [1e8] * 14, "D": [1e9] * 14}), target_C=1e22)
