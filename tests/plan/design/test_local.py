"""Information of a fit's runs: derivatives by finite differences, and what is not determined."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.plan.design.local import Knowledge, jacobian, undetermined


def test_derivatives_are_those_of_finite_differences() -> None:
    law = ql.published["skaling/farseer-runs"]
    x = law.law.inputs(N=np.array([1e9, 3e9]), D=np.array([2e10, 2e11]))
    found = jacobian(law, x)
    for j, c in enumerate(law.law.coefficients):
        value = law.values[c.name]
        up = replace(law, values={**law.values, c.name: value * np.exp(1e-6) if c.is_log else value + 1e-6})
        numeric = np.log(up(N=[1e9, 3e9], D=[2e10, 2e11]) / law(N=[1e9, 3e9], D=[2e10, 2e11])) / 1e-6
        assert found[:, j] == pytest.approx(numeric, rel=1e-3, abs=1e-8)


def test_each_run_narrows_a_target() -> None:
    fit = ql.fit(ql.laws.Chinchilla(), ql.datasets.load_quokka_isoflops(), objective="auto")
    known = Knowledge.of(fit, pd.DataFrame({"N": [1e9, 5e8], "D": [1e11, 2e11]}))
    gradient = jacobian(fit, fit.law.inputs(N=np.array([7e9]), D=np.array([1e12])))[0]
    assert (np.diff(known.deviations(gradient, [0, 1])) < 0).all()


def test_combinations_are_named() -> None:
    information = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert undetermined(information, np.array(["A", "alpha", "E"])) == ["A", "alpha"]
    assert undetermined(np.eye(2), np.array(["A", "B"])) == []
