"""The main job: a named law with its profiles, the budget asked for or ten times the largest, what is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql
from quokka_laws.reporting.study import Study, study
from quokka_laws.results.format import human


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return sweep(ql.laws.Chinchilla(), TRUE_CHINCHILLA, runs=25, noise=0.003)


@pytest.fixture(scope="module")
def done(runs: pd.DataFrame) -> Study:
    return study("chinchilla", runs, C=(1e22, 1e24), bootstrap=0)


def test_the_answer_is_the_plan_of_the_fit(done: Study) -> None:
    plan = ql.plan.compute_optimal(done.fit, [1e22, 1e24])
    assert done.has_optimum
    for row in plan.itertuples():
        assert human(row.N) in done.answer
    assert done.report().startswith(done.answer)


def test_one_method_has_one_interval(runs: pd.DataFrame) -> None:
    """Few runs allow one law: the answer of all methods is that of its refits, as every other question gives it."""
    few = sweep(ql.laws.Chinchilla(), TRUE_CHINCHILLA, runs=10, noise=0.003)
    done = study(None, few, C=1e22, bootstrap=100)
    plan = ql.plan.compute_optimal(done.fit, 1e22).iloc[0]
    assert f"{human(plan['N'])} parameters (95 %: {human(plan['N_lower'])} … {human(plan['N_upper'])})" in done.answer
    assert any("too few runs to tell laws apart" in said for said in done.known())
    several = study(None, runs, C=1e22, bootstrap=0)
    assert several.together is not None
    assert not several.together.alone


def test_limited_data_that_the_law_knows_nothing_of_are_said(runs: pd.DataFrame) -> None:
    for law in (None, "chinchilla"):
        said = [
            one for one in study(law, runs, C=1e22, U_D=2e10, bootstrap=0).known() if "unique" in one or "epochs" in one
        ]
        assert any("epochs of 20B" in one and "compute_and_data_optimal" in one for one in said)
        enough = study(law, runs, C=1e22, U_D=1e15, bootstrap=0)
        assert not any("epochs of" in one for one in enough.known())


def test_without_shared_budgets_there_are_no_profiles_and_why(done: Study) -> None:
    assert done.iso is None
    assert done.no_iso
    assert done.no_iso[:20] in done.report()


def test_with_shared_budgets_there_are(quokka87: pd.DataFrame) -> None:
    found = study("chinchilla", quokka87, bootstrap=0)
    assert found.iso is not None
    assert found.iso.values["a"] == pytest.approx(0.5138, abs=1e-4)
    assert found.budgets == (pytest.approx(10 * quokka87["C"].max()),)
    assert not found.asked


def test_budgets_far_outside_are_said(done: Study) -> None:
    factor = 1e24 / done.fit.fitted_range["C"][1]
    assert any(f"{factor:.3g}" in said.replace(",", "") for said in done.known())


def test_a_law_without_N_and_D_allocates_nothing(runs: pd.DataFrame) -> None:
    found = study(ql.laws.PowerLaw("D"), runs, bootstrap=0)
    assert not found.has_optimum
    assert found.budgets == ()
    assert found.iso is None
    assert found.answer


def test_what_is_written(done: Study, tmp_path: Path) -> None:
    assert done.write(tmp_path / "own.json") == [tmp_path / "own.json"]
    written = done.write(tmp_path / "folder")
    assert [p.name for p in written] == ["fit.json", "loss-against-compute.png", "loss-contours.png", "residuals.png"]
    assert ql.read_fit(written[0]) == done.fit


def test_a_fit_that_did_not_converge_is_no_answer(done: Study) -> None:
    stuck = replace(done, fit=replace(done.fit, status=ql.FitStatus.NOT_CONVERGED))
    assert stuck.answer.startswith("No answer")
    assert done.answer in stuck.answer


def test_runs_of_one_ratio_say_the_loss_and_what_they_do_not_know() -> None:
    N = np.geomspace(1e8, 1e10, 8)
    runs = pd.DataFrame({"N": N, "D": 20.0 * N, "loss": 1.7 + 900.0 * (120.0 * N**2) ** -0.155})
    asked = study(None, ql.check_runs(runs), C=1.2e23, bootstrap=100)
    loss = 1.7 + 900.0 * 1.2e23**-0.155
    assert f"At C = 1.2e+23: predicted loss {loss:.3f}" in asked.answer
    assert "31.6B parameters on 632B" in " ".join(asked.answer.split())
    assert any("cannot be told apart" in " ".join(said.split()) for said in asked.known())
    assert "ten times your largest run" in study(None, ql.check_runs(runs), bootstrap=100).answer
