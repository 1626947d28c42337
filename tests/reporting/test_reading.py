"""What was read of a table: counts, rows left out by name, and whether it is enough."""

from __future__ import annotations

import pandas as pd
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql
from quokka_laws.reporting.reading import reading


def test_counts_and_rows() -> None:
    table = sweep(ql.laws.Chinchilla(), TRUE_CHINCHILLA, runs=20)[["N", "D", "loss"]].astype(object)
    table.loc[3, "loss"] = "diverged"
    found = reading(ql.read_runs(table.rename(columns={"N": "params"})), ql.laws.Chinchilla())
    assert "19 rows usable, 1 excluded" in found.answer
    assert "diverged" in found.left_out[0]
    assert found.shortage is None
    assert any("params" in said for said in found.routine)


def test_too_few_rows() -> None:
    table = pd.DataFrame({"N": [1e8, 2e8], "D": [1e9, 3e9], "loss": [3.0, 2.9]})
    found = reading(ql.read_runs(table), ql.laws.Chinchilla())
    assert found.shortage is not None
    assert "not enough" in found.answer
