"""Figures of hyper-parameters draw what the fit holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from swept import LR, best, both, rates

import quokka_laws as ql
from quokka_laws.reporting.plot.hyperparameters import hyperparameters_file


@pytest.fixture(scope="module")
def fit() -> ql.HyperparameterFit:
    return ql.fit_hyperparameters(both(0.001), ["lr", "batch"], bootstrap=100)


def test_a_bowl_for_each_cell_with_its_lowest_point_marked(fit: ql.HyperparameterFit) -> None:
    ax = ql.plot.hyperparameter_bowls(fit)
    marks = [line for line in ax.lines if line.get_marker() == "o"]
    assert len(marks) == len(fit.cells)
    assert sorted(float(m.get_xdata()[0]) for m in marks) == pytest.approx(sorted(fit.cells["lr"]))
    assert sorted(float(m.get_ydata()[0]) for m in marks) == pytest.approx(sorted(fit.cells["bottom"]))
    curves = [line for line in ax.lines if line.get_linestyle() == "-" and len(line.get_xdata()) > 50]
    for curve, row in zip(curves, fit.cells.to_dict("records"), strict=True):
        assert min(curve.get_ydata()) == pytest.approx(row["bottom"], rel=1e-4)
    runs = [line for line in ax.lines if line.get_marker() == "."]
    assert sum(len(line.get_xdata()) for line in runs) == (fit.points["weight"] > 0).sum()


def test_the_law_goes_through_its_cells(fit: ql.HyperparameterFit) -> None:
    ax = ql.plot.hyperparameter_law(fit, "batch_tokens", along="D")
    assert ax.get_xlabel() == "tokens D"
    (line,) = [line for line in ax.lines if len(line.get_xdata()) > 50]
    D = np.asarray(line.get_xdata())
    expected = fit.predict(N=fit.cells["N"].median(), D=D)["batch_tokens"]
    assert np.asarray(line.get_ydata()) == pytest.approx(expected.to_numpy())


def test_a_sweep_that_ends_too_soon_has_a_triangle() -> None:
    table = rates(0.0005)
    cut = (table["N"] < 1e8) & (table["lr"] > 0.6 * best(LR, 6e7, 1.2e10))
    found = ql.fit_hyperparameters(table[~cut].reset_index(drop=True), "lr", bootstrap=100)
    assert [line for line in found.plot("law").lines if line.get_marker() == "^"]
    assert [line for line in found.plot().lines if line.get_marker() == ">"]


def test_one_file_of_all(fit: ql.HyperparameterFit, tmp_path: Path) -> None:
    assert hyperparameters_file(fit, tmp_path / "h.png").stat().st_size > 20_000
    one = ql.fit_hyperparameters(
        rates(0.001).query("N == 6e7 and D == 3e9").reset_index(drop=True), "lr", bootstrap=100
    )
    assert hyperparameters_file(one, tmp_path / "one.svg").stat().st_size > 5_000
    with pytest.raises(ql.FitError):
        one.plot("law")


@pytest.mark.parametrize("wrong", [{"kind": "pie"}, {"kind": "law", "h": "wd"}, {"kind": "law", "along": "C"}])
def test_figures_there_are_not(fit: ql.HyperparameterFit, wrong: dict[str, str]) -> None:
    with pytest.raises(ql.ArgumentError):
        fit.plot(**wrong)
