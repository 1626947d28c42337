"""The scatter of runs, and the objective that takes its delta from it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from simulated import DESIGNS, TRUTHS, simulate
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql
from quokka_laws.fitting.scatter import scatter
from quokka_laws.objective import HUBER, LEAST_SCATTER, objective_from_spec

LAW = ql.laws.Chinchilla()
AUTO = ql.LogHuber("auto")


def test_scatter_is_the_noise_that_was_put_in() -> None:
    found = [
        ql.fit(LAW, simulate(TRUTHS["chinchilla"], DESIGNS["40, isoflop"](), "1 %", s), objective=AUTO)
        for s in range(12)
    ]
    sizes = [f.objective.scatter for f in found]
    assert np.median(sizes) == pytest.approx(0.01, rel=0.25)
    assert all(f.objective.auto and f.objective.delta == pytest.approx(HUBER * f.objective.scatter) for f in found)


def test_outliers_do_not_widen_it() -> None:
    runs = simulate(TRUTHS["chinchilla"], DESIGNS["40, isoflop"](), "0.3 %", 0)
    spoilt = runs.assign(loss=runs["loss"] * np.where(np.arange(len(runs)) % 20 == 3, 1.05, 1.0))
    clean, found = (ql.fit(LAW, table, objective=AUTO) for table in (runs, spoilt))
    assert found.objective.scatter < 1.5 * clean.objective.scatter
    assert found.values["alpha"] == pytest.approx(clean.values["alpha"], abs=0.01)


def test_no_noise_has_a_floor_and_the_exact_law() -> None:
    fit = ql.fit(LAW, sweep(LAW, TRUE_CHINCHILLA), objective=AUTO)
    assert fit.objective.scatter == pytest.approx(LEAST_SCATTER)
    assert fit.values == pytest.approx(TRUE_CHINCHILLA, rel=1e-4)


def test_scatter_allows_for_coefficients_and_weights() -> None:
    r = np.array([-3.0, -1.0, 1.0, 3.0, 10.0])
    assert scatter(r, np.ones(5), 0) == pytest.approx(1.4826 * 3.0)
    assert scatter(r, np.ones(5), 4) == pytest.approx(1.4826 * 3.0 * np.sqrt(5))
    assert scatter(r, np.array([1.0, 5.0, 5.0, 1.0, 1.0]), 0) == pytest.approx(1.4826)


def test_an_automatic_delta_has_no_value_before_runs() -> None:
    assert not AUTO.settled
    with pytest.raises(ValueError, match="before it has seen runs"):
        AUTO.value(np.zeros(1))
    with pytest.raises(ValueError, match="'auto'"):
        ql.LogHuber("automatic")
    settled = ql.LogHuber(0.004, auto=True)
    assert objective_from_spec(settled.to_spec()) == settled


def test_a_fit_with_it_is_read_back(quokka87: pd.DataFrame) -> None:
    fit = ql.fit(LAW, quokka87, objective=AUTO)
    assert ql.read_fit(fit.to_json()).objective == fit.objective
