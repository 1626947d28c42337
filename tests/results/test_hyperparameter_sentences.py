"""Each code about hyper-parameters says its numbers."""

from __future__ import annotations

from quokka_laws.results.hyperparameter_sentences import SENTENCES


def test_numbers_and_pairs_are_in_the_sentence() -> None:
    numbers = {"column": "lr", "side": -1, "count": 4, "of": 9, "end": 0.00032}
    said = SENTENCES["BEST_BEYOND"](rows=["N = 1, D = 2", "b", "c", "d"], tries=[], **numbers)
    for part in ("smallest lr", "4 of 9", "N = 1, D = 2", "and 1 more", "0.00032"):
        assert part in said


def test_an_exponent_that_moves_with_another_and_one_that_is_constant() -> None:
    numbers = {"variable": "D", "value": 2e10, "kept": "N"}
    together, constant = (
        SENTENCES["EXPONENT_UNKNOWN"](rows=[], tries=[], together=t, **numbers) for t in (True, False)
    )
    assert "20B" in constant
    assert together != constant


def test_every_sentence_is_one_line_and_ends() -> None:
    numbers = {
        "SWEPT_COLUMNS": {"columns": ["lr"]},
        "SETTING_EMPTY": {"columns": ["lr"]},
        "BATCH_IN_TOKENS": {"column": "batch", "name": "batch_tokens", "length": "2048"},
        "BATCH_TAKEN_AS_TOKENS": {"column": "batch"},
        "BATCH_UNIT_UNKNOWN": {"column": "batch"},
        "BEST_BEYOND": {"column": "lr", "side": 1, "count": 1, "of": 2, "end": 1.0},
        "NO_BOWL": {"count": 1, "of": 2},
        "FEW_RUNS_IN_CELL": {"count": 1, "of": 2, "needed": 4, "levels": 3},
        "UNDER_TUNED": {"count": 1, "worst": 0.1},
        "NO_LAW": {"cells": 1, "needed": 3, "over": ["lr"]},
        "EXPONENT_UNKNOWN": {"variable": "D", "value": 1.0, "kept": "N", "together": False},
        "ALSO_VARIED": {"columns": ["wd"]},
        "LOPSIDED_BOWLS": {"p": 0.001, "moved": {"lr": 1.2}},
    }
    assert set(numbers) == set(SENTENCES)
    for code, given in numbers.items():
        said = SENTENCES[code](rows=["1"], tries=["--x 1"], **given)
        assert said.endswith(".")
        assert "\n" not in said
