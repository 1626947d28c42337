"""Rows keep the names their owner gave them, in messages and in every table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql
from quokka_laws.runs.read import row_names
from quokka_laws.runs.rows import default_index, row_numbers, subset


@pytest.fixture
def named() -> pd.DataFrame:
    runs = sweep(ql.laws.Chinchilla(), TRUE_CHINCHILLA, runs=30, noise=0.002)[["N", "D", "loss"]]
    return runs.set_axis(pd.Index([f"run-{i}" for i in range(len(runs))], name="experiment"), axis=0)


def test_the_index_reaches_residuals_and_comes_back_from_disk(named: pd.DataFrame) -> None:
    fit = ql.fit("chinchilla", named)
    assert list(fit.residuals.index) == list(named.index)
    again = ql.read_fit(fit.to_json())
    assert again == fit
    assert again.runs.index.name == "experiment"
    assert list(again.runs.index) == list(named.index)


def test_a_default_index_stays_one(named: pd.DataFrame) -> None:
    plain = named.reset_index(drop=True)
    fit = ql.fit("chinchilla", plain)
    assert default_index(fit.runs)
    assert default_index(ql.read_runs(plain, drop="N > 5e9"))


def test_messages_name_rows_by_the_index(named: pd.DataFrame) -> None:
    named.loc["run-3", "loss"] = -1.0
    assert [record["row"] for record in ql.check_runs(named).attrs["excluded"]] == ["run-3"]
    plain = ql.check_runs(named.reset_index(drop=True))
    assert [record["row"] for record in plain.attrs["excluded"]] == [4]  # numbers of the source, from 1


def test_rows_left_out_are_recorded_by_name(named: pd.DataFrame) -> None:
    runs = ql.read_runs(named, drop="D / N < 20")
    gone = [record["row"] for record in runs.attrs["excluded"]]
    assert set(gone) == set(named.index[named["D"] / named["N"] < 20])
    assert set(runs.index) == set(named.index) - set(gone)


def test_every_fault_at_once(named: pd.DataFrame) -> None:
    table = named.astype({"N": object})
    table.loc["run-1", "N"] = "many"
    table.loc["run-2", "loss"] = -1.0
    assert {record["row"] for record in ql.read_runs(table).attrs["excluded"]} == {"run-1", "run-2"}


def test_subset_by_mask_and_positions(named: pd.DataFrame) -> None:
    named.attrs["source"] = "here"
    kept = subset(named, named["N"].to_numpy() > 1e9)
    assert list(kept.index) == list(named.index[named["N"] > 1e9])
    assert kept.attrs == named.attrs
    assert list(subset(named.reset_index(drop=True), [2, 0]).index) == [0, 1]


def test_rows_are_numbered_as_in_their_source_whatever_was_left_out(named: pd.DataFrame) -> None:
    plain = named.reset_index(drop=True)
    plain.loc[[0, 4, 5], "loss"] = -1.0
    runs = ql.read_runs(plain)
    assert list(row_numbers(runs))[:5] == [2, 3, 4, 7, 8]
    fewer = ql.read_runs(plain, drop={"by hand": "row in [2, 8]"})
    assert list(row_numbers(fewer))[:4] == [3, 4, 7, 9]
    assert [record["row"] for record in fewer.attrs["excluded"]] == [2, 8, 1, 5, 6]
    again = ql.read_runs(runs, drop="row == 7")  # the second reading counts as the first
    assert again.attrs["excluded"][-1]["row"] == 7
    assert row_names(again, np.arange(len(again)) < 4) == ("2", "3", "4", "8")


def test_a_column_of_that_name_comes_first(named: pd.DataFrame) -> None:
    assert len(ql.read_runs(named.assign(row=7), drop="row == 3")) == len(named)
