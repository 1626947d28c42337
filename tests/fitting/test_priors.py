"""Weak priors on exponents: taken where runs are few, stated, overruled by many."""

from __future__ import annotations

import numpy as np
import pytest
from simulated import DESIGNS, TRUTHS, fit_many, log_losses, simulate

import quokka_laws as ql
from quokka_laws.fitting.priors import Prior

LAW = ql.laws.Chinchilla()
AUTO = ql.LogHuber("auto")
TRUTH = TRUTHS["chinchilla"]


def test_taken_under_thirteen_runs_and_stated() -> None:
    nine, fifteen = (simulate(TRUTH, DESIGNS[k](), "1 %", 1) for k in ("9, grid", "15, isoflop"))
    fit = ql.fit(LAW, nine, objective=AUTO)
    assert fit.prior == {"alpha": (0.35, 0.1), "beta": (0.36, 0.1)}
    assert ql.read_fit(fit.to_json()).prior == fit.prior
    assert ql.fit(LAW, nine, objective=AUTO, prior=None).prior == {}
    assert ql.fit(LAW, nine).prior == {}  # the papers' objective has no scale of noise
    assert ql.fit(LAW, fifteen, objective=AUTO).prior == {}


def test_halves_the_error_of_few_runs() -> None:
    design = DESIGNS["9, grid"]()
    clean = np.log(TRUTH.loss(design["N"].to_numpy(), design["D"].to_numpy()))
    y = log_losses(TRUTH, design, "1 %", range(100, 160))
    log_ND = np.log([30.0 * float((design["N"] * design["D"]).max())])
    target = TRUTH.log_N(6.0 * np.exp(log_ND))
    off = {}
    for prior in (None, Prior.literature(LAW)):
        fits = fit_many(LAW, design, y, 0.01, clean=clean, prior=prior)
        found = fits.ask(lambda law, v: np.asarray(law.optimal_log_N(v, log_ND))).value
        off[prior is not None] = float(np.median(np.abs(found - target)))
    assert off[True] < 0.75 * off[False]


def test_a_strong_one_is_obeyed_and_a_wide_one_is_not_felt() -> None:
    runs = simulate(TRUTH, DESIGNS["15, isoflop"](), "1 %", 1)
    free = ql.fit(LAW, runs, objective=AUTO, prior=None).values["alpha"]
    assert ql.fit(LAW, runs, objective=AUTO, prior={"alpha": (0.5, 1e-4)}).values["alpha"] == pytest.approx(
        0.5, abs=1e-3
    )
    assert ql.fit(LAW, runs, objective=AUTO, prior={"alpha": (0.5, 100.0)}).values["alpha"] == pytest.approx(
        free, abs=0.01
    )


def test_six_runs_can_be_fitted_with_it() -> None:
    runs = simulate(TRUTH, DESIGNS["6, grid"](), "0.3 %", 0)
    fit = ql.fit(LAW, runs, objective=AUTO, bootstrap=100)
    assert 0.15 < fit.values["alpha"] < 0.55
    low, high = np.percentile(fit.draws["alpha"], [2.5, 97.5])
    assert 0.05 < high - low < 0.6


@pytest.mark.parametrize(
    ("prior", "says"),
    [({"k": (1.0, 0.1)}, "no coefficient k"), ({"alpha": (0.3, 0.0)}, "positive"), ("books", "'literature'")],
)
def test_refusals(prior: object, says: str) -> None:
    runs = simulate(TRUTH, DESIGNS["9, grid"](), "1 %", 1)
    with pytest.raises(ValueError, match=says):
        ql.fit(LAW, runs, objective=AUTO, prior=prior)
    with pytest.raises(ValueError, match="LogHuber"):
        ql.fit(LAW, runs, prior={"alpha": (0.3, 0.1)})
