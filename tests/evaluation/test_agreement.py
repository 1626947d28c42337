"""Agreement of methods: who lies outside, and the range to plan for."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql
from quokka_laws.evaluation.agreement import disagreement, second_opinions
from quokka_laws.results.diagnostic import Diagnostic, Known


def plan(N: float) -> pd.DataFrame:
    return pd.DataFrame({"C": [1e20, 1e22], "N": [N / 10, N]})


OWN = pd.Series({"N": 5e9, "N_lower": 4e9, "N_upper": 6e9, "N_flat_lower": 1e9, "N_flat_upper": 2e10})


def test_inside_the_interval_there_is_none() -> None:
    assert disagreement(OWN, {"a": plan(4e9), "b": plan(6e9)}, 1) is None
    assert disagreement(OWN, {}, 1) is None


def test_who_lies_outside_and_the_range_over_all() -> None:
    found = disagreement(OWN, {"in": plan(5.5e9), "low": plan(2e9), "high": plan(9e9)}, 1)
    assert found is not None
    assert found.sizes == {"low": 2e9, "high": 9e9}
    assert (found.lowest, found.highest) == (2e9, 9e9)
    assert "2B" in str(found)
    assert "9B" in str(found)
    other_budget = disagreement(OWN, {"in": plan(5.5e9)}, 0)
    assert other_budget is not None
    assert other_budget.sizes == {"in": 5.5e8}


def test_without_an_interval_sizes_of_nearly_equal_loss_count() -> None:
    bare = OWN.drop(["N_lower", "N_upper"])
    assert disagreement(bare, {"a": plan(2e9)}, 1) is None
    outside = disagreement(bare, {"a": plan(5e8)}, 1)
    assert outside is not None
    assert (outside.lowest, outside.highest) == (5e8, 5e9)


def test_opinions_of_profiles_and_of_runs_without_the_low_ratios(quokka87: pd.DataFrame) -> None:
    """The shipped runs: 13 have fewer than 4 tokens per parameter."""
    doubtful = Known((Diagnostic("LOW_RATIO_RUNS"),))
    fit = replace(ql.fit(ql.laws.Chinchilla(), quokka87), diagnose=doubtful)
    found = second_opinions(fit, ql.fit_isoflops(quokka87), [1.1e23])
    profiles, without = (table["N"].iloc[0] for table in found.values())
    assert profiles == pytest.approx(0.02165 * 1.1e23**0.5138, rel=1e-2)
    assert without == pytest.approx(1.42e10, rel=4e-3)
    assert "13 runs" in list(found)[1]


def test_without_profiles_and_doubts_there_is_no_second_opinion() -> None:
    fit = ql.fit(ql.laws.Chinchilla(), sweep(ql.laws.Chinchilla(), TRUE_CHINCHILLA, runs=25))
    assert second_opinions(fit, None, [1e21]) == {}
