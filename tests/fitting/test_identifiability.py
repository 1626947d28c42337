"""What runs cannot tell about a formula: named before anything is fitted, and nothing where all is well."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.fitting.identifiability import faults, undetermined
from quokka_laws.fitting.problem import Data
from quokka_laws.laws import Chinchilla

RNG = np.random.default_rng(0)
N = 10 ** RNG.uniform(7, 10, 30)
RUNS = ql.check_runs(pd.DataFrame({"N": N, "D": N * 10 ** RNG.uniform(0.5, 2.5, 30), "loss": 3.0}))
LAW = Chinchilla()
THETA = LAW.to_theta({"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37})[0]
FREE = np.ones(5, dtype=bool)


def asked(text: str, runs: pd.DataFrame = RUNS, **settings: object) -> list[str]:
    law = ql.law(text).for_table({k: runs[k].to_numpy() for k in runs})
    return faults(law, runs, law.make_params(**settings), Data.of(law, runs).x)  # type: ignore[arg-type]


def test_a_law_on_runs_that_vary_is_determined() -> None:
    assert undetermined(LAW, THETA, LAW.inputs(N=RUNS["N"], D=RUNS["D"]), FREE) == []


def test_one_size_leaves_the_floor_and_the_capacity_term_as_one() -> None:
    x = LAW.inputs(N=np.full(30, 1e9), D=RUNS["D"])
    assert {"A", "alpha"} <= set(undetermined(LAW, THETA, x, FREE))
    held = FREE.copy()
    held[[1, 2]] = False
    assert undetermined(LAW, THETA, x, held) == []


def test_amplitudes_at_zero_are_left_out() -> None:
    theta = THETA.copy()
    theta[1] = -np.inf
    names = undetermined(LAW, theta, LAW.inputs(N=RUNS["N"], D=RUNS["D"]), FREE)
    assert names == ["alpha"]  # nothing changes with the exponent of a term that is not there


def test_a_formula_that_is_well_posed_has_no_faults() -> None:
    assert asked("E + A/N^a + B/D^b") == []


@pytest.mark.parametrize(
    ("text", "names"),
    [("E + A*B/N^a", {"A", "B"}), ("E + F + A/N^a", {"E", "F"}), ("E + A/N^(a + b)", {"a", "b"})],
)
def test_coefficients_that_count_only_together(text: str, names: set[str]) -> None:
    (said,) = asked(text)
    listed = said.split(": ")[1].split(" cannot")[0].split(", ")
    assert set(listed) == names
    held = min(names)
    assert asked(text, **{held: {"value": 0.5, "vary": False}}) == []


def test_a_column_that_does_not_vary_is_the_reason() -> None:
    runs = RUNS.assign(D=1e10)
    (said,) = asked("E + A/N^a + B/D^b", runs)
    assert "D = 1e+10" in said
    assert "b" in said.split(": ")[1].split(" cannot")[0].split(", ")
