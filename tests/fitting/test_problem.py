"""Between tables and the solver: rows, free coordinates, ties and bounds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from synthetic import TRUE_CHINCHILLA, sweep

from quokka_laws.exceptions import ArgumentError, RunsError
from quokka_laws.fitting.local import REACH
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.laws import Chinchilla, Kaplan, law
from quokka_laws.objective import LogL2

LAW = Chinchilla()
RUNS = sweep(LAW, TRUE_CHINCHILLA, runs=12)
THETA = LAW.to_theta(TRUE_CHINCHILLA)


def space(**settings: object) -> Space:
    found = Space.of(LAW, LAW.make_params(**settings))
    assert found is not None
    return found


def test_rows_as_arrays() -> None:
    data = Data.of(LAW, RUNS)
    np.testing.assert_allclose(np.exp(data.x["log_N"]), RUNS["N"], rtol=1e-14)
    np.testing.assert_allclose(np.exp(data.x["log_D"]), RUNS["D"], rtol=1e-14)
    assert data.weights.tolist() == [1.0] * 12
    assert data.groups is None
    part = data.take(np.array([3, 1]), np.array([2.0, 5.0]))
    assert part.loss.tolist() == RUNS["loss"].iloc[[3, 1]].tolist()
    assert part.weights.tolist() == [2.0, 5.0]
    assert part.order.tolist() == RUNS["D"].iloc[[3, 1]].tolist()


def test_rows_that_share_a_run_are_grouped() -> None:
    data = Data.of(LAW, RUNS.assign(run_id=["a"] * 4 + ["b"] * 8, weight=0.5))
    assert data.groups is not None
    assert np.bincount(data.groups).tolist() == [4, 8]
    assert data.weights.sum() == 6.0
    grouped = data.take(np.array([0, 5])).groups
    assert grouped is not None
    assert grouped[0] != grouped[1]


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf, 0.0])
def test_weights_that_mean_nothing(weight: float) -> None:
    bad: pd.DataFrame = RUNS.assign(weight=weight)
    with pytest.raises(RunsError):
        Data.of(LAW, bad)


def test_free_coordinates_of_a_plain_fit() -> None:
    plain = space()
    assert (plain.basis == np.eye(5)).all()
    assert not plain.offset.any()
    assert plain.lower.tolist() == [-np.inf, -np.inf, 0.0, -np.inf, 0.0]
    assert plain.upper.tolist() == [np.inf, np.inf, 5.0, np.inf, 5.0]
    assert not plain.given
    u, off = plain.enter(THETA, plain.problem(Data.of(LAW, RUNS), LogL2()))
    assert not off.any()
    assert plain.values(u[0], off[0]) == pytest.approx(TRUE_CHINCHILLA, rel=1e-14)


def test_fixed_coefficients_are_an_offset() -> None:
    fixed = space(E={"value": 1.7, "vary": False}, beta={"value": 0.4, "vary": False})
    assert fixed.basis.shape == (5, 3)
    values = fixed.values(np.array([np.log(400.0), 0.3, np.log(2000.0)]), np.zeros(3, dtype=bool))
    assert values == pytest.approx({"E": 1.7, "A": 400.0, "alpha": 0.3, "B": 2000.0, "beta": 0.4})


def test_linear_ties_are_rows_of_the_basis() -> None:
    tied = space(beta={"expr": "2*alpha - 0.1"}, B={"expr": "3*A**2"})
    assert tied.basis.shape == (5, 3)
    values = tied.values(np.array([0.5, 2.0, 0.4]), np.zeros(3, dtype=bool))
    assert values["beta"] == pytest.approx(0.7, rel=1e-12)
    assert values["B"] == pytest.approx(3 * np.exp(2.0) ** 2, rel=1e-12)


@pytest.mark.parametrize("tie", ["alpha**2", "alpha*E", "exp(alpha)", "sqrt(2 - alpha)"])
def test_ties_that_are_not_linear_are_left_to_lmfit(tie: str) -> None:
    assert Space.of(LAW, LAW.make_params(beta={"expr": tie})) is None


def test_a_fixed_zero_switches_its_term_off() -> None:
    without = space(E={"value": 0.0, "vary": False})
    assert without.fixed_off.tolist() == [True, False, False]
    _, off = without.enter(THETA, without.problem(Data.of(LAW, RUNS), LogL2()))
    assert without.values(np.zeros(4), off[0])["E"] == 0.0
    kaplan = Kaplan()
    params = kaplan.make_params()
    params["N_c"].set(value=0.0, vary=False)
    with pytest.raises(ArgumentError):
        Space.of(kaplan, params)


def test_starts_and_ranges_given_by_the_user() -> None:
    given = space(A=300.0, alpha={"value": 0.3}, beta={"start": (0.2, 0.4)})
    assert given.given == pytest.approx({1: np.log(300.0), 2: 0.3})
    assert given.ranges == {4: (0.2, 0.4)}


def test_only_amplitudes_without_a_lower_bound_may_vanish() -> None:
    data = Data.of(LAW, RUNS)
    assert set(space().problem(data, LogL2()).amplitudes) == {0, 1, 3}
    assert set(space(E={"min": 1.0}).problem(data, LogL2()).amplitudes) == {1, 3}


def test_reach_of_a_step() -> None:
    assert space().reach.tolist() == [REACH] * 5
    wide = space(alpha={"start": (0.0, 30.0)})
    assert wide.reach[2] == 30.0
    sloped = law("E + A/N^alpha + b*log(D)").for_table({"N": RUNS["N"].to_numpy(), "D": RUNS["D"].to_numpy()})
    kinds = {c.name: c.kind for c in sloped.coefficients}
    found = Space.of(sloped, sloped.make_params())
    assert found is not None
    infinite = dict(zip(sloped.names, np.isinf(found.reach), strict=True))
    assert infinite == {k: kind == "slope" for k, kind in kinds.items()}


def test_infinite_logarithms_enter_as_switched_off_terms() -> None:
    plain = space()
    zero = LAW.to_theta({**TRUE_CHINCHILLA, "B": 0.0})
    u, off = plain.enter(zero, plain.problem(Data.of(LAW, RUNS), LogL2()))
    assert np.isfinite(u).all()
    assert off[0].tolist() == [False, False, True]
    assert plain.values(u[0], off[0])["B"] == 0.0
