"""The commands for repeated data: data on stdout, prose on stderr, exit codes."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

import quokka_laws as ql
from quokka_laws import laws
from quokka_laws.cli.app import main

LAW = laws.QuokkaRepeated()
VALUES = ql.datasets.load_quokka_tables()["recovered_from_curves"]["eq15"]
EQ15 = ql.FitResult(LAW, {k: VALUES[k] for k in LAW.names}, fitted_range={"N": (1e7, 3e9), "U_D": (1e7, 1.4e8)})
SATURATING = ql.FitResult(
    laws.EffectiveData(), dict(E=1.87, A=521.0, alpha=0.353, B=1488.0, beta=0.353, R_D=15.4, R_N=5.31)
)


def run(*arguments: str, fit: ql.FitResult = EQ15) -> Result:
    return CliRunner().invoke(main, arguments, input=fit.to_json())


def test_epochs_of_every_combination() -> None:
    done = run("epochs", "-", "-N", "400M", "-N", "1B", "-U", "10M", "-U", "1B", "--json")
    assert done.exit_code == 0
    rows = json.loads(done.stdout)
    assert [round(r["epochs"]) for r in rows] == [70, 430, 42, 260]
    assert "U_D is up to ×7.14 outside the runs" in done.stderr


def test_local_minima_are_called_that() -> None:
    done = run("epochs", "-", "-N", "67B", "-U", "100M", "--format", "csv")
    assert done.exit_code == 0
    assert "1 of 1 minima is local" in done.stderr


def test_data_optimal_with_and_without_a_budget() -> None:
    free = json.loads(run("data-optimal", "-", "-U", "1B", "--json").stdout)[0]
    assert free["epochs"] == pytest.approx(561.09, abs=0.01)
    done = run("data-optimal", "-", "-U", "1B", "-C", "1e18", "-C", "1e22", "--format", "json")
    poor, rich = json.loads(done.stdout)
    assert rich["N"] == pytest.approx(free["N"])
    assert 6 * poor["N"] * poor["D"] == pytest.approx(1e18)
    assert "would not help" in done.stderr


def test_mistakes_are_one_line_with_an_exit_code() -> None:
    refused = run("epochs", "-", "-N", "1B", "-U", "1B", fit=SATURATING)
    assert (refused.exit_code, "Traceback" in refused.output) == (1, False)
    assert "can only fall with epochs" in refused.stderr
    assert run("epochs", "-", "-N", "1B").exit_code == 2
    assert run("epochs", "nowhere.json", "-N", "1B", "-U", "1B").exit_code == 1
    assert run("epochs", "-", "-N", "big", "-U", "1B").exit_code == 2
