"""How an answer follows from coefficients: by finite differences; and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.plan.design.question import Question, optimum_gradient


@pytest.fixture(scope="module")
def repeated() -> ql.FitResult:
    return ql.fit(ql.laws.Memorization(), ql.datasets.load_quokka_repeated()[::60])


@pytest.mark.parametrize("law", [ql.laws.Chinchilla(), ql.laws.Skaling()], ids=lambda v: v.name)
def test_derivative_of_the_optimum_is_that_of_finite_differences(law: ql.laws.Law) -> None:
    fit = ql.fit(law, ql.datasets.load_quokka_isoflops())
    gradient = optimum_gradient(fit, 1e23)
    assert gradient == pytest.approx(differences(fit, lambda f: ql.plan.compute_optimal(f, 1e23)), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("C", [1e19, 1e23], ids=["compute-limited", "data-limited"])
def test_derivative_of_the_repeated_optimum_is_that_of_finite_differences(repeated: ql.FitResult, C: float) -> None:
    gradient = optimum_gradient(repeated, C, 1e8)
    numeric = differences(repeated, lambda f: ql.plan.compute_and_data_optimal(f, C, 1e8))
    assert gradient == pytest.approx(numeric, rel=1e-3, abs=1e-5)


def differences(fit: ql.FitResult, plan: object, h: float = 1e-4) -> np.ndarray:
    """Central differences of log N in solver coordinates; zero for amplitudes that are zero."""
    found = []
    for c in fit.law.coefficients:
        ends = []
        for step in (h, -h):
            value = fit.values[c.name]
            moved = {**fit.values, c.name: value * np.exp(step) if c.is_log else value + step}
            ends.append(np.log(plan(replace(fit, values=moved))["N"].iloc[0]))  # type: ignore[operator]
        found.append((ends[0] - ends[1]) / (2 * h))
    return np.array(found)


def test_losses_at_points_are_a_question() -> None:
    law = ql.published["besiroglu-2024"]
    points = pd.DataFrame({"N": [1e9, 2e9], "D": ["20B", "40B"]})
    asked = Question.asked(law, None, points, None)
    assert asked.gradient(law).shape == (2, 5)
    assert "2 points" in asked.text
    step = replace(law, values={**law.values, "alpha": law.values["alpha"] + 1e-6})
    moved = np.log(step(N=points["N"], D=[2e10, 4e10]) / law(N=points["N"], D=[2e10, 4e10])) / 1e-6
    assert asked.gradient(law)[:, law.law.names.index("alpha")] == pytest.approx(moved, rel=1e-4)


@pytest.mark.parametrize(
    ("target", "words"), [({"N": 1e9}, "target lacks D"), (pd.DataFrame(), "empty"), ({"N": 1e9, "D": -1.0}, "D = -1")]
)
def test_refusals_say_what_a_point_has(target: object, words: str) -> None:
    with pytest.raises(ql.ArgumentError, match=words):
        Question.asked(ql.published["besiroglu-2024"], None, target, None)  # type: ignore[arg-type]
