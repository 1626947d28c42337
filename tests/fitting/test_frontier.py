"""The frontier: not too low as the lowest of many runs is, weighted, and what `fit` takes."""

from __future__ import annotations

import numpy as np
import pytest
from swept import ALPHA, BETA, LR, best, floor, rates

import quokka_laws as ql


def test_it_is_right_where_the_lowest_run_is_too_low() -> None:
    off, lowest, held = [], [], []
    for seed in range(6):
        fit = ql.fit_hyperparameters(rates(0.004, seed=seed, points=13), "lr", bootstrap=100)
        table = fit.frontier
        truth = np.array([floor(N, D) for N, D in zip(table["N"], table["D"], strict=True)])
        off += (table["loss"] / truth - 1).tolist()
        held += (np.abs(table["loss"] - truth) <= 2 * table["loss_error"]).tolist()
        cells = fit.cells[fit.cells["state"] == "inside"]
        lowest += [row["lowest"] / floor(row["N"], row["D"]) - 1 for _, row in cells.iterrows()]
    assert abs(np.mean(off)) < 0.0006
    assert np.mean(lowest) < -0.001
    assert np.mean(held) > 0.88


def test_it_is_a_table_of_runs_that_fit_takes() -> None:
    runs = ql.read_runs(rates(0.002, points=9))
    fit = ql.fit_hyperparameters(runs, "lr")
    assert fit.frontier["weight"].mean() == pytest.approx(1.0)
    assert fit.frontier["runs"].sum() == len(runs)
    notes = [note["code"] for note in fit.frontier.attrs["notes"]]
    assert "frontier" in notes
    assert "sweep" not in notes
    law = ql.fit("chinchilla", fit.frontier, objective="auto")
    assert law.values["alpha"] == pytest.approx(ALPHA, abs=0.05)
    assert law.values["beta"] == pytest.approx(BETA, abs=0.05)


def test_fit_does_both_in_one_go_in_either_order_of_arguments() -> None:
    runs = rates(0.002, points=9)
    table = ql.fit_hyperparameters(runs, "lr").frontier
    expected = ql.fit("chinchilla", table).values
    assert ql.fit("chinchilla", runs, frontier="lr").values == pytest.approx(expected)
    assert ql.fit(runs, "chinchilla", frontier=["lr"]).values == pytest.approx(expected)
    chosen = ql.fit(runs, frontier=["lr"])
    assert chosen.choice is not None
    assert len(chosen.runs) == len(table)


def test_cells_whose_lowest_loss_is_not_known_are_left_out_and_on_record() -> None:
    table = rates(0.0005)
    cut = (table["N"] < 1e8) & (table["lr"] > 0.3 * best(LR, 6e7, 3e9))
    fit = ql.fit_hyperparameters(table[~cut].reset_index(drop=True), "lr")
    gone = fit.frontier.attrs["excluded"]
    assert len(fit.frontier) + len(gone) == len(fit.cells)
    assert {e["code"] for e in gone} <= {"beyond_sweep", "no_bowl", "few_in_cell"}
    assert all(e["N"] == 6e7 for e in gone)
    assert len(gone) > 0
