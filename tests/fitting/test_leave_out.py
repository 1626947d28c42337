"""Influence is what a refit without the rows says."""

from __future__ import annotations

import numpy as np
import pytest

import quokka_laws as ql


def test_each_change_is_that_of_a_refit(quokka87: object) -> None:
    runs = quokka87
    fit = ql.fit(ql.laws.Chinchilla(), runs)  # type: ignore[arg-type]
    table = ql.influence(fit, C=1.1e23)
    assert table["answer"].to_numpy() == pytest.approx(ql.plan.compute_optimal(fit, 1.1e23)["N"].item())
    for _, row in table[table["left_out"] == "row"].head(3).iterrows():
        rest = ql.check_runs(fit.runs.drop(index=int(row["name"]) - 1).reset_index(drop=True))
        again = ql.fit(ql.laws.Chinchilla(), rest)
        assert row["without"] == pytest.approx(ql.plan.compute_optimal(again, 1.1e23)["N"].item(), rel=1e-5)
    assert table["change"].abs().is_monotonic_decreasing
    assert table.loc[table["left_out"] == "row", "share"].sum() == pytest.approx(1.0)


def test_rows_of_one_run_are_left_out_together(noisy_fit: ql.FitResult) -> None:
    runs = ql.check_runs(noisy_fit.runs.assign(run_id=np.arange(len(noisy_fit.runs)) // 2))
    table = ql.influence(ql.fit(ql.laws.Chinchilla(), runs))
    runs_left_out = table[table["left_out"] == "run"]
    assert len(runs_left_out) == len(runs) // 2
    assert (runs_left_out["rows"] == 2).all()


def test_a_law_without_a_budget_has_no_answer() -> None:
    runs = ql.datasets.load_quokka_isoflops()
    with pytest.raises(ql.FitError, match="no budget"):
        ql.influence(ql.fit(ql.laws.PowerLaw("C"), runs))
