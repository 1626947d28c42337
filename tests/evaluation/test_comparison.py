"""Held-out extrapolation: who wins, and what intervals cover."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql
from quokka_laws.cli.app import main
from quokka_laws.evaluation.holdout import KAPLAN_WITH_FLOOR

TWO = [ql.laws.Chinchilla(), ql.laws.Kaplan()]


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return sweep(ql.laws.Chinchilla(), TRUE_CHINCHILLA, runs=60, noise=0.003)


@pytest.fixture(scope="module")
def comparison(runs: pd.DataFrame) -> ql.Comparison:
    return ql.compare(TWO, runs, holdout=(3, 10), bootstrap=50)


def test_without_draws_there_is_no_coverage_to_show(comparison: ql.Comparison, runs: pd.DataFrame) -> None:
    assert "in 95 % interval of mean" in comparison.report()
    plain = ql.compare(TWO, runs, holdout=(10,), bootstrap=0).report()
    assert "interval of mean" not in plain
    assert "nan" not in plain


def test_the_law_that_made_the_runs_wins(comparison: ql.Comparison) -> None:
    assert comparison.best == "chinchilla"
    assert comparison.in_sample["law"].iloc[0] == "chinchilla"
    table = comparison.table.set_index(["holdout", "law"])
    for split in ("×3", "×10"):
        assert table.loc[(split, "chinchilla"), "error"] < 0.01 < 2 * table.loc[(split, "kaplan"), "error"]
        assert table.loc[(split, "chinchilla"), "covered_run"] > 0.7
    assert set(comparison.allocations["law"]) == {"chinchilla", "kaplan"}
    report = comparison.report()
    assert report.index("Held-out") < report.index("AICc") < report.index("Compute-optimal")
    assert "<table" in comparison._repr_html_()
    assert len(ql.plot.held_out_errors(comparison).get_lines()) == 2


def test_points_of_a_trunk_count_as_one_run(runs: pd.DataFrame) -> None:
    trunks = runs.assign(trunk=np.arange(len(runs)) % 6)
    found = ql.compare(TWO, trunks, holdout=(10,), bootstrap=5, cluster="trunk")
    assert found.in_sample["runs"].tolist() == [6, 6]
    assert np.isinf(found.in_sample["AICc"]).all()
    assert f"{len(runs)} rows of 6 independent runs (too few for AICc" in found.report()


def test_own_mask_and_names(runs: pd.DataFrame) -> None:
    mask = (runs["N"] > runs["N"].median()).to_numpy()
    found = ql.compare([ql.laws.Chinchilla(), KAPLAN_WITH_FLOOR], runs, holdout=mask, bootstrap=0)
    assert set(found.table["holdout"]) == {"own"}
    assert found.table["covered_mean"].isna().all()
    assert found.fits["skaling, beta = 1"].values["beta"] == 1.0
    with pytest.raises(ValueError, match="different names"):
        ql.compare([ql.laws.Chinchilla()] * 2, runs)
    with pytest.raises(ql.FitError, match="no held-out budget is possible"):
        ql.compare(TWO, runs, holdout=(1e9,))


def test_intervals_of_a_run_are_wider_than_of_the_mean(noisy_fit: ql.FitResult) -> None:
    at = {"N": noisy_fit.runs["N"].to_numpy(), "D": noisy_fit.runs["D"].to_numpy()}
    mean, run = (noisy_fit.predict(level=0.9, kind=kind, **at) for kind in ("mean", "run"))
    assert ((run["loss_upper"] - run["loss_lower"]) > (mean["loss_upper"] - mean["loss_lower"])).all()
    loss = noisy_fit.runs["loss"].to_numpy()
    assert np.mean((loss > run["loss_lower"]) & (loss < run["loss_upper"])) > 0.8
    with pytest.raises(ValueError, match="'mean'"):
        noisy_fit.predict(level=0.9, kind="law", N=1e9, D=1e10)  # type: ignore[arg-type]
    bare = ql.FittedLaw(noisy_fit.law, noisy_fit.values, draws=noisy_fit.draws)
    with pytest.raises(ql.FitError, match="without its runs"):
        bare.predict(level=0.9, kind="run", N=1e9, D=1e10)


def test_compare_command(runs: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    runs[["N", "D", "loss"]].to_csv(path, index=False)
    args = ["compare", str(path), "--law", "chinchilla", "--law", "kaplan", "--bootstrap", "20"]
    done = CliRunner().invoke(main, [*args, "--holdout", "3", "--format", "json"])
    assert done.exit_code == 0, done.output
    assert {r["law"] for r in json.loads(done.stdout)} == {"chinchilla", "kaplan"}
    assert "Held-out extrapolation" in done.stderr
    assert CliRunner().invoke(main, ["compare", str(path), "--holdout", "0.5"]).exit_code == 2
    assert CliRunner().invoke(main, ["compare", str(path), "--law", "chinchila"]).exit_code == 2


def test_epoch_runs(epoch240: pd.DataFrame) -> None:
    """Skaling before Chinchilla before Kaplan at ×10; intervals of one law cover far too little."""
    found = ql.compare(
        [ql.laws.Skaling(), ql.laws.Chinchilla(), ql.laws.Kaplan()], epoch240, holdout=(10,), bootstrap=50
    )
    assert found.table["law"].tolist() == ["skaling", "chinchilla", "kaplan"]
    assert found.table.set_index("law").loc["chinchilla", "error"] == pytest.approx(0.0111, abs=2e-4)
    assert found.table["covered_mean"].max() < 0.5


def test_no_law_that_can_be_fitted_is_said_once(quokka87: pd.DataFrame) -> None:
    with pytest.raises(ql.FitError, match="no law could be fitted: memorization"):
        ql.compare([ql.laws.Memorization()], quokka87, holdout=[3.0], bootstrap=0)


def test_laws_and_runs_in_either_order_or_by_name(runs: pd.DataFrame) -> None:
    same = ql.compare(["chinchilla"], runs, holdout=(10,), bootstrap=0).table
    for found in (
        ql.compare(runs, ["chinchilla"], holdout=(10,), bootstrap=0),
        ql.compare(runs, laws="chinchilla", holdout=(10,), bootstrap=0),
        ql.compare(laws=[ql.laws.Chinchilla], runs=runs, holdout=10, bootstrap=0),
    ):
        pd.testing.assert_frame_equal(found.table, same)
    with pytest.raises(ql.ArgumentError, match="no runs were given"):
        ql.compare(["chinchilla"])
    with pytest.raises(ql.ArgumentError, match="was given 3"):
        ql.compare(["chinchilla"], runs, laws=["skaling"])
