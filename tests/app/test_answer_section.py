"""What was left out on request is taken back, and asked for again."""

from __future__ import annotations

import pytest

pytest.importorskip("streamlit", reason="the application needs quokka-laws[app]")

from quokka_laws.app.answer_section import _take_back, _with_outliers
from quokka_laws.app.choices import File, Question, Reading
from quokka_laws.app.desk import Desk
from quokka_laws.app.session import Session


def test_take_back() -> None:
    now = Session(Desk(), Reading((File("a.csv", ""),), drop=("D < 1", "N < 1")), Question(outliers=True))
    now.ask()
    _take_back(now, "D < 1")
    assert now.asked == (Reading((File("a.csv", ""),), drop=("N < 1",)), Question(outliers=True))
    _with_outliers(now)
    assert now.asked is not None
    assert not now.asked[1].outliers
    now.desk.close()
