"""What is doubtful about a fit is found by measurement: rarely on lawful runs, often where something is wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

import quokka_laws as ql
from quokka_laws.fitting.diagnostics import Diagnosis

LAW = ql.laws.Chinchilla()


def isoflop_grid(seed: int, lift: float) -> ql.FitResult:
    """42 lawful runs, 12 of them below 4 tokens per parameter, whose losses are lifted by a share."""
    C, f = (v.ravel() for v in np.meshgrid(np.geomspace(1e18, 1e21, 6), np.geomspace(1 / 4, 4, 7)))
    N = 0.09 * np.sqrt(C) * f
    loss = LAW.loss({"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2000.0, "beta": 0.37}, N=N, D=C / (6 * N))
    noise = 0.005 * np.random.default_rng(seed).standard_normal(len(N)) + lift * (C / (6 * N**2) < 4)
    return ql.fit(LAW, ql.check_runs(pd.DataFrame({"N": N, "D": C / (6 * N), "loss": loss * np.exp(noise)})))


def test_low_ratios_are_doubted_only_beyond_their_noise() -> None:
    def doubted(lift: float, seeds: int) -> int:
        return sum("LOW_RATIO_RUNS" in [f.code for f in isoflop_grid(seed, lift).diagnostics] for seed in range(seeds))

    assert doubted(0.0, 16) <= 3
    assert doubted(0.03, 8) >= 6


def test_an_unidentified_fit_has_no_intervals(noisy_fit: ql.FitResult) -> None:

    free = replace(noisy_fit, condition_number=1e12)
    assert noisy_fit.has_intervals
    assert not free.has_intervals
    assert free.summary[["stderr", "lower", "upper"]].isna().all(axis=None)
    assert "95 % interval" not in free.report()
    assert "ILL_CONDITIONED" in [d.code for d in Diagnosis(None)(free)]


def test_a_scale_that_should_have_the_other_sign_is_named() -> None:
    N, share = np.meshgrid(np.geomspace(1e7, 1e9, 8), [0.0, 0.3, 0.6, 0.9])
    loss = 1.8 + 480.0 / (N * (1 - 0.5 * share)) ** 0.35
    loss *= np.exp(0.003 * np.random.default_rng(0).standard_normal(loss.shape))
    runs = ql.check_runs(pd.DataFrame({"N": N.ravel(), "share": share.ravel(), "loss": loss.ravel()}))
    wrong, right = (ql.fit(f"E + A/(N*(1 {sign} c*share))^a", runs) for sign in "+-")
    (said,) = (d for d in wrong.diagnostics if d.code == "SCALE_VANISHED")
    assert said.numbers["name"] == "c"
    assert "turn the sign before it" in said.sentence()
    assert "SCALE_VANISHED" not in {d.code for d in right.diagnostics}
    assert abs(right.values["c"] - 0.5) < 0.05
