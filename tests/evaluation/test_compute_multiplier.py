"""Multipliers of compute and of tokens against known laws, and the budget at which recipes cross."""

from __future__ import annotations

import numpy as np
import pytest
from two_recipes import recipes, surfaces

import quokka_laws as ql
from quokka_laws.exceptions import ArgumentError


def test_a_law_of_N_and_D_compares_at_the_best_size_and_in_tokens() -> None:
    found = ql.speedup(surfaces(1.5), C=1e20, bootstrap=100)
    assert found.step.kind == ("N", "D")
    assert found.step.name == "one multiplier"
    assert found.table["multiplier"][0] == pytest.approx(1.5, rel=1e-2)
    frontier = ql.plan.compute_optimal(ql.fit("chinchilla", surfaces(1.5).query("recipe == 'A'")), 1e20, level=None)
    assert found.frontiers.loss(np.array([1e20]), 0)[0, 0] == pytest.approx(frontier["loss"][0], rel=1e-3)
    s = 1.5 ** (-0.34 * 0.37 / 0.71)
    n, d = 1e9, 2e10
    loss = 1.7 + s * (400 / n**0.34 + 2000 / d**0.37)
    tokens = (2000 / (loss - 1.7 - 400 / n**0.34)) ** (1 / 0.37)
    assert found.tokens(n, d)["multiplier"][0] == pytest.approx(tokens / d, rel=2e-2)


def test_runs_along_one_ratio_do_not_tell_tokens_from_parameters() -> None:
    with pytest.raises(ArgumentError, match="D/N"):
        ql.speedup(recipes(), bootstrap=100).tokens(1e9, 2e10)


def test_own_exponents_are_taken_where_they_differ_and_the_crossing_is_given() -> None:
    found = ql.speedup(recipes(0.5, exponent=0.2, noise=1e-4, shared=0.0), bootstrap=200)
    assert found.step.name == "own sizes and exponents"
    # (C/1e17)^-.17 = (C/2e17)^-.2
    crossing = 1e17 * 2.0 ** (0.2 / 0.03)
    row = found.crossings.iloc[0]
    assert row["C"] == pytest.approx(crossing, rel=0.1)
    assert row["C_lower"] <= row["C"] <= row["C_upper"]
    assert row["above"] == "B"
    assert row["share"] > 0.9
    assert found.at(crossing / 10)["p_better"][0] < 0.1 < 0.9 < found.at(crossing * 10)["p_better"][0]


def test_one_multiplier_never_crosses() -> None:
    assert ql.speedup(recipes(), bootstrap=100).crossings.empty
