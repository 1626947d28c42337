"""Candidates keep their labels and their costs; what cannot be read or paid is refused."""

from __future__ import annotations

import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.plan.design.pool import affordable, given


def test_rows_keep_their_labels_and_costs() -> None:
    table = pd.DataFrame({"N": ["1B", 2e9], "D": [2e10, "40B"], "hours": [10, 40]}, index=["a", "b"])
    pool = given(table, repeated=False, flops_per_ND=6.0, cost="hours")
    assert list(pool) == ["N", "D", "C", "hours"]
    assert pool["C"].tolist() == [1.2e20, 4.8e20]
    assert list(affordable(pool, 20, "hours").index) == ["a"]


def test_epochs_follow_from_unique_tokens() -> None:
    pool = given(pd.DataFrame({"N": [1e8], "D": [4e9], "U_D": [1e9]}), repeated=True, flops_per_ND=6.0)
    assert list(pool) == ["N", "D", "C", "U_D", "epochs"]
    assert pool["epochs"].item() == 4.0


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ql.ArgumentError, match="row b: N, D must be positive"):
        given(pd.DataFrame({"N": [1, -1], "D": [1, 1]}, index=["a", "b"]), repeated=False, flops_per_ND=6.0)
    with pytest.raises(ql.ArgumentError, match="below the cheapest"):
        affordable(pd.DataFrame({"C": [5.0]}), 4.0, "C")
