"""Several losses on one page: each with a panel, their differences, and what to know once."""

from __future__ import annotations

import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.exceptions import ArgumentError
from quokka_laws.reporting.losses import losses_answer, losses_known
from quokka_laws.reporting.plot import loss_panels
from tests.fitting.test_losses import table


@pytest.fixture(scope="module")
def fits() -> ql.LossFits:
    return ql.fit("chinchilla", table(), loss=["eval/*"], bootstrap=30)


def test_page_has_a_panel_and_a_row_for_each_loss(fits: ql.LossFits) -> None:
    page = ql.report(fits, C=1e22, command="made so")
    assert page.count("<svg") == 3
    assert "made so" in page
    assert "Differences from eval/c4" in page
    text = ql.report(fits, form="md")
    assert text.count("eval/code") >= 3
    assert "<svg" not in text
    with pytest.raises(ArgumentError):
        ql.report(fits, form="pdf")
    with pytest.raises(ArgumentError):
        ql.report(fits, runs=pd.DataFrame())


def test_answers_say_what_differs_or_what_to_train(fits: ql.LossFits) -> None:
    answer, plan = losses_answer(fits, C=[1e22, 1e23])
    assert len(plan) == 6
    assert plan["of"].tolist() == ["eval/c4"] * 2 + ["eval/code"] * 2 + ["eval/math"] * 2
    assert len(answer.splitlines()) == 2
    assert "E of eval/code" in losses_answer(fits)[0]
    assert len(loss_panels(fits).figure.axes) == 3
    known = losses_known(fits, C=1e26)
    assert sum("1e+26" in said for said in known) == 1  # the same of each loss is said once
