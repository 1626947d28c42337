"""Printed tables of plans, at the agreement that the printed coefficients allow."""

from __future__ import annotations

import json

import numpy as np
import pytest

import quokka_laws as ql
from quokka_laws.literature.datasets import data_folder

VECTORS = json.loads((data_folder() / "published" / "plans.json").read_text(encoding="utf-8"))["vectors"]


def answer(law: ql.FittedLaw, question: str, given: dict[str, float]) -> dict[str, float]:
    if question == "table row":  # the budget at which a size is compute-optimal
        v = law.values
        s = v["alpha"] + v["beta"]
        G = (v["alpha"] * v["A"] / (v["beta"] * v["B"])) ** (1 / s)
        C = 6 * (given["N"] / G) ** (s / v["beta"])
        return dict(ql.plan.compute_optimal(law, C).iloc[0])
    if question == "max_epochs":
        row = dict(ql.plan.max_epochs(law, **given).iloc[0])
        return {**row, "epochs": row["global_epochs"]} if np.isnan(row["epochs"]) else row
    return dict(getattr(ql.plan, question)(law, **given).iloc[0])


@pytest.mark.parametrize("vector", [pytest.param(v, id=f"{v['law']}-{i}") for i, v in enumerate(VECTORS)])
def test_plan(vector: dict[str, object]) -> None:
    found = answer(ql.published[vector["law"]], vector["question"], vector["inputs"])  # type: ignore[arg-type,index]
    expected = {k: v for k, v in vector["expected"].items() if k in found}  # type: ignore[attr-defined]
    assert expected
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=vector["rtol"]), name


def test_muennighoff_as_in_the_notebook() -> None:
    law = ql.published["muennighoff-2023"]
    v = law.values  # type: ignore[union-attr]
    N, D = 6.34e9, 2.42e11
    assert law(N=N, D=D, U_D=2.5e10) == pytest.approx(2.2256440889984477, rel=1e-12)  # type: ignore[operator]
    for epochs, worth in ((4, 3.725673), (16, 10.582457)):
        assert 1 + v["R_D"] * -np.expm1(-(epochs - 1) / v["R_D"]) == pytest.approx(worth, rel=1e-6)
    single = ql.FittedLaw(ql.laws.Chinchilla(), v)
    plan = ql.plan.compute_optimal(single, 5.76e23).iloc[0]
    assert plan["N"] == pytest.approx(6.99622e10, rel=1e-5)


def test_gadre_error_rate_follows_from_the_loss() -> None:
    """Err = eps − k·exp(−gamma·L) on 17 tasks, RedPajama, 1.4B at 640 tokens a parameter."""
    loss = ql.published["gadre-2024/redpajama"](N=1.4e9, D=640 * 1.4e9)  # type: ignore[operator]
    assert 0.85699 - 2.2065 * np.exp(-0.71459 * loss) == pytest.approx(0.493858684, rel=1e-7)
