"""Patterns of residuals: found where the law is wrong, not where it is only noisy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from simulated import DESIGNS, TRUTHS, simulate

import quokka_laws as ql
from quokka_laws.fitting.linearised import Linearised
from quokka_laws.fitting.score_tests import added_variable_p_value, coupling_p_value, pattern

LAW = ql.laws.Chinchilla()


def fits(truth: str, design: str, noise: str, count: int) -> list[ql.FitResult]:
    drawn = DESIGNS[design]()
    return [ql.fit(LAW, simulate(TRUTHS[truth], drawn, noise, s), objective=ql.LogHuber("auto")) for s in range(count)]


@pytest.mark.parametrize("noise", ["0.3 %", "5 % outliers"])
def test_the_right_law_is_not_accused(noise: str) -> None:
    found = fits("chinchilla", "40, isoflop", noise, 25)
    assert sum(coupling_p_value(f) < 0.01 for f in found) <= 2
    assert sum(pattern(f).p < 0.01 for f in found) <= 2


def test_a_coupling_is_found_and_a_bounded_loss_leaves_a_pattern() -> None:
    assert all(coupling_p_value(f) < 0.01 for f in fits("skaling, k = 0.45", "40, isoflop", "1 %", 6))
    assert all(pattern(f).p < 0.01 for f in fits("bounded", "40, isoflop", "0.3 %", 6))


def test_quokka_k_is_not_one_also_without_its_runs_of_few_tokens(quokka87: pd.DataFrame) -> None:
    assert coupling_p_value(ql.fit(LAW, quokka87)) < 1e-10
    assert coupling_p_value(ql.fit(LAW, ql.read_runs(quokka87, drop="D / N < 4"))) < 1e-10
    coupled = next(d for d in ql.fit(LAW, quokka87).diagnostics if d.code == "COUPLED")
    assert coupled.numbers["k"] == pytest.approx(0.39, abs=0.03)
    assert coupled.numbers["wide_N"] > 1.4 * coupled.numbers["own_N"]


def test_p_values_are_uniform_where_nothing_is_there() -> None:
    rng = np.random.default_rng(0)
    J, Z = rng.standard_normal((30, 4)), rng.standard_normal((30, 2))
    p = [
        added_variable_p_value(
            Linearised(rng.standard_normal((1, 30)), J[None], np.ones((1, 30)), np.inf, np.ones(30), np.zeros(4)), Z
        )
        for _ in range(300)
    ]
    assert np.mean(np.array(p) < 0.5) == pytest.approx(0.5, abs=0.09)
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.04)


def test_not_asked_of_checkpoints_or_other_laws(quokka87: pd.DataFrame) -> None:
    shared = quokka87.assign(run_id=np.arange(len(quokka87)) // 4)
    assert np.isnan(coupling_p_value(ql.fit(LAW, shared)))
    assert pattern(ql.fit(LAW, shared)) is None
    assert np.isnan(coupling_p_value(ql.fit(ql.laws.Kaplan(), quokka87)))
