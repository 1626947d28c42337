"""The reproducibility checklist: what a fit knows, with its numbers, and what only its owner does."""

from __future__ import annotations

import pandas as pd
import pytest
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql
from quokka_laws.evaluation.reproducibility import YOURS


def test_checklist_answers_what_it_knows_and_asks_for_the_rest(noisy_fit: ql.FitResult, quokka87: pd.DataFrame) -> None:
    bare = ql.checklist(noisy_fit)
    assert len(bare) == 21
    assert set(bare["section"]) == {"hypothesis", "training setup", "data collection", "fitting"}
    assert bare.loc[~bare["known"], "answer"].str.startswith(YOURS).all()
    assert 8 <= bare["known"].sum() < 21
    metric = "What metric, on which data set and tokenizer?"
    assert not bare.set_index("question").loc[metric, "known"]
    stated = ql.checklist(ql.fit(ql.laws.Chinchilla(), quokka87)).set_index("question")
    assert stated.loc[metric, "known"]
    assert "GPT-2 BPE" in stated.loc[metric, "answer"]
    assert "87 rows fitted, 0 excluded" in stated.loc["Are all points used; outliers or splits?", "answer"]


def answers(fit: ql.FitResult) -> str:
    return "\n".join(ql.checklist(fit)["answer"])


def test_numbers_of_the_fit_are_answered(noisy_fit: ql.FitResult) -> None:
    said = answers(noisy_fit)
    for name, value in noisy_fit.values.items():
        assert f"{name} = {value:.6g}" in said
    assert "50 independent runs, 50 sizes" in said
    assert "50 of 50 bootstrap refits" in said
    assert f"seed {noisy_fit.seed}" in said


@pytest.mark.parametrize(
    ("setting", "text"), [({"value": 0.35, "vary": False}, "alpha = 0.35"), ({"expr": "beta"}, "alpha = beta")]
)
def test_fixed_and_tied_coefficients_are_stated(setting: dict, text: str) -> None:
    law = ql.laws.Chinchilla()
    runs = sweep(law, TRUE_CHINCHILLA, runs=20, noise=0.01)
    assert text in answers(ql.fit(law, runs, params=law.make_params(alpha=setting)))


def test_conventions_that_are_unstated_are_the_owners() -> None:
    law = ql.laws.Chinchilla()
    table = ql.checklist(ql.fit(law, sweep(law, TRUE_CHINCHILLA, runs=20, noise=0.01)))
    open_questions = table[table["answer"].str.contains(YOURS)]
    assert open_questions["answer"].str.contains("tokenizer").any()
    assert not (table["known"] & table["answer"].str.startswith(YOURS)).any()
