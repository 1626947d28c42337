"""The table of the newcomer's page is what its script makes, and its answers are the truth it was made from."""

from __future__ import annotations

import pandas as pd
from pages import script

import quokka_laws as ql
from quokka_laws.evaluation.tuned_recipes import tuned

made = script("two_recipes")


def test_the_table_is_made_by_its_script() -> None:
    assert made.table().to_csv(index=False) == made.TABLE.read_text(encoding="utf-8")


def test_its_answers_are_the_truth() -> None:
    runs = ql.read_runs(pd.read_csv(made.TABLE))
    row = ql.speedup(tuned(runs, "recipe", ["lr"]), "recipe", "A", C=1e22, bootstrap=200).table.iloc[0]
    assert row["multiplier_lower"] <= 1.3 <= row["multiplier_upper"]
    assert row["p_better"] == 1.0
    swept = ql.read_runs(made.TABLE, keep="recipe == 'B'")
    found = ql.fit_hyperparameters(swept, ["lr"], bootstrap=100)
    best = found.predict(N=1e8, D=2e9).iloc[0]
    assert best["lr_lower"] <= 0.003 <= best["lr_upper"]
