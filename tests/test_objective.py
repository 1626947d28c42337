"""Objectives: derivatives of one another, limits, names and specs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quokka_laws.exceptions import ArgumentError
from quokka_laws.objective import (
    BY_NAME,
    HUBER,
    L2,
    LogHuber,
    LogL1,
    LogL2,
    Objective,
    QuantileHuber,
    as_objective,
    objective_from_spec,
)

EVEN = [LogHuber(1e-3), LogHuber(0.5), LogL1(), LogL1(0.01), LogL2(), L2()]
EVERY = [*EVEN, QuantileHuber(0.01), QuantileHuber(0.5, over=3.0)]
EACH = pytest.mark.parametrize("objective", EVERY, ids=str)
residuals = st.floats(-3.0, 3.0).filter(
    lambda r: abs(r) > 1e-4 and min(abs(abs(r) - k) for k in (1e-3, 0.01, 0.5)) > 1e-4
)


@EACH
@settings(max_examples=20, derandomize=True, deadline=None)
@given(r=residuals)
def test_score_and_curvature_are_derivatives_of_the_value(objective: Objective, r: float) -> None:
    h = 1e-5
    below, at, above = np.array([r - h]), np.array([r]), np.array([r + h])
    slope = (objective.value(above) - objective.value(below)) / (2 * h)
    bend = (objective.score(above) - objective.score(below)) / (2 * h)
    assert objective.score(at) == pytest.approx(slope, rel=1e-7, abs=1e-9)
    assert objective.curvature(at) == pytest.approx(bend, rel=1e-7, abs=1e-9)
    assert objective.irls_weight(at) * at == pytest.approx(objective.score(at), rel=1e-12)


@EACH
def test_costs_are_convex_and_zero_at_zero(objective: Objective) -> None:
    r = np.linspace(-1, 1, 401)
    value = objective.value(r)
    if objective in EVEN:
        np.testing.assert_allclose(value, value[::-1], rtol=1e-14, atol=1e-16)
    assert value[200] == 0.0
    assert (np.diff(value, 2) > -1e-14).all()


def test_huber_by_hand() -> None:
    huber = LogHuber(0.1)
    assert huber.value(np.array([0.05, -0.1, 0.3])) == pytest.approx([0.00125, 0.005, 0.1 * (0.3 - 0.05)])
    assert huber.score(np.array([0.05, -0.1, 0.3])).tolist() == [0.05, -0.1, 0.1]
    assert huber.scatter == pytest.approx(0.1 / 1.345) == pytest.approx(0.1 / HUBER)


def test_a_quantile_objective_is_huber_dearer_above_the_runs() -> None:
    r = np.linspace(-0.4, 0.4, 18)
    even, asymmetric = LogHuber(0.1), QuantileHuber(0.1, over=4.0)
    np.testing.assert_allclose(asymmetric.value(r), even.value(r) * np.where(r > 0, 4.0, 1.0))
    np.testing.assert_allclose(QuantileHuber(0.1, over=1.0).value(r), even.value(r))
    rng = np.random.default_rng(0)
    losses = rng.exponential(1.0, 2001)
    levels = np.linspace(0, 1, 2001)
    cost = [QuantileHuber(1e-6, over=9.0).value(level - losses).sum() for level in levels]
    assert (losses < levels[int(np.argmin(cost))]).mean() == pytest.approx(0.1, abs=0.01)
    assert QuantileHuber().continuation() == (QuantileHuber(0.1), QuantileHuber(0.01), QuantileHuber())


@pytest.mark.parametrize("wrong", [{"over": 0.5}, {"over": np.inf}, {"over": "x"}, {"delta": "auto"}])
def test_quantile_objectives_that_mean_nothing(wrong: dict[str, object]) -> None:
    with pytest.raises(ArgumentError):
        QuantileHuber(**wrong)  # type: ignore[arg-type]


def test_huber_between_squares_and_absolute_deviations() -> None:
    r = np.linspace(-0.4, 0.4, 17)
    np.testing.assert_allclose(LogHuber(1.0).value(r), LogL2().value(r))
    np.testing.assert_allclose(LogHuber(1e-9).value(r) / 1e-9, LogL1().value(r), atol=1e-9)
    np.testing.assert_allclose(LogL1(1e-9).value(r), np.abs(r), atol=1e-9)


def test_sequences_end_with_the_objective_asked_for() -> None:
    assert LogHuber(1e-3).continuation() == (LogHuber(0.1), LogHuber(0.01), LogHuber(1e-3))
    assert LogHuber(0.2).continuation() == (LogHuber(0.2),)
    smoothing = [o.smoothing for o in LogL1().refinement() if isinstance(o, LogL1)]
    assert smoothing == sorted(smoothing, reverse=True)
    assert smoothing[-1] == pytest.approx(1e-11)


def test_only_l2_is_of_the_loss_itself() -> None:
    assert [o.log for o in EVERY] == [True] * 5 + [False, True, True]


@EACH
def test_spec_round_trip(objective: Objective) -> None:
    assert objective_from_spec(objective.to_spec()) == objective


def test_a_stored_automatic_delta_stays_automatic() -> None:
    stored = LogHuber(0.004, auto=True)
    assert objective_from_spec(stored.to_spec()) == stored
    assert not LogHuber("auto").settled
    with pytest.raises(ArgumentError):
        LogHuber("auto").value(np.zeros(1))


def test_what_names_an_objective() -> None:
    assert as_objective(None) == LogHuber(1e-3)
    assert as_objective(LogL1) == LogL1()
    assert as_objective(L2()) == L2()
    assert {name: as_objective(name.upper()) for name in BY_NAME} == BY_NAME


@pytest.mark.parametrize("delta", [0.0, -1.0, np.inf, np.nan, "small", None])
def test_deltas_that_mean_nothing(delta: object) -> None:
    with pytest.raises(ArgumentError):
        LogHuber(delta)  # type: ignore[arg-type]


@pytest.mark.parametrize("given_", ["huberr", 3, {"name": "LogHuber"}])
def test_what_names_none(given_: object) -> None:
    with pytest.raises(ArgumentError):
        as_objective(given_)


@pytest.mark.parametrize("spec", [{"name": "Cauchy"}, {"name": "LogL2", "delta": 1.0}, {}])
def test_specs_that_cannot_be_rebuilt(spec: dict[str, object]) -> None:
    with pytest.raises(ArgumentError):
        objective_from_spec(spec)


@pytest.mark.parametrize("smoothing", [-1e-3, np.inf])
def test_smoothing_is_not_negative(smoothing: float) -> None:
    with pytest.raises(ArgumentError):
        LogL1(smoothing)
