"""The law of a curve recovers what made it, and its gain is the multi-power law's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quokka_laws.fitting.curve_law import NAMES, CurveSystem
from quokka_laws.fitting.curve_table import CurveOfRun, read_curves
from quokka_laws.laws.schedules import relative_rate


def runs(schedule: str) -> list[CurveOfRun]:
    share = np.linspace(0.005, 1.0, 200)
    logs = [
        pd.DataFrame(
            {"run_id": str(N), "N": N, "D": share * D, "loss": 3.0, "D_final": D, "lr": relative_rate(schedule, share)}
        )
        for N, D in ((3e7, 1.2e9), (8e7, 1.6e9), (2e8, 8e9), (4e8, 8e9))
    ]
    return read_curves(pd.concat(logs), columns=None, schedule=None, D_final=None)


@pytest.mark.parametrize("schedule", ["cosine", "wsd"])
def test_coefficients_of_exact_curves_predict_them(schedule: str) -> None:
    system = CurveSystem.of(runs(schedule))
    truth = system.expected + np.array([0.1, 0.2, 0.05, -0.3, 0.05, 0.3, 0.5, 0.05, -0.05, 0.05, 0.2])
    exact = [replace(c, log_loss=system.log_loss(truth, c, c.D)) for c in system.curves]
    found = replace(system, curves=tuple(exact)).fit()
    for c in exact:
        assert system.log_loss(found.v, c, c.D) == pytest.approx(c.log_loss, abs=2e-3)
    assert set(found.values) == set(NAMES)


def test_annealing_gains_nothing_at_a_constant_rate_and_all_of_it_long_after() -> None:
    system = CurveSystem.of(runs("wsd"))
    v = system.expected
    curve = system.curves[0]
    flat = replace(curve, rate=np.ones_like(curve.rate))
    D = np.array([curve.D_final])
    level = np.exp(system.log_loss(v, flat, D))
    dropped = replace(curve, rate=np.where(curve.nodes < 0.01 * curve.D_final, 1.0, 0.5))
    same_time = replace(dropped, nodes=curve.nodes * 2.0, D_final=2.0 * curve.D_final)
    gained = level - np.exp(system.log_loss(v, same_time, np.array([2.0 * curve.D_final])))
    most = np.exp(v[5]) * np.exp(v[9] * (np.log(curve.N) - system.log_N)) * 0.5
    assert 0.5 * most < gained.item() < 1.1 * most


def test_forecasts_say_how_sure_they_are() -> None:
    system = CurveSystem.of(runs("cosine"))
    rng = np.random.default_rng(0)
    noisy = [
        replace(c, log_loss=system.log_loss(system.expected, c, c.D) + 0.003 * rng.standard_normal(len(c.D)))
        for c in system.curves
    ]
    whole = replace(system, curves=tuple(noisy)).fit()
    early = replace(system, curves=(*noisy[:3], noisy[3].until(0.2))).fit()
    assert early.forecast(3)[1] > whole.forecast(3)[1]
    assert whole.sizes.noise == pytest.approx(0.003, rel=0.4)


def test_a_run_that_is_late_is_forecast_to_catch_up_in_part() -> None:
    system = CurveSystem.of(runs("constant"))
    v, rng = system.expected, np.random.default_rng(0)
    curves = []
    for c, lag in zip(system.curves, (0.1, -0.1, 0.1, 1.0), strict=True):
        late = lag * np.exp(-np.log(c.D / c.D[0]) / 1.5)
        curves.append(replace(c, log_loss=system.log_loss(v, c, c.D * np.exp(-late)) + 1e-3 * rng.standard_normal(60)))
    cut = curves[3].until(0.3)
    found = replace(system, curves=(*curves[:3], cut)).fit()
    end = system.log_loss(found.v, cut, np.array([cut.D_final]))[0]
    behind = cut.log_loss[-1] - system.log_loss(found.v, cut, cut.D[-1:])[0]
    assert behind > 0.005
    assert 0.0 < found.forecast(3)[0] - end < 0.8 * behind


def test_the_slope_is_that_of_the_law() -> None:
    system = CurveSystem.of(runs("constant"))
    v = system.expected
    v[10] = np.log(0.5)
    along = system._along[0]
    step = 1e-5
    ahead, behind = (system._log_loss(v, replace(along, log_T=along.log_T + s), along.gain(v)) for s in (step, -step))
    assert system._places(v, along).slope == pytest.approx((behind - ahead) / (2 * step), rel=1e-5)
