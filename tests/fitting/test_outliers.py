"""Bad runs are named, together and by themselves; lawful tables name none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql

LAW = ql.laws.Chinchilla()


def named(runs: pd.DataFrame) -> tuple[str, ...]:
    """Rows that the diagnostics of a fit name as outlying."""
    return next((d.rows for d in ql.fit(LAW, runs).diagnostics if d.code == "OUTLYING_ROWS"), ())


def lifted(rows: list[int], by: float, *, seed: int = 0, count: int = 40) -> pd.DataFrame:
    runs = sweep(LAW, TRUE_CHINCHILLA, runs=count, noise=0.003, seed=seed)
    runs.loc[rows, "loss"] *= 1 + by
    return runs


def test_the_five_rows_of_epochs_table(epoch245: pd.DataFrame) -> None:
    fit = ql.fit(LAW, epoch245)
    outlying = fit.diagnostics[0]
    assert outlying.code == "OUTLYING_ROWS"
    assert outlying.rows == ("1", "2", "3", "4", "5")
    assert "6" in outlying.numbers["others"]
    assert outlying.numbers["with_them"] / outlying.numbers["without"] == pytest.approx(1.5, abs=0.05)
    assert {"MISFIT", "LOW_RATIO_RUNS"}.isdisjoint(d.code for d in fit.diagnostics)  # they were these five


def test_rows_that_mask_one_another_are_found_together() -> None:
    runs = lifted([], 0.0)
    largest = list(map(int, runs["N"].nlargest(3).index))
    assert {str(place + 1) for place in largest} <= set(named(lifted(largest, 0.1)))


def test_lawful_tables_name_no_row() -> None:
    assert sum(bool(named(lifted([], 0.0, seed=seed))) for seed in range(12)) <= 1


def test_an_outlier_that_moves_nothing_is_not_named() -> None:
    runs = sweep(LAW, TRUE_CHINCHILLA, runs=300, noise=0.003)
    middle = int((np.log(runs["N"]) - np.log(runs["N"]).mean()).abs().idxmin())
    runs.loc[middle, "loss"] *= 1.02
    assert named(runs) == ()


def test_a_name_of_the_users_is_used() -> None:
    largest = list(map(int, lifted([], 0.0)["N"].nlargest(3).index))
    runs = lifted(largest, 0.1).assign(run_id=lambda t: [f"exp-{k}" for k in range(len(t))])
    assert {f"exp-{k}" for k in largest} <= set(named(runs))


def test_a_fit_without_outliers_lists_them(epoch245: pd.DataFrame) -> None:
    fit = ql.fit(LAW, epoch245, drop="outliers")
    assert list(fit.excluded["row"]) == ["1", "2", "3", "4", "5"]
    assert set(fit.excluded["reason"]) == {"outlier"}
    assert ql.plan.compute_optimal(fit, 1e23)["N"].item() == pytest.approx(2.976e10, rel=1e-3)
    assert "OUTLYING_ROWS" not in [d.code for d in fit.diagnostics]


def test_the_five_rows_by_the_law_that_is_chosen(epoch245: pd.DataFrame) -> None:
    outlying = next(d for d in ql.fit(epoch245).diagnostics if d.code == "OUTLYING_ROWS")
    assert outlying.rows == ("1", "2", "3", "4", "5")
