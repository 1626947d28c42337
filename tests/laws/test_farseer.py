"""Farseer: the published formula by hand, a catalogue of plans, optima that are lowest nearby."""

from __future__ import annotations

import numpy as np
import pytest

import quokka_laws as ql
from quokka_laws.laws import Farseer

VALUES = ql.published["farseer-2025"].values


def test_farseer_plans_numerically() -> None:
    plan = ql.plan.compute_optimal(ql.published["farseer-2025"], [1e20, 1e23, 1e25])
    assert plan["tokens_per_param"].tolist() == pytest.approx([25, 84, 732], rel=0.02)  # catalogue
    for row in plan.itertuples():
        near = ql.published["farseer-2025"](N=row.N * np.array([0.99, 1.01]), D=row.D / np.array([0.99, 1.01]))
        assert (near >= row.loss).all()


def test_the_formula_by_hand() -> None:
    v, N, D = VALUES, np.array([1e8, 1e9, 7e9]), np.array([1e10, 2e10, 1e12])
    exponent = np.exp(v["A"] * N ** v["a"] + v["E"])
    expected = np.exp(v["s"] * N ** v["q"] + v["S"]) + np.exp(v["B"] * N ** v["b"] + v["Q"]) * D**-exponent
    np.testing.assert_allclose(Farseer().loss(v, N=N, D=D), expected, rtol=1e-12)


def test_the_loss_at_endless_data_falls_with_size() -> None:
    loss = Farseer().loss(VALUES, N=np.geomspace(1e8, 1e11, 7), D=1e150)
    assert (np.diff(loss) < 0).all()


def test_there_is_no_closed_form_of_its_optimum() -> None:
    assert Farseer().optimal_log_N(VALUES, np.array([50.0])) is None
    a = np.diff(np.log(ql.plan.compute_optimal(ql.published["farseer-2025"], [1e20, 1e22, 1e24])["N"])) / np.log(100)
    assert a[0] != pytest.approx(a[1], abs=1e-3)  # D/N is not constant in C, nor is the exponent
