"""The solver on its own: linear and robust regressions of known answer, amplitudes at zero, bounds, batches, priors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quokka_laws.fitting.local import Problem
from quokka_laws.fitting.solver import objective_values, solve
from quokka_laws.laws import Chinchilla
from quokka_laws.laws.jet import Jet, variables
from quokka_laws.objective import L2, LogHuber, LogL1, LogL2, Objective

LAW = Chinchilla()
TRUTH = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
THETA = LAW.to_theta(TRUTH)
RNG = np.random.default_rng(0)
N = np.exp(RNG.uniform(np.log(1e7), np.log(1e10), 40))
D = N * np.exp(RNG.uniform(np.log(3), np.log(300), 40))


def location(loss: np.ndarray, objective: Objective) -> Problem:
    """``loss = K``: the one coordinate, log K, is a location of the (log-)losses."""

    def terms_at(theta: np.ndarray, x: object, *, order: int = 0) -> list[Jet]:
        return list(variables(theta, order=order))

    return Problem(terms_at, {}, loss, objective, np.eye(1), np.zeros(1), np.full(1, -np.inf), np.full(1, np.inf))


def chinchilla(loss: np.ndarray, objective: Objective | None = None, **changes: object) -> Problem:
    """The law on the module's design, every coefficient free."""
    problem = Problem(
        LAW.terms_at, LAW.inputs(N=N, D=D), loss, objective or LogHuber(), np.eye(5), np.zeros(5),
        np.full(5, -np.inf), np.full(5, np.inf), LAW.amplitude_terms,
    )  # fmt: skip
    return replace(problem, **changes)


EXACT = LAW.loss(TRUTH, N=N, D=D)
NOISY = EXACT * np.exp(0.01 * np.random.default_rng(1).standard_normal(40))
ONES = np.ones(40)


@settings(max_examples=15, derandomize=True, deadline=None)
@given(st.lists(st.floats(0.5, 9.0), min_size=3, max_size=12, unique=True), st.integers(0, 1000))
def test_locations_are_the_mean_and_the_weighted_mean(losses: list[float], seed: int) -> None:
    loss = np.array(losses)
    w = np.random.default_rng(seed).uniform(0.1, 2.0, len(loss))
    for objective, seen in ((LogL2(), np.log(loss)), (L2(), loss)):
        found = solve(location(loss, objective), np.zeros((1, 1)), w)
        middle = np.average(seen, weights=w)
        assert found.converged.all()
        assert found.u[0, 0] == pytest.approx(middle if objective.log else np.log(middle), abs=1e-7)


def test_least_absolute_deviations_find_the_median() -> None:
    loss = np.array([2.0, 2.1, 2.2, 3.0, 9.0])
    found = solve(location(loss, LogL1()), np.zeros((1, 1)), np.ones(5))
    assert np.exp(found.u[0, 0]) == pytest.approx(2.2, rel=1e-9)
    assert found.value[0] == pytest.approx(np.abs(np.log(loss / 2.2)).sum(), rel=1e-9)


