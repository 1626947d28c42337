"""Hyper-parameters of each N and D: truth comes back, whatever the columns are called, and mistakes get one sentence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from swept import BATCH, LR, SIZES, STEEP_LR, TOGETHER, TOKENS, best, both, floor, rates

import quokka_laws as ql
from quokka_laws.literature.datasets import data_folder


def codes(fit: ql.HyperparameterFit) -> set[str]:
    return {d.code for d in fit.diagnostics}


def test_exact_laws_of_learning_rate_and_batch_come_back() -> None:
    fit = ql.fit_hyperparameters(both(), ["lr", "batch"], bootstrap=100)
    assert fit.over == ("lr", "batch_tokens")
    assert fit.kinds == {"lr": "lr", "batch_tokens": "batch_tokens"}
    for h, law in (("lr", LR), ("batch_tokens", BATCH)):
        assert fit.coefficients.loc[h, "value"].to_numpy() == pytest.approx(law, rel=1e-3, abs=1e-3)
    assert fit.correlation[0, 1] == pytest.approx(TOGETHER, abs=1e-3)
    assert (fit.cells["state"] == "inside").all()
    truth = [floor(N, D) for N, D in zip(fit.cells["N"], fit.cells["D"], strict=True)]
    assert fit.frontier["loss"].to_numpy() == pytest.approx(truth, rel=1e-6)
    assert codes(fit) == {"BATCH_IN_TOKENS"}


def test_prediction_and_what_is_lost_off_the_optimum() -> None:
    fit = ql.fit_hyperparameters(both(0.001), ["lr", "batch"])
    row = fit.predict(N="7B", D="140B").iloc[0]
    assert row["lr_lower"] <= best(LR, 7e9, 1.4e11) <= row["lr_upper"]
    assert row["batch_tokens_lower"] <= best(BATCH, 7e9, 1.4e11) <= row["batch_tokens_upper"]
    assert row["lr_lost_at_double"] == pytest.approx(np.expm1(0.5 * STEEP_LR * np.log(2) ** 2), rel=0.1)
    assert row["extrapolation"] == pytest.approx(7e9 / max(SIZES))
    assert fit.lost(N=7e9, D=1.4e11, lr=2 * row["lr"])[0] == pytest.approx(row["lr_lost_at_double"], rel=1e-6)
    wide = fit.predict(N=7e9, D=1.4e11, level=0.99).iloc[0]
    assert wide["lr_upper"] > row["lr_upper"]


def test_the_best_beside_a_batch_that_is_given_is_lower_with_a_smaller_batch() -> None:
    fit = ql.fit_hyperparameters(both(), ["lr", "batch"], bootstrap=100)
    N, D = 6e8, 1.2e10
    held = best(BATCH, N, D) / 2.0
    row = fit.predict(N, D, batch_tokens=held).iloc[0]
    moved = -TOGETHER * np.sqrt(0.008 / STEEP_LR) * np.log(0.5)
    assert np.log(row["lr"] / best(LR, N, D)) == pytest.approx(moved, abs=0.01)
    assert row["batch_tokens"] == pytest.approx(held)
    near = [float(fit.lost(N, D, lr=row["lr"] * f, batch_tokens=held)[0]) for f in (0.9, 1.0, 1.1)]
    assert min(near) == near[1]


def test_tokens_rounded_to_batches_are_one_cell() -> None:
    table = rates()
    table["D"] *= 1 + 0.004 * np.random.default_rng(0).random(len(table))
    assert len(ql.fit_hyperparameters(table, "lr", bootstrap=100).cells) == len(SIZES) * len(TOKENS)


def test_sweeps_that_end_too_soon_are_named_and_do_not_pull_the_law() -> None:
    table = rates(0.001)
    cut = (table["N"] < 1e8) & (table["lr"] > 0.6 * best(LR, 6e7, 1.2e10))
    fit = ql.fit_hyperparameters(table[~cut].reset_index(drop=True), "lr")
    beyond = fit.cells[fit.cells["state"] == "beyond"]
    assert len(beyond) >= 1
    assert (beyond["lr_side"] == 1).all()
    named = next(d for d in fit.diagnostics if d.code == "BEST_BEYOND")
    assert named.numbers["count"] == len(beyond)
    assert "N = 6e+07" in named.rows[0]
    row = fit.coefficients.loc[("lr", "N")]
    assert row["lower"] <= LR[1] <= row["upper"]


def test_rungs_without_a_sweep_are_judged_by_the_law() -> None:
    N, D = 4e9, 8e10
    poor, good = (
        pd.DataFrame({"N": [size], "D": [D], "lr": [f * best(LR, size, D)], "loss": [floor(size, D) * np.exp(extra)]})
        for size, f, extra in ((N, 8.0, 0.5 * STEEP_LR * np.log(8.0) ** 2), (2 * N, 1.1, 0.0))
    )
    fit = ql.fit_hyperparameters(pd.concat([rates(0.0005), poor, good], ignore_index=True), "lr")
    assert fit.under_tuned["N"].tolist() == [N]
    assert fit.under_tuned["lost"].iloc[0] == pytest.approx(np.expm1(0.5 * STEEP_LR * np.log(8.0) ** 2), rel=0.2)
    assert fit.under_tuned["lr_best"].iloc[0] == pytest.approx(best(LR, N, D), rel=0.1)
    assert {"UNDER_TUNED", "FEW_RUNS_IN_CELL"} <= codes(fit)


def test_one_pair_of_N_and_D_has_a_best_and_no_law() -> None:
    one = rates(0.0005).query("N == 6e7 and D == 3e9").reset_index(drop=True)
    fit = ql.fit_hyperparameters(one, "lr")
    assert not fit.has_law
    assert codes(fit) == {"NO_LAW"}
    assert fit.cells["lr"].iloc[0] == pytest.approx(best(LR, 6e7, 3e9), rel=0.1)
    with pytest.raises(ql.FitError):
        fit.predict(N=1e9, D=1e10)


def test_what_one_amount_of_tokens_or_one_ratio_cannot_tell() -> None:
    constant = ql.fit_hyperparameters(rates(0.0005, tokens=(1.2e10,)), "lr")
    assert constant.variables == ("N",)
    assert next(d for d in constant.diagnostics if d.code == "EXPONENT_UNKNOWN").numbers["together"] is False
    assert constant.coefficients.loc[("lr", "N"), "value"] == pytest.approx(LR[1], abs=0.03)
    table = pd.concat([rates(0.0005, tokens=(20.0 * N,)).query("N == @N") for N in SIZES], ignore_index=True)
    line = ql.fit_hyperparameters(table, "lr")
    assert next(d for d in line.diagnostics if d.code == "EXPONENT_UNKNOWN").numbers["together"] is True
    assert line.coefficients.loc[("lr", "N"), "value"] == pytest.approx(LR[1] + LR[2], abs=0.03)


def test_empty_cells_are_left_out_and_other_settings_that_vary_are_said() -> None:
    table = rates(0.0005)
    table.loc[[3, 10], "lr"] = np.nan
    table["weight_decay"] = np.tile([0.05, 0.1], len(table))[: len(table)]
    fit = ql.fit_hyperparameters(table, "lr")
    assert fit.cells["runs"].sum() == len(table) - 2
    assert {"SETTING_EMPTY", "ALSO_VARIED"} <= codes(fit)


def test_lopsided_bowls_are_said_with_what_helps() -> None:
    table = rates(0.0003, points=9)
    z = np.log(table["lr"] / [best(LR, N, D) for N, D in zip(table["N"], table["D"], strict=True)])
    table["loss"] *= np.exp(0.0012 * z**3)
    fit = ql.fit_hyperparameters(table, "lr")
    said = next(d for d in fit.diagnostics if d.code == "LOPSIDED_BOWLS")
    assert said.numbers["moved"]["lr"] > 1.1
    near = ql.fit_hyperparameters(table, "lr", **{said.advice[0].name: said.advice[0].value})
    c, nearer = (abs(np.log(f.predict(6e8, 1.2e10)["lr"].iloc[0] / best(LR, 6e8, 1.2e10))) for f in (fit, near))
    assert nearer < c


@pytest.mark.parametrize(
    "wrong", [{"bootstrap": 10}, {"within": 0.0}, {"level": 1.0}, {"sequence_length": 2048}, {"sequence_length": "x"}]
)
def test_options_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(ql.ArgumentError):
        ql.fit_hyperparameters(rates(), "lr", **wrong)  # type: ignore[arg-type]


def test_the_trainers_own_tuning_is_such_a_table() -> None:
    table = pd.read_json(data_folder() / "calibration" / "autoregressive" / "runs.jsonl", lines=True)
    probes = table.loc[table["phase"] == "probe", ["N", "D", "lr", "batch", "loss"]].reset_index(drop=True)
    fit = ql.fit_hyperparameters(probes, over="lr", bootstrap=100)
    assert (fit.cells["state"] == "inside").all()
    assert fit.variables == ("N",)
    assert fit.cells["lr"].between(0.004, 0.009).all()
