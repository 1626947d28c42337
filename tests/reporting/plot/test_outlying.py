"""Outliers are named in residual and contour figures, and both optima drawn."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql
from quokka_laws import plot
from quokka_laws.reporting.plot.outlying import outlying


@pytest.fixture(scope="module")
def spoiled() -> ql.FitResult:
    runs = sweep(ql.laws.Chinchilla(), TRUE_CHINCHILLA, runs=40, noise=0.003, seed=0)
    runs.loc[runs["N"].nlargest(2).index, "loss"] *= 1.1
    return ql.fit(ql.laws.Chinchilla(), runs.assign(run_id=[f"exp-{k}" for k in range(40)]))


def test_names_and_optima(spoiled: ql.FitResult) -> None:
    found = outlying(spoiled)
    assert found is not None
    for ax in (plot.residuals(spoiled), plot.loss_contours(spoiled)):
        assert set(found.rows) <= {text.get_text() for text in ax.texts}
    stars = [line for line in ax.lines if line.get_marker() == "*"]
    drawn = [float(star.get_xdata()[0]) for star in stars]
    assert drawn == pytest.approx([found.numbers["with_them"], found.numbers["without"]])
    assert np.log(drawn[0] / drawn[1]) != pytest.approx(0, abs=0.01)


def test_a_lawful_fit_has_neither(noisy_fit: ql.FitResult) -> None:
    assert outlying(noisy_fit) is None
    assert not [line for line in plot.loss_contours(noisy_fit).lines if line.get_marker() == "*"]
