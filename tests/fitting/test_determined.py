"""Runs that cannot determine a law are refused before anything is fitted, with every fault."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from synthetic import TRUE_CHINCHILLA

import quokka_laws as ql

LAW = ql.laws.Chinchilla()


def test_too_few_runs_and_one_ratio_are_refused(runs: pd.DataFrame) -> None:
    with pytest.raises(ql.RunsError, match="5 runs cannot determine the 5 coefficients"):
        ql.fit(LAW, runs.head(5))
    with pytest.raises(ql.RunsError, match="same D/N"):
        ql.fit(LAW, ql.check_runs(runs.assign(D=20 * runs["N"], C=120 * runs["N"] ** 2)))


@pytest.mark.parametrize(
    ("column", "levels", "said"),
    [
        ("N", [8e7], r"1 model size \(N = 8e\+07\): the capacity term"),
        ("N", [1e8, 3e8], r"2 model sizes \(N = 1e\+08, 3e\+08\): the capacity term"),
        ("N", [1e8, 1.01e8, 1.015e8, 3e8], "2 model sizes"),
        ("D", [1e10], r"1 token count \(D = 1e\+10\): the data term"),
    ],
)
def test_one_or_two_levels_do_not_determine_a_power_and_a_floor(column: str, levels: list[float], said: str) -> None:
    other = {"N": "D", "D": "N"}[column]
    table = pd.DataFrame({column: np.tile(levels, 12), other: np.repeat(np.geomspace(1e9, 1e11, 12), len(levels))})
    table["loss"] = LAW.loss(TRUE_CHINCHILLA, N=table["N"], D=table["D"])
    with pytest.raises(ql.RunsError, match=said):
        ql.fit(LAW, ql.check_runs(table))


def test_two_sizes_do_where_the_floor_is_known() -> None:
    table = pd.DataFrame({"N": np.tile([1e8, 3e8], 12), "D": np.repeat(np.geomspace(1e9, 1e11, 12), 2)})
    table["loss"] = LAW.loss(TRUE_CHINCHILLA, N=table["N"], D=table["D"])
    known = LAW.make_params(E=dict(value=TRUE_CHINCHILLA["E"], vary=False))
    assert ql.fit(LAW, ql.check_runs(table), params=known).values == pytest.approx(TRUE_CHINCHILLA, rel=1e-5)


def test_a_coefficient_called_C_is_not_taken_for_compute(runs: pd.DataFrame) -> None:
    formula = "E + A/N^alpha + B/D^beta + C/(N^alpha*D^beta)"
    with pytest.raises(ql.ArgumentError, match=r"follows from N and D\. If it is a coefficient"):
        ql.fit(formula, runs)
    fit = ql.fit(ql.law(formula, variables=("N", "D")), runs)
    assert "C" in fit.values
    assert ql.law(formula, variables=("N", "D", "C")).variables == ("N", "D", "C")
