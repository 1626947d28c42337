"""Tasks: the answer of the command line, buttons that do what they say, laws side by side, the report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from app_runs import OUTLYING, csv, dropped
from click.testing import CliRunner

import quokka_laws as ql
from quokka_laws._spelling import on_command_line
from quokka_laws.app.choices import File, Question, Reading
from quokka_laws.app.tasks import TASKS, answer, report, side_by_side
from quokka_laws.cli.app import main
from quokka_laws.exceptions import RunsError

CHOICE = Reading((File("runs.csv", ""),), columns=(("N", "weights_m:M"),))
ASKED = Question(C="1e23", refits=40)


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs.csv").write_bytes(csv(dropped()))


def test_the_answer_is_that_of_the_command_line() -> None:
    with on_command_line():
        found = answer(CHOICE, ASKED)
    words = ["fit", "runs.csv", "--columns", "N=weights_m:M", "-C", "1e23", "--bootstrap", "40", "-o", "fit.json"]
    said = CliRunner().invoke(main, words).output
    assert found.headline in said
    assert all(finding.text.split()[0] in said for finding in found.findings)
    fit = ql.read_fit("fit.json")
    assert ql.read_fit(json.loads(found.fit)).values == fit.values
    assert found.budgets == (1e23,)
    assert found.together


def test_the_button_of_outlying_rows_leaves_them_out() -> None:
    first = answer(CHOICE, ASKED)
    (offer,) = [o for d in first.findings for o in d.offers if o.changes.get("question", ASKED).outliers]
    assert "run-0, run-1, run-2" in offer.label
    again = ql.read_fit(json.loads(answer(CHOICE, offer.changes["question"]).fit))
    assert len(again.runs) == len(dropped()) - OUTLYING
    assert set(again.excluded["run_id"]) == {"run-0", "run-1", "run-2"}


def test_laws_side_by_side() -> None:
    found = side_by_side(CHOICE, ("chinchilla", "skaling"), ASKED)
    assert set(found.table["law"]) == {"chinchilla", "skaling"}
    assert found.headline.split()[0] in ("chinchilla", "skaling")


def test_the_report_says_how_it_was_made() -> None:
    page = report(CHOICE, ASKED, "quokka-laws fit <here>")
    assert page.lower().startswith("<!doctype html>")
    assert "quokka-laws fit &lt;here&gt;" in page


def test_a_law_that_the_runs_cannot_determine_is_refused() -> None:
    with pytest.raises(RunsError):
        answer(CHOICE, Question(law="quokka-repeated", refits=0))


def test_every_task_is_of_choices() -> None:
    assert set(TASKS) == {"look", "answer", "side_by_side", "report"}
