"""The ranking of repeated-data laws: its page says what its table holds, and the law to start with is the one that earned it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql

FOLDER = Path(__file__).parents[2] / "docs" / "replication"


@pytest.fixture(scope="module")
def rank() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rank", FOLDER / "rank.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["rank"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def table(rank: ModuleType) -> pd.DataFrame:
    return rank.summary(pd.read_csv(FOLDER / "ranking.csv"))


def test_the_page_is_made_from_the_table(rank: ModuleType, table: pd.DataFrame) -> None:
    assert (FOLDER / "ranking.md").read_text(encoding="utf-8") == rank.page(table)


def test_the_law_to_start_with_is_least_over_the_best(rank: ModuleType, table: pd.DataFrame) -> None:
    """Nearest to the best of each question, in the mean and at worst, of all laws with a free s and both exponents free."""
    whole = table[~table["law"].str.startswith(rank.FEWER)]
    over = np.log(whole["over best"]).groupby(whole["law"])
    assert over.mean().idxmin() == over.max().idxmin() == rank.REFERENCE
    law, settings = rank.forms(50257)[rank.REFERENCE]
    assert law == ql.laws.BoundedMemorization(memorized_loss=float(np.log(50257)))
    assert not settings


def test_every_question_has_every_law(rank: ModuleType) -> None:
    cells = pd.read_csv(FOLDER / "ranking.csv")
    assert set(cells["runs"]) == set(rank.SETS)
    assert cells[list(rank.forms(2))].notna().all(axis=None)


def test_scoring_again_gives_the_shipped_numbers(rank: ModuleType) -> None:
    """One law and one question of the runs that ship."""
    runs = ql.check_runs(rank.SETS["reuse2026"].read()[["N", "U_D", "epochs", "loss"]].reset_index(drop=True))
    mask = np.asarray(rank.SETS["reuse2026"].held_out["largest N"][1](runs))
    law, settings = rank.forms(100278)[rank.REFERENCE]
    error = rank.errors(law, settings, runs[~mask].reset_index(drop=True), runs[mask])
    cells = pd.read_csv(FOLDER / "ranking.csv")
    mine = cells[(cells["runs"] == "reuse2026") & (cells["question"] == "largest N")]
    assert error.mean() == pytest.approx(np.average(mine[rank.REFERENCE], weights=mine["rows"]), rel=0.01)
