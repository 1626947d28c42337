"""Plans as text: the numbers of the row, its interval, and where it lies outside the runs."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.reporting.text import (
    allocation_table,
    beyond_runs,
    length_of_epochs,
    members_table,
    outside_runs,
    plan_answer,
)

ROW = pd.Series({"C": 1e23, "N": 4.42e10, "D": 3.77e11, "loss": 2.0612, "epochs": 1.0})
BOUNDS = pd.Series({"N_lower": 4e10, "N_upper": 5e10, "loss_lower": 2.01, "loss_upper": 2.11, "level": 0.9})


def test_a_row_as_advice() -> None:
    said = plan_answer(ROW, "C = 1e+23")
    assert all(part in said for part in ("C = 1e+23", "44.2B", "377B", "2.061"))
    assert "%" not in said
    with_bounds = plan_answer(pd.concat([ROW, BOUNDS]), "C = 1e+23")
    assert all(part in with_bounds for part in ("90 %", "40B … 50B", "2.010 … 2.110"))
    assert "1 epoch" in plan_answer(ROW, "here", "epochs")
    assert "2.061" not in plan_answer(ROW.drop("loss").reindex(ROW.index), "here")


def test_no_best_model() -> None:
    assert "nan" not in plan_answer(ROW.replace(4.42e10, np.nan), "here")


@pytest.mark.parametrize(("epochs", "text"), [(1.0, "1 epoch"), (12.34, "12.3 epochs"), (0.5, "0.5 epochs")])
def test_epochs(epochs: float, text: str) -> None:
    assert length_of_epochs(epochs) == text


def test_a_line_a_budget() -> None:
    plan = pd.DataFrame({"C": [1e21, 1e23], "N": [1e9, 1e10], "D": [2e10, 2e11], "loss": [2.5, 2.2]})
    plan = plan.assign(tokens_per_param=20.0, extrapolation=[1.0, 50.0], below_runs=False)
    plan[["N_flat_lower", "N_flat_upper"]] = [[8e8, 2e9], [8e9, 2e10]]
    header, *lines = allocation_table(plan).splitlines()
    assert header.split()[:4] == ["C", "N", "D", "D/N"]
    assert lines[0].split()[:4] == ["1e+21", "1B", "20B", "20"]
    assert lines[0].endswith("inside")
    assert lines[1].endswith("×50")
    with_bounds = plan.assign(N_lower=5e8, N_upper=5e10, level=0.9)
    assert "N (90 %)" in allocation_table(with_bounds)
    assert "loss" not in allocation_table(plan.assign(loss=np.nan)).split("N within")[0]


def test_members_of_a_consensus() -> None:
    members = pd.DataFrame({"C": 1e22, "method": ["chinchilla", "profiles"], "weight": [0.75, 0.25], "N": [7e9, 8e9]})
    members = members.assign(N_lower=6e9, N_upper=9e9, loss=[2.5, np.nan])
    _, first, second = members_table(members, 0.95).splitlines()
    assert first.split() == ["1e+22", "chinchilla", "0.75", "7B", "6B", "…", "9B", "2.500"]
    assert second.split()[-1] == "–"


def test_budgets_outside_the_runs() -> None:
    fit = SimpleNamespace(fitted_range={"C": (1e18, 1e21)})
    found = outside_runs(fit, [1e17, 1e20, 5e22])  # type: ignore[arg-type]
    assert [(C, factor) for C, factor, _ in found] == [(5e22, "×50"), (1e17, "×10")]
    assert outside_runs(SimpleNamespace(fitted_range={}), [1e30]) == []  # type: ignore[arg-type]


def test_no_interval_is_spoken_of_where_there_is_none(noisy_fit: ql.FitResult) -> None:
    assert beyond_runs(noisy_fit).startswith("The interval assumes")
    assert beyond_runs(replace(noisy_fit, draws=None)) == "Beyond your runs nothing shows that the law is right"
    assert beyond_runs(replace(noisy_fit, draws=None), interval=True).startswith("The interval assumes")
    assert beyond_runs(ql.published["besiroglu-2024"]) == "Beyond its runs nothing shows that the law is right"
