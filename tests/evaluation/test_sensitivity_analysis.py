"""Refits under other choices, and the checklist of a fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql


@pytest.fixture(scope="module")
def table(quokka87: pd.DataFrame) -> pd.DataFrame:
    fit = ql.fit(ql.laws.Chinchilla(), quokka87, bootstrap=50)
    return ql.sensitivity(fit, C=1.1e23)


def test_the_low_ratio_runs_decide_quokkas_exponent(table: pd.DataFrame) -> None:
    """a = .452 with the 13 runs at D/N < 4, .510 without: independent computations of both fits agree."""
    rows = table.set_index(["choice", "variant"])
    assert rows.loc[("as fitted", ""), "a"] == pytest.approx(0.45185, abs=1e-4)
    assert rows.loc[("drop a range", "D/N < 4"), "a"] == pytest.approx(0.51011, abs=1e-4)
    assert rows.loc[("drop a range", "D/N < 4"), "N"] == pytest.approx(1.42e10, rel=0.01)
    assert rows.loc[("drop a range", "D/N < 4"), "N_ratio"] == pytest.approx(1.42e10 / 7.35e9, rel=0.01)


def test_every_choice_is_there(table: pd.DataFrame) -> None:
    assert set(table["choice"]) >= {
        "as fitted", "objective", "drop a budget", "drop the largest runs", "drop a range", "tie exponents",
    }  # fmt: skip
    assert (table["choice"] == "drop a budget").sum() == 9
    assert table["N"].notna().all()
    assert table.set_index("choice").loc["tie exponents", "a"] == pytest.approx(0.5, abs=1e-9)
    assert table["inside"].iloc[0]


def test_a_variant_without_a_size_is_neither_inside_nor_outside() -> None:
    """Most runs have the largest size: without those there is nothing to fit."""
    N, D = np.array([1e8, 2e8, 4e8, 1e9, 1e9, 1e9, 1e9]), np.array([4e9, 2e9, 9e9, 3e9, 1e10, 4e10, 1e11])
    loss = ql.laws.Chinchilla().loss(TRUE_CHINCHILLA, N=N, D=D)
    fit = ql.fit(ql.laws.Chinchilla(), pd.DataFrame({"N": N, "D": D, "loss": loss}), bootstrap=5)
    refused = ql.sensitivity(fit, 1e21).set_index("choice").loc["drop the largest runs"]
    assert "cannot determine" in refused["note"]
    assert np.isnan(refused["N"])
    assert np.isnan(refused["inside"])


def test_law_without_allocation(quokka87: pd.DataFrame) -> None:
    fit = ql.fit(ql.laws.PowerLaw("C"), quokka87)
    with pytest.raises(ql.FitError, match="needs one of N and D"):
        ql.sensitivity(fit, 1e23)


def test_bounds_of_the_fit_are_kept() -> None:
    """Refits that lose them answer another question: E would fall to its own optimum."""
    law = ql.laws.Chinchilla()
    runs = sweep(law, TRUE_CHINCHILLA, runs=40, noise=0.002)
    fit = ql.fit(law, runs, params=law.make_params(E=dict(min=2.0)))
    assert fit.values["E"] == pytest.approx(2.0)
    table = ql.sensitivity(fit, 1e22).set_index("variant")
    again = ql.fit(law, runs, objective=ql.LogL2(), params=law.make_params(E=dict(min=2.0)))
    assert table.loc["LogL2()", "N"] == pytest.approx(ql.plan.compute_optimal(again, 1e22)["N"].iloc[0], rel=1e-5)
