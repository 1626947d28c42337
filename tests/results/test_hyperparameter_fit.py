"""What a fit of hyper-parameters shows and answers."""

from __future__ import annotations

import numpy as np
import pytest
from swept import LR, both, rates

import quokka_laws as ql


@pytest.fixture(scope="module")
def fit() -> ql.HyperparameterFit:
    return ql.fit_hyperparameters(rates(0.001), "lr", bootstrap=200)


def test_coefficients_with_intervals_that_hold_them(fit: ql.HyperparameterFit) -> None:
    table = fit.coefficients
    assert table.index.tolist() == [(q, k) for q in ("lr", "lr curvature") for k in ("c", "N", "D")]
    assert (table["lower"] <= table["value"]).all()
    assert (table["value"] <= table["upper"]).all()
    assert table.loc[("lr", "N"), "value"] == pytest.approx(LR[1], abs=0.05)


def test_the_answer_is_the_law_and_the_report_has_everything(fit: ql.HyperparameterFit) -> None:
    assert fit.answer.startswith("best lr = ")
    assert "12 of 12" in fit.answer
    text = str(fit)
    assert text.startswith(fit.answer)
    assert f"{fit.cells['lowest'].iloc[0]:.4f}" in text
    assert "lr curvature" in text
    assert "12 cells" in repr(fit)
    assert "<table" in fit._repr_html_()


def test_without_a_law_the_answer_is_the_best_of_each_cell() -> None:
    one = rates(0.001).query("N == 6e7 and D == 3e9").reset_index(drop=True)
    found = ql.fit_hyperparameters(one, "lr", bootstrap=100)
    assert found.answer.startswith("At N = 60M, D = 3B: best lr")
    assert len(found.coefficients) == 0
    assert "best lr" in found.report()


def test_predictions_along_arrays_follow_the_power(fit: ql.HyperparameterFit) -> None:
    table = fit.predict(N=[1e8, 1e9], D=1e10)
    ratio = np.log(table["lr"].iloc[1] / table["lr"].iloc[0]) / np.log(10.0)
    assert ratio == pytest.approx(fit.coefficients.loc[("lr", "N"), "value"])
    assert table["level"].tolist() == [0.95, 0.95]


@pytest.mark.parametrize(
    "asked",
    [
        {"N": 1e9},
        {"N": 1e9, "D": -1.0},
        {"N": "x", "D": 1e9},
        {"N": 1e9, "D": 1e9, "wd": 1.0},
        {"N": 1e9, "D": 1e9, "level": 2.0},
    ],
)
def test_questions_that_cannot_be_asked(fit: ql.HyperparameterFit, asked: dict[str, object]) -> None:
    with pytest.raises(ql.ArgumentError):
        fit.predict(**asked)  # type: ignore[arg-type]


def test_what_is_lost_is_nothing_at_the_optimum(fit: ql.HyperparameterFit) -> None:
    best = fit.predict(1e9, 2e10)["lr"].iloc[0]
    assert fit.lost(1e9, 2e10, lr=best)[0] == pytest.approx(0.0, abs=1e-12)
    lost = fit.lost(1e9, 2e10, lr=[best / 2, 2 * best, 4 * best])
    assert lost[0] == pytest.approx(lost[1])
    assert np.log1p(lost[2]) == pytest.approx(4 * np.log1p(lost[1]))
    for wrong in ({}, {"wd": 1.0}):
        with pytest.raises(ql.ArgumentError):
            fit.lost(1e9, 2e10, **wrong)


def test_two_hyper_parameters_are_two_equations() -> None:
    found = ql.fit_hyperparameters(both(), ["lr", "batch"], bootstrap=100)
    assert found.answer.count("best ") == 2
    assert found.lost(6e8, 1.2e10, lr=1e-3, batch_tokens=1e6).shape == (1,)
