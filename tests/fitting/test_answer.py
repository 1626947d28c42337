"""The answer of a fit is that of the planner."""

from __future__ import annotations

import numpy as np
import pytest

import quokka_laws as ql
from quokka_laws.fitting.answer import BEYOND, Answer


def test_best_size_as_the_planner_has_it(noisy_fit: ql.FitResult) -> None:
    answer = Answer.of(noisy_fit)
    assert answer is not None
    assert BEYOND * noisy_fit.runs["C"].max() == answer.C
    found = np.exp(answer({k: np.array([v]) for k, v in noisy_fit.values.items()}))
    assert found == pytest.approx(ql.plan.compute_optimal(noisy_fit, answer.C)["N"].to_numpy())


def test_loss_where_there_is_no_closed_form() -> None:
    runs = ql.datasets.load_quokka_isoflops()
    fit = ql.fit(ql.laws.Farseer(), runs, n_starts=2)
    answer = Answer.of(fit, 1e23)
    assert answer is not None
    assert answer.name == "loss"
    at = {k.removeprefix("log_"): np.exp(v) for k, v in answer.point.items()}
    found = np.exp(answer({k: np.array([v]) for k, v in fit.values.items()}))
    assert found == pytest.approx(float(fit(**at)))
