"""Laws of which a part was published: power laws of the optimum, total parameters, worth of repeated tokens."""

from __future__ import annotations

import numpy as np
import pytest

import quokka_laws as ql
from quokka_laws.exceptions import ArgumentError, FitError
from quokka_laws.laws import Chinchilla, Kaplan
from quokka_laws.literature.partial_laws import Allocation, Repetition

POWERS = {"k_N": 0.1, "a": 0.5, "k_D": 1 / 0.6, "b": 0.5}
ALLOCATION = Allocation(POWERS, ql.Conventions(), "own", fitted_range={"C": (1e18, 1e21)})
REPETITION = Repetition({"R_D": 15.0, "R_N": 5.0}, ql.Conventions(), "own", {"epochs": (1.0, 60.0)})


def test_power_laws_of_the_budget() -> None:
    C = np.array([1e17, 1e20, 1e23])
    plan = ALLOCATION.allocate(C)
    np.testing.assert_allclose(plan["N"], 0.1 * np.sqrt(C), rtol=1e-12)
    np.testing.assert_allclose(6 * plan["N"] * plan["D"], C, rtol=1e-12)
    np.testing.assert_allclose(plan["tokens_per_param"], plan["D"] / plan["N"], rtol=1e-14)
    assert plan["loss"].isna().all()
    assert plan["extrapolation"].tolist() == pytest.approx([10.0, 1.0, 100.0])
    assert plan["below_runs"].tolist() == [True, False, False]


def test_a_published_loss() -> None:
    with_loss = Allocation({**POWERS, "k_L": 30.0, "a_L": -0.05}, ql.Conventions(), "own", factor=2.0)
    assert with_loss.allocate(1e20)["loss"].iloc[0] == pytest.approx(2 * 30.0 * 1e20**-0.05, rel=1e-12)  # type: ignore[arg-type]


def test_flops_per_token_are_six_per_parameter() -> None:
    plan = Allocation(POWERS, ql.Conventions(), "own", size="M").allocate(np.array([1e20]))
    assert plan["M"].iloc[0] == pytest.approx(1e9)
    assert plan["N"].iloc[0] == pytest.approx(1e9 / 6)


def test_in_total_parameters_compute_is_conserved() -> None:
    """N = n + omega·n^(1/3) at a budget of all parameters, of which the law sees its own share."""
    omega = 47491.0
    C = np.array([1e18, 1e21, 1e24])
    plan = Allocation(POWERS, ql.Conventions(), "own", omega=omega).allocate(C)
    np.testing.assert_allclose(6 * plan["N"] * plan["D"], C, rtol=1e-9)
    own = 0.1 * plan["D"] / POWERS["k_D"]  # k_N·C^a of the compute that gives this D
    np.testing.assert_allclose(plan["N"], own + omega * np.cbrt(own), rtol=1e-9)


def test_worth_of_repeated_tokens() -> None:
    """1 + R·(1 − exp(−(e − 1)/R)) of Muennighoff et al. 2023, Eq. 5: all of one epoch, at most 1 + R."""
    e = np.array([0.5, 1.0, 4.0, 16.0, 1e6])
    found = REPETITION.worth(e)
    expected = np.where(e > 1, 1 + 15.0 * (1 - np.exp(-(e - 1) / 15.0)), e)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found[-1] == pytest.approx(16.0)
    with pytest.raises(ArgumentError):
        REPETITION.worth(0.0)


def test_on_a_law_of_ones_own() -> None:
    values = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
    own = ql.FittedLaw(Chinchilla(), values, fitted_range={"N": (1e7, 1e10)})
    both = REPETITION.on(own)
    once = both(N=1e9, U_D=2e10, epochs=1.0)
    assert once == pytest.approx(own(N=1e9, D=2e10), rel=1e-3)  # R_N saturates parameters a little even then
    assert both(N=1e9, U_D=1e9, epochs=20.0) > own(N=1e9, D=2e10)
    assert both.fitted_range == {"N": (1e7, 1e10), "epochs": (1.0, 60.0)}
    kaplan = ql.FittedLaw(Kaplan(), dict(N_c=8.8e13, alpha_N=0.076, D_c=5.4e13, alpha_D=0.095))
    data_only = REPETITION.on(kaplan)
    worth = float(REPETITION.worth(20.0))
    assert data_only(N=1e9, U_D=1e9, epochs=20.0) == pytest.approx(kaplan(N=1e9, D=1e9 * worth), rel=1e-10)


def test_without_a_loss_there_is_nothing_to_minimise() -> None:
    with pytest.raises(FitError):
        REPETITION.allocate(np.array([1e20]))