@pytest.mark.parametrize("objective", [LogHuber(), LogL1(), LogL2(), L2()], ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("begin", ["far", "near", "warm"])
def test_the_truth_is_recovered_from_a_start_nearby(objective: Objective, begin: str) -> None:
    start = THETA + np.array([[0.1, 0.3, 0.02, -0.3, -0.02]])
    found = solve(chinchilla(EXACT, objective), start, ONES, begin=begin)  # type: ignore[arg-type]
    assert found.u == pytest.approx(THETA, rel=1e-5)
    assert not found.off.any()


def test_the_gradient_vanishes_and_the_hessian_is_that_of_the_objective() -> None:
    problem = chinchilla(NOISY, LogL2())
    found = solve(problem, THETA, ONES)
    assert found.converged.all()
    assert found.gradient_norm[0] < 1e-6
    off, h = np.zeros((1, 3), dtype=bool), 1e-4
    step = h * np.eye(5)

    def value(u: np.ndarray) -> float:
        return float(objective_values(problem, u[None], ONES, off=off)[0])

    u = found.u[0]
    numeric = [
        [(value(u + a + b) - value(u + a - b) - value(u - a + b) + value(u - a - b)) / (4 * h * h) for b in step]
        for a in step
    ]
    assert found.value[0] == pytest.approx(value(u), rel=1e-12)
    np.testing.assert_allclose(found.hessian[0], numeric, rtol=1e-4, atol=1e-5 * np.abs(numeric).max())


def test_no_point_nearby_is_lower() -> None:
    problem = chinchilla(NOISY)
    found = solve(problem, THETA, ONES)
    around = found.u + 1e-3 * np.random.default_rng(2).standard_normal((200, 5))
    around_off = np.zeros((200, 3), dtype=bool)
    assert (objective_values(problem, around, ONES, off=around_off) >= found.value[0]).all()


def test_a_batch_is_its_problems_one_by_one() -> None:
    w = np.random.default_rng(3).multinomial(40, np.full(40, 1 / 40), size=4).astype(float)
    problem, start = chinchilla(NOISY), np.repeat(THETA, 4, axis=0)
    together = solve(problem, start, w)
    for i in range(4):
        alone = solve(problem, start[[i]], w[i])
        assert together.value[i] == pytest.approx(alone.value[0], rel=1e-9)
        np.testing.assert_allclose(together.u[i], alone.u[0], rtol=1e-4)


def test_a_row_of_weight_two_is_two_rows() -> None:
    w = ONES.copy()
    w[:5] = 2.0
    heavy = solve(chinchilla(NOISY, LogL2()), THETA, w)
    twice = np.r_[np.arange(40), np.arange(5)]
    repeated = solve(chinchilla(NOISY, LogL2()).rows(twice), THETA, np.ones(45))
    assert heavy.value == pytest.approx(repeated.value, rel=1e-10)
    assert heavy.u == pytest.approx(repeated.u, rel=1e-6)


def test_losses_may_differ_between_problems() -> None:
    loss = np.stack([EXACT, LAW.loss({**TRUTH, "E": 2.2}, N=N, D=D)])
    found = solve(chinchilla(loss, LogL2()), np.repeat(THETA, 2, axis=0), ONES)
    assert np.exp(found.u[:, 0]) == pytest.approx([1.8, 2.2], rel=1e-6)


def test_an_amplitude_that_is_zero_is_switched_off() -> None:
    loss = LAW.loss({**TRUTH, "E": 0.0}, N=N, D=D)
    found = solve(chinchilla(loss, LogL2()), THETA, ONES)
    assert found.off[0].tolist() == [True, False, False]
    assert found.u[0, 1:] == pytest.approx(THETA[0, 1:], rel=1e-5)


def test_a_term_switched_off_by_mistake_is_released() -> None:
    off = np.array([[True, False, False]])
    found = solve(chinchilla(EXACT, LogL2()), THETA, ONES, off=off)
    assert not found.off.any()
    assert found.value[0] < 1e-12


def test_bounds_hold_and_count_as_converged() -> None:
    upper = np.full(5, np.inf)
    upper[2] = 0.3
    found = solve(chinchilla(NOISY, LogL2(), upper=upper), THETA, ONES)
    assert found.u[0, 2] == 0.3
    assert found.converged.all()
    assert found.gradient_norm[0] < 1e-6
    assert found.value[0] > solve(chinchilla(NOISY, LogL2()), THETA, ONES).value[0]


def test_a_linear_tie_is_a_matrix() -> None:
    basis = np.delete(np.eye(5), 4, axis=1)
    basis[4, 2] = 1.0  # beta = alpha
    loss = LAW.loss({**TRUTH, "beta": 0.35}, N=N, D=D)
    found = solve(
        chinchilla(loss, LogL2(), basis=basis, lower=np.full(4, -np.inf), upper=np.full(4, np.inf)), THETA[:, :4], ONES
    )
    assert found.u[0] == pytest.approx(THETA[0, :4], rel=1e-6)


def test_nothing_free_is_an_evaluation() -> None:
    nothing = np.zeros((5, 0))
    problem = chinchilla(NOISY, basis=nothing, offset=THETA[0], lower=np.zeros(0), upper=np.zeros(0))
    found = solve(problem, np.zeros((1, 0)), ONES)
    assert found.converged.all()
    assert found.value[0] == pytest.approx(LogHuber().value(np.log(EXACT / NOISY)).sum(), rel=1e-12)


def test_a_strong_prior_holds_and_a_weak_one_adds_its_value() -> None:
    precision = np.array([0.0, 0.0, 1e8, 0.0, 0.0])
    strong = chinchilla(NOISY, LogL2(), expected=np.array([0.0, 0.0, 0.5, 0.0, 0.0]), precision=precision)
    assert solve(strong, THETA, ONES).u[0, 2] == pytest.approx(0.5, abs=1e-5)
    off = np.zeros((1, 3), dtype=bool)
    with_prior = objective_values(strong, THETA, ONES, off=off)
    without = objective_values(chinchilla(NOISY, LogL2()), THETA, ONES, off=off)
    assert with_prior - without == pytest.approx(0.5 * 1e8 * 0.15**2, rel=1e-9)


def test_progress_counts_every_problem() -> None:
    seen: list[int] = []
    solve(chinchilla(NOISY), np.repeat(THETA, 3, axis=0), ONES, begin="warm", progress=seen.append)
    assert sum(seen) == 3


@pytest.mark.parametrize("objective", [LogHuber(), L2()], ids=lambda o: type(o).__name__)
def test_blocks_of_rows_add_up_to_all_of_them(objective: Objective, monkeypatch: pytest.MonkeyPatch) -> None:
    starts, weights = np.repeat(THETA + 0.01, 3, axis=0), np.random.default_rng(0).integers(0, 3, (3, 40)).astype(float)
    whole = solve(chinchilla(NOISY, objective), starts, weights, begin="warm")
    monkeypatch.setattr("quokka_laws.fitting.local.CELLS", 60)
    monkeypatch.setattr("quokka_laws.fitting.local._BLOCK", 7)
    parts = solve(chinchilla(NOISY, objective), starts, weights, begin="warm")
    assert parts.u == pytest.approx(whole.u, rel=1e-7)
    assert parts.value == pytest.approx(whole.value, rel=1e-12)


def test_a_looser_tolerance_stops_sooner_and_near() -> None:
    start = THETA + np.array([[0.1, 0.3, 0.02, -0.3, -0.02]])
    exact, near = (solve(chinchilla(NOISY, LogL2()), start, ONES, begin="warm", tolerance=t) for t in (1e-14, 1e-6))
    assert near.converged.all()
    assert exact.value[0] <= near.value[0] <= exact.value[0] * (1 + 1e-5)
    assert near.u[0].tolist() != exact.u[0].tolist()


def test_an_exact_fit_does_not_switch_a_term_back_on() -> None:
    """Residuals of rounding have a slope of either sign, which is no reason."""
    loss = LAW.loss({**TRUTH, "E": 0.0}, N=N, D=D)
    off = np.array([[True, False, False]])
    for shift in np.linspace(-1e-3, 1e-3, 7):
        found = solve(chinchilla(loss, LogL2()), THETA * (1 + shift), ONES, off=off)
        assert found.off[0, 0]


def test_an_amplitude_that_wants_to_grow_is_no_minimum_at_zero() -> None:
    """A descent that ends beside zero without arriving is not taken for a minimum there."""
    D_alike = np.full(9, 3e10) * np.tile([1.0, 2.0, 1.5], 3)
    sizes = np.geomspace(1e7, 1e10, 9)
    loss = LAW.loss({"E": 0.3, "A": 480.0, "alpha": 0.35, "B": 60.0, "beta": 0.1}, N=sizes, D=D_alike)
    free = np.full(5, -np.inf), np.array([np.inf, np.log(300.0), np.inf, np.inf, np.inf])
    x = LAW.inputs(N=sizes, D=D_alike)
    problem = Problem(LAW.terms_at, x, loss, LogL2(), np.eye(5), np.zeros(5), *free, LAW.amplitude_terms)
    start = LAW.to_theta({"E": 0.3, "A": 299.0, "alpha": 0.4, "B": 60.0, "beta": 0.1})
    assert not solve(problem, start, np.ones(9), begin="warm").off[0, 0]
