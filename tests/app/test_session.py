"""A session: jobs by what they were asked, one at a time; other files forget what was chosen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="the application needs quokka-laws[app]")

from quokka_laws.app.choices import File, Question, Reading
from quokka_laws.app.desk import Desk, Job
from quokka_laws.app.session import Session
from quokka_laws.app.shown import Offer


class Idle(Desk):
    """A desk that only notes what is begun."""

    def start(self, task: str, *arguments: Any) -> Job:
        return Job(task, arguments, Path())


@pytest.fixture
def now() -> Iterator[Session]:
    desk = Idle()
    yield Session(desk)
    desk.close()


def test_a_job_is_begun_once_for_what_it_is_asked(now: Session) -> None:
    first = now.job("look", Reading())
    assert now.job("look", Reading()) is first
    assert now.job("answer", 1, start=False) is None
    second = now.job("look", Reading(flops="as given"))
    assert second is not first
    assert first is not None
    assert not first.running
    comparison, answer = now.job("side_by_side", 1), now.job("answer", 1)
    assert comparison is not None
    assert answer is not None
    assert not comparison.running
    assert second is not None
    assert second.running  # a look is never in the way
    report = now.job("report", 1)
    assert report is not None
    assert report.running
    assert answer.running


def test_other_files_forget_what_was_chosen(now: Session) -> None:
    now.use((File("a.csv", "1"),))
    now.reading = now.reading.mapped("N", "p")
    now.question = Question(C="1e22", law="kaplan")
    now.ask()
    version = now.version
    now.use((File("a.csv", "1"),))
    assert now.asked is not None
    now.use((File("a.csv", "2"),))
    assert (now.reading.columns, now.asked, now.question) == ((), None, Question(C="1e22"))
    assert now.version > version


def test_an_offer_asks_again_where_there_is_an_answer(now: Session) -> None:
    now.use((File("a.csv", "1"),))
    now.take(Offer("", {"reading": now.reading.without("D < 1")}))
    assert now.asked is None
    now.ask()
    now.take(Offer("", {"question": Question(outliers=True)}))
    assert now.asked == (now.reading, Question(outliers=True))
    assert now.reading.drop == ("D < 1",)
