"""Profiles as a result: their power laws by hand, intervals of known draws, what is said of wide grids."""

from __future__ import annotations

from dataclasses import replace

import lmfit
import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.results.isoflop_fit import FARTHEST_OFFSET, WIDEST_GRID, IsoflopFit

C = np.array([1e18, 1e19, 1e20])


def power(k: float, exponent: float) -> lmfit.model.ModelResult:
    return lmfit.models.LinearModel().fit(np.log(k) + exponent * np.log(C), x=np.log(C))


def profiles(**changes: object) -> IsoflopFit:
    optima = pd.DataFrame({"C": C, "N": 0.1 * C**0.5, "D": C / 0.6 / C**0.5, "loss": [3.0, 2.8, 2.6], "runs": 5})
    optima = optima.assign(grid_center=optima["N"], offset=1.0, grid_width=3.0, curvature=0.1)
    runs = ql.check_runs(pd.DataFrame({"N": optima["N"], "D": optima["D"], "loss": optima["loss"]}))
    fits = {"N": power(0.1, 0.5), "D": power(1 / 0.6, 0.5)}
    return replace(IsoflopFit(optima, (), fits, 2, runs, ql.Conventions()), **changes)  # type: ignore[arg-type]


def test_power_laws() -> None:
    assert profiles().values == pytest.approx({"k_N": 0.1, "a": 0.5, "k_D": 1 / 0.6, "b": 0.5}, rel=1e-9)
    plan = profiles().allocate(np.array([1e19, 1e22]))
    np.testing.assert_allclose(plan["N"], [0.1 * 1e19**0.5, 1e10], rtol=1e-8)
    np.testing.assert_allclose(6 * plan["N"] * plan["D"], plan["C"], rtol=1e-12)
    assert plan["extrapolation"].tolist() == pytest.approx([1.0, 100.0])
    assert "N_lower" not in plan


def test_intervals_are_those_of_the_draws() -> None:
    a = np.linspace(0.4, 0.6, 101)
    draws = pd.DataFrame({"k_N": 0.1, "a": a, "k_D": 1.0, "b": 1 - a})
    fit = profiles(draws=draws)
    assert fit.has_intervals
    assert fit.summary.loc["a", ["lower", "upper"]].tolist() == pytest.approx([0.405, 0.595])
    plan = fit.allocate(np.array([1e22]), level=0.9).iloc[0]
    assert (plan["N_lower"], plan["N_upper"]) == pytest.approx((0.1 * 1e22**0.41, 0.1 * 1e22**0.59))
    assert plan["N_lower"] * plan["D_upper"] == pytest.approx(1e22 / 6)
    assert "N_lower" not in fit.allocate(np.array([1e22]), level=None)


def test_wide_grids_and_far_minima_are_doubted() -> None:
    assert profiles().diagnostics == ()
    optima = profiles().optima
    wide = profiles(optima=optima.assign(grid_width=2 * WIDEST_GRID))
    far = profiles(optima=optima.assign(offset=1 / (1.2 * FARTHEST_OFFSET)))
    assert [d.code for d in wide.diagnostics] == ["WIDE_GRID"]
    assert wide.diagnostics[0].numbers["width"] == 2 * WIDEST_GRID
    assert far.diagnostics[0].numbers["offset"] == pytest.approx(1.2 * FARTHEST_OFFSET)
