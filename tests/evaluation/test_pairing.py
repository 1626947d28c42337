"""Which runs share noise, and how much."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from quokka_laws.evaluation.pairing import pairs, shared_noise
from quokka_laws.exceptions import ArgumentError

RUNS = pd.DataFrame(
    {
        "recipe": ["A", "A", "A", "B", "B", "B"],
        "N": [1e8, 1e9, 1e10, 1.01e8, 1e9, 3e10],
        "D": [2e9, 2e10, 2e11, 2e9, 2e10, 6e11],
        "seed": [0, 0, 0, 0, 1, 0],
        "twin": ["p", "q", None, "q", "p", None],
    }
)


def units(pair: str | None, columns: list[str]) -> list[list[int]]:
    found = pairs(RUNS[["recipe", *columns]], "recipe", pair)
    return [np.flatnonzero(found == u).tolist() for u in np.unique(found) if (found == u).sum() > 1]


def test_runs_of_one_size_are_paired_up_to_two_per_cent() -> None:
    assert units("auto", ["N", "D"]) == [[0, 3], [1, 4]]


def test_seeds_part_runs_of_one_size() -> None:
    assert units("auto", ["N", "D", "seed"]) == [[0, 3]]


def test_a_column_names_pairs_and_blanks_are_alone() -> None:
    assert sorted(units("twin", ["N", "D", "twin"])) == [[0, 4], [1, 3]]


def test_none_are_paired() -> None:
    assert units(None, ["N", "D"]) == []
    with pytest.raises(ArgumentError, match="twin"):
        pairs(RUNS[["recipe", "N"]], "recipe", "twin")


def test_runs_of_one_recipe_are_no_pair() -> None:
    twice = pd.DataFrame({"recipe": ["A", "A", "B"], "N": [1e8, 1e8, 1e9], "D": [1e9, 1e9, 1e10]})
    assert len(np.unique(pairs(twice, "recipe", "auto"))) == 3


def test_shared_noise_is_a_correlation() -> None:
    rng = np.random.default_rng(0)
    common, own = rng.standard_normal(4000), rng.standard_normal((4000, 2))
    e = np.sqrt(0.7) * common[:, None] + np.sqrt(0.3) * own
    assert shared_noise(e.ravel(), np.repeat(np.arange(4000), 2)) == pytest.approx(0.7, abs=0.03)
    assert np.isnan(shared_noise(np.ones(3), np.arange(3)))
