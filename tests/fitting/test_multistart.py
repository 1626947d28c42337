"""The best of many starts: the truth without noise, no start better, ties and priors kept, many rows thinned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic import TRUE_CHINCHILLA, sweep

from quokka_laws.exceptions import FitError
from quokka_laws.fitting.multistart import FIRST_STARTS, NEAR_STARTS, THIN_ROWS, Optimum, optimise
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.laws import Chinchilla
from quokka_laws.objective import LogHuber, LogL2, Objective

LAW = Chinchilla()
RUNS = sweep(LAW, TRUE_CHINCHILLA, runs=30)
NOISY = sweep(LAW, TRUE_CHINCHILLA, runs=30, noise=0.01, seed=4)


def found(runs: object, objective: Objective, settings: dict | None = None, **options: object) -> tuple[Optimum, Space]:
    space = Space.of(LAW, LAW.make_params(**settings or {}))
    assert space is not None
    data = Data.of(LAW, runs)  # type: ignore[arg-type]
    return optimise(LAW, data, space, objective, **{"n_starts": None, "seed": 0, **options}), space  # type: ignore[arg-type]


@pytest.mark.parametrize("objective", [LogHuber(), LogL2()], ids=lambda o: type(o).__name__)
def test_the_truth_without_noise(objective: Objective) -> None:
    best, space = found(RUNS, objective)
    assert space.values(best.u, best.off) == pytest.approx(TRUE_CHINCHILLA, rel=1e-6)
    assert best.converged
    assert best.value < 1e-15
    assert best.starts["solved"] == 2 * FIRST_STARTS
    assert best.starts["rows_used"] == 30


def test_more_starts_find_nothing_lower() -> None:
    few, _ = found(NOISY, LogHuber())
    many, _ = found(NOISY, LogHuber(), n_starts=20, seed=9)
    assert few.value == pytest.approx(many.value, rel=1e-9)
    assert many.starts["solved"] == 20 + NEAR_STARTS
    assert (
        few.value
        < LogHuber().value(np.log(LAW.loss(TRUE_CHINCHILLA, N=NOISY["N"], D=NOISY["D"]) / NOISY["loss"])).sum()
    )


def test_rivals_are_higher_and_sorted() -> None:
    best, _ = found(NOISY, LogHuber(), n_starts=20)
    heights = best.rivals["objective_value"].tolist()
    assert heights == sorted(heights)
    assert all(h > best.value for h in heights)


def test_the_condition_number_is_that_of_the_scaled_hessian() -> None:
    best, space = found(NOISY, LogL2())
    x = LAW.inputs(N=NOISY["N"], D=NOISY["D"])
    terms = LAW.terms_at(space.offset + best.u[None], x, order=1)
    T = np.stack([np.broadcast_to(t.value, (1, 30))[0] for t in terms])
    share = np.exp(T - np.logaddexp.reduce(T))
    J = np.zeros((30, 5))
    for q, t in zip(share, terms, strict=True):
        for j, g in t.grad.items():
            J[:, j] += q * np.broadcast_to(g, (1, 30))[0]
    H = J.T @ J  # without the second derivatives, which matter little at a good fit
    s = np.sqrt(np.diag(H))
    assert best.condition_number == pytest.approx(np.linalg.cond(H / np.outer(s, s)), rel=0.5)


def test_near_starts_are_tried_and_brief_searches_suffice_from_them() -> None:
    full, _ = found(NOISY, LogHuber())
    brief, _ = found(NOISY, LogHuber(), briefly=True, near=(full.u[None], full.off[None]))
    assert brief.value == pytest.approx(full.value, rel=1e-10)
    assert brief.starts["solved"] < full.starts["solved"]


def test_a_suggested_start_is_always_among_the_starts() -> None:
    best, _ = found(NOISY, LogL2(), {"alpha": 1.4, "beta": 1.4})
    assert (np.abs(best.began[0][:, [2, 4]] - 1.4).max(axis=1) < 1e-12).any()


def test_fixed_coefficients_stay_and_cost_something() -> None:
    free, _ = found(NOISY, LogL2())
    best, space = found(NOISY, LogL2(), {"alpha": {"value": 0.5, "vary": False}})
    assert space.values(best.u, best.off)["alpha"] == 0.5
    assert best.value > free.value


def test_many_checkpoints_are_thinned_and_finished_on_all() -> None:
    runs = sweep(LAW, TRUE_CHINCHILLA, runs=THIN_ROWS + 500, noise=0.01)
    best, space = found(runs, LogL2())
    assert best.starts["rows_used"] == THIN_ROWS
    assert best.converged
    residual = np.log(LAW.loss(space.values(best.u, best.off), N=runs["N"], D=runs["D"]) / runs["loss"])
    assert best.value == pytest.approx(0.5 * (residual**2).sum(), rel=1e-9)


def test_no_finite_objective_is_an_error() -> None:
    data = replace(Data.of(LAW, RUNS), loss=np.full(30, np.inf))
    space = Space.of(LAW, LAW.make_params(alpha={"value": 0.3, "vary": False}, beta={"value": 0.3, "vary": False}))
    assert space is not None
    with pytest.raises(FitError):
        optimise(LAW, data, space, LogL2(), n_starts=None, seed=0)
