"""A law where none is named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from simulated import DESIGNS, TRUTHS, simulate

import quokka_laws as ql


def chosen(truth: str, design: str, noise: str = "0.3 %", seed: int = 0) -> ql.FitResult:
    return ql.fit(simulate(TRUTHS[truth], DESIGNS[design](), noise, seed))


def test_the_law_behind_the_runs_is_chosen() -> None:
    assert chosen("chinchilla", "40, isoflop").law.name == "chinchilla"
    coupled = chosen("skaling, k = 0.45", "40, isoflop")
    assert coupled.law.name == "skaling"
    assert coupled.values["k"] == pytest.approx(0.45, abs=0.1)
    assert chosen("kaplan with floor", "40, isoflop").values["beta"] == 1.0


def test_says_the_others_and_what_they_would_change(quokka87: pd.DataFrame) -> None:
    fit = ql.fit(quokka87)
    assert (fit.label, fit.choice.chosen, fit.choice.reason) == ("skaling", "skaling", "criterion")
    assert fit.objective.auto
    table = fit.choice.table.set_index("law")
    assert table.loc["chinchilla", "BIC_difference"] > 50
    assert table.loc["chinchilla", "p_value"] < 1e-10
    assert np.isnan(table.loc["skaling", "p_value"])
    assert table.loc["skaling", "N"] > 1.4 * table.loc["chinchilla", "N"]
    again = ql.read_fit(fit.to_json()).choice
    pd.testing.assert_frame_equal(again.table, fit.choice.table)


def test_few_runs_get_chinchilla_with_a_prior_and_repeated_data_a_law_of_their_own() -> None:
    few = chosen("skaling, k = 0.45", "9, grid")
    assert (few.law.name, few.choice.reason, few.choice.runner_up) == ("chinchilla", "few runs", None)
    assert few.prior
    ruled = ql.datasets.load_quokka_repeated().groupby("run_id").nth([40, 100]).reset_index(drop=True)
    form = ql.fit(ruled, n_starts=2).choice
    assert form.reason == "repeated data"


def test_named_laws_are_not_overruled(quokka87: pd.DataFrame) -> None:
    fit = ql.fit("chinchilla", quokka87)
    assert (fit.law.name, fit.choice) == ("chinchilla", None)
    assert fit.objective == ql.LogHuber(1e-3)
    with pytest.raises(ValueError, match="none was named"):
        ql.fit(quokka87, params=ql.laws.Chinchilla().make_params())


def of_one_ratio() -> pd.DataFrame:
    N = np.geomspace(1e8, 1e10, 8)
    loss = 1.7 + 900.0 * (120.0 * N**2) ** -0.155 * np.exp(0.01 * np.random.default_rng(0).standard_normal(8))
    return pd.DataFrame({"N": N, "D": 20.0 * N, "loss": loss})


def test_runs_of_one_ratio_or_of_compute_alone_get_a_law_of_compute() -> None:
    runs = ql.check_runs(of_one_ratio())
    fit = ql.fit(runs)
    assert (fit.law, fit.choice.reason) == (ql.laws.PowerLaw("C"), "one ratio")
    assert fit.values["kappa"] == pytest.approx(0.155, abs=0.03)
    assert ql.read_fit(fit.to_json()).choice.reason == "one ratio"
    bare = ql.check_runs(runs[["C", "loss"]])
    assert ql.fit(bare).choice.reason == "compute alone"
    assert ql.fit(bare).values == pytest.approx(fit.values, rel=1e-6)
    with pytest.raises(ql.RunsError, match="same D/N"):
        ql.fit("chinchilla", runs)
