"""The answer of a page: whose it is, and every method beside it with its own numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.reporting.answer import TOGETHER, answer


@pytest.fixture(scope="module")
def named(quokka87: pd.DataFrame) -> ql.FitResult:
    return ql.fit(ql.laws.Chinchilla(), quokka87)


def test_a_law_asked_for_by_name_answers_first(named: ql.FitResult, quokka87: pd.DataFrame) -> None:
    own = ql.plan.compute_optimal(named, 1e22).iloc[0]
    joint = ql.consensus(quokka87, 1e22)
    first, second = answer(named, ql.fit_isoflops(quokka87), [1e22], ()).answers
    assert f"{own['N'] / 1e9:.3g}B" in first
    assert f"{joint.table['N'].iloc[0] / 1e9:.3g}B" in second
    chosen, methods = answer(ql.fit(quokka87), None, [1e22], ()).answers
    assert f"{joint.table['N'].iloc[0] / 1e9:.3g}B" in chosen
    for method in joint.members["method"]:
        assert method in methods


def test_every_method_stands_beside_the_answer(named: ql.FitResult, quokka87: pd.DataFrame) -> None:
    found = answer(named, ql.fit_isoflops(quokka87), [1e22, 1e23], ())
    joint = ql.consensus(quokka87, [1e22, 1e23])
    by = found.plan.numbers.groupby("by", sort=False)
    assert next(iter(by))[0] == TOGETHER
    np.testing.assert_allclose(by.get_group(TOGETHER)["N"], joint.table["N"])
    for method, rows in joint.members.groupby("method"):
        np.testing.assert_allclose(by.get_group(method)["N"], rows["N"])
        np.testing.assert_allclose(6 * by.get_group(method)["N"] * by.get_group(method)["D"], [1e22, 1e23])
    assert len(found.plan.rows) == len(found.plan.numbers)
    assert len({tuple(row) for row in found.plan.rows}) == 1


def test_runs_that_give_no_common_answer_say_so(quokka87: pd.DataFrame) -> None:
    few = quokka87.iloc[:8].reset_index(drop=True)
    few.attrs = quokka87.attrs
    fit = ql.fit(
        ql.laws.Chinchilla(), few, params=ql.laws.Chinchilla().make_params(alpha={"value": 0.35, "vary": False})
    )
    found = answer(fit, None, [1e22], ())
    assert len(found.answers) == (1 if found.refused else 2)


def test_a_law_of_one_variable_has_no_plan(quokka87: pd.DataFrame) -> None:
    found = answer(ql.fit(ql.laws.PowerLaw("C"), quokka87), None, (), ())
    assert "C" in found.question
    assert not found.plan.rows
