"""Refits of a bootstrap: the same bytes from the same seed, each at its own optimum, units drawn as a whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from synthetic import TRUE_CHINCHILLA

import quokka_laws as ql
from quokka_laws.fitting.bootstrap import resample_weights, resampling_units

LAW = ql.laws.Chinchilla()


def test_same_seed_same_bytes_other_seed_other_draws(runs: pd.DataFrame) -> None:
    one, two = (ql.fit(LAW, runs, bootstrap=30, seed=5).to_json() for _ in range(2))
    assert one == two
    assert ql.fit(LAW, runs, bootstrap=30, seed=6).to_json() != one


def test_refits_are_at_their_own_optimum(runs: pd.DataFrame, plain: ql.FitResult) -> None:
    """Each draw is what a cold fit of its resample finds."""
    fit = ql.fit(LAW, runs, bootstrap=10, seed=2)
    weights = resample_weights(len(runs), 10, seed=2)
    assert fit.draws is not None
    for i in range(5):
        cold = ql.fit(LAW, runs.assign(weight=weights[i]))
        assert cold.values == pytest.approx(fit.draws.iloc[i].to_dict(), rel=1e-5)


def test_cluster_bootstrap_is_automatic_for_shared_run_ids(runs: pd.DataFrame) -> None:
    shared = runs.assign(run_id=np.arange(len(runs)) // 4)
    fit = ql.fit(LAW, shared, bootstrap=20)
    assert (fit.bootstrap["cluster"], fit.bootstrap["units"]) == ("run_id", 15)
    insisted = ql.fit(LAW, shared, bootstrap=20, cluster=None)
    assert "ROWS_ARE_NOT_RUNS" in [d.code for d in insisted.diagnostics]
    with pytest.raises(ql.RunsError, match="no column 'team'"):
        ql.fit(LAW, shared, bootstrap=20, cluster="team")


def test_a_row_without_a_run_id_is_a_unit_of_its_own(runs: pd.DataFrame) -> None:
    plain = ql.fit(LAW, runs, bootstrap=20)
    for nobody in (None, np.nan, ""):
        fit = ql.fit(LAW, runs.assign(run_id=nobody), bootstrap=20)
        assert (fit.bootstrap["cluster"], fit.bootstrap["units"]) == (None, len(runs))
        assert "INDEPENDENT RUNS" not in fit.report()
        pd.testing.assert_frame_equal(fit.draws, plain.draws)
    half = ql.fit(LAW, runs.assign(run_id=[f"run {i // 4}" if i < 40 else None for i in range(60)]), bootstrap=20)
    assert (half.bootstrap["cluster"], half.bootstrap["units"]) == ("run_id", 30)


def test_what_cannot_be_resampled_is_refused(runs: pd.DataFrame) -> None:
    with pytest.raises(ql.RunsError, match="run_id is 'r' in every row: a single unit"):
        ql.fit(LAW, runs.assign(run_id="r"), bootstrap=20)
    with pytest.raises(ql.RunsError, match="58 of 59 strata of name hold a single unit"):
        ql.fit(LAW, runs.assign(name=[f"r{max(i, 1)}" for i in range(60)]), bootstrap=20, strata="name")
    with pytest.raises(ql.RunsError, match="lies in several part"):
        ql.fit(LAW, runs.assign(run_id=np.arange(60) // 2, part=np.arange(60) % 2), bootstrap=20, strata="part")


def test_measured_budgets_are_strata(runs: pd.DataFrame) -> None:
    """Floats are never equal to the last digit: strata of budgets are those within 10 %."""
    rng = np.random.default_rng(0)
    C = np.repeat([1e18, 1e19, 1e20], 20) * rng.uniform(0.98, 1.02, 60)
    sweep_of_three = ql.check_runs(runs[["N"]].assign(D=C / (6 * runs["N"]), loss=runs["loss"]))
    codes, how = resampling_units(sweep_of_three, "auto", "C")
    assert (how["strata_count"], how["units"]) == (3, 60)
    assert (np.bincount(codes["strata"]) == 20).all()
    assert "within 3 strata of C" in ql.fit(LAW, sweep_of_three, bootstrap=3, strata="C").report()


def test_refits_of_many_checkpoints_end_within_a_hundredth_of_their_standard_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    N = np.repeat(np.exp(rng.uniform(16, 23, 60)), 50)
    D = N * np.exp(rng.uniform(1.5, 5.0, len(N)))
    noise = np.repeat(rng.normal(0, 0.008, 60), 50) + rng.normal(0, 0.004, len(N))
    table = pd.DataFrame({"run_id": np.repeat(np.arange(60), 50), "N": N, "D": D})
    table["loss"] = LAW.loss(TRUE_CHINCHILLA, N=N, D=D) * np.exp(noise)
    many = ql.read_runs(table)
    exact = ql.fit(LAW, many, bootstrap=15).draws
    monkeypatch.setattr("quokka_laws.fitting.resampled.THIN_ROWS", 90)
    quick = ql.fit(LAW, many, bootstrap=15).draws
    assert exact is not None
    assert quick is not None
    assert ((quick - exact).abs() / exact.std()).max().max() < 0.01
    assert quick.to_csv() != exact.to_csv()
