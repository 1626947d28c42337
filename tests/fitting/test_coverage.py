"""Intervals hold what they say: ``benchmarks/coverage.py`` at reduced size."""

from __future__ import annotations

import numpy as np
import pytest
from simulated import DESIGNS, TRUTHS, fit_many, log_losses

import quokka_laws as ql

LAW, TRUTH = ql.laws.Chinchilla(), TRUTHS["chinchilla"]


@pytest.mark.parametrize("design", ["9, grid", "15, isoflop", "30, L-shaped", "40, isoflop", "87, quokka"])
@pytest.mark.parametrize(("noise", "scatter"), [("0.3 %", 0.003), ("5 % outliers", 0.003)])
def test_95_percent_intervals_of_alpha_and_the_best_size(design: str, noise: str, scatter: float) -> None:
    drawn = DESIGNS[design]()
    clean = np.log(TRUTH.loss(drawn["N"].to_numpy(), drawn["D"].to_numpy()))
    fits = fit_many(LAW, drawn, log_losses(TRUTH, drawn, noise, range(150)), scatter, clean=clean)
    C = 100.0 * 6.0 * float((drawn["N"] * drawn["D"]).max())
    log_ND = np.log([C / 6.0])
    found = fits.ask(lambda law, v: np.concatenate([v["alpha"], np.asarray(law.optimal_log_N(v, log_ND))], axis=1))
    off = np.abs(found.value - np.array([TRUTH.alpha, TRUTH.log_N(C)]))
    held = (off <= found.half_width(0.95)).mean(axis=0)
    assert ((held >= 0.90) & (held <= 1.0)).all(), held  # 95 ± 1.8 % by chance
