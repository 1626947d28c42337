"""The page in Streamlit's own test harness: drop, mend, fit, leave outlying rows out, hand on; two sessions apart."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from app_runs import csv, dropped

from quokka_laws.app.choices import Reading

testing = pytest.importorskip("streamlit.testing.v1", reason="the application needs quokka-laws[app]")

PAGE = Path(__file__).parents[2] / "src" / "quokka_laws" / "app" / "page.py"
SPACE = Path(__file__).parents[2] / "app"
KEY = "quokka-laws"
LONG = 600  # seconds; longer is a fault, however busy the machine


def waited(page: Any, ready: Callable[[Any], bool]) -> Any:
    """The page, run until something is there."""
    begun = time.monotonic()
    while time.monotonic() - begun < LONG:
        page.run()
        assert not page.exception, page.exception
        if ready(page):
            return page
        time.sleep(0.1)
    raise AssertionError("it never came")


def button(page: Any, start: str) -> Any:
    return next((b for b in page.button if b.label.replace("\\", "").startswith(start)), None)


def texts(page: Any) -> str:
    return " ".join(element.proto.body for element in page.get("html"))


def test_from_a_file_to_what_is_handed_on() -> None:
    page = testing.AppTest.from_file(str(PAGE), default_timeout=LONG)
    page.run()
    assert not page.exception
    assert button(page, "Fit") is None
    page.file_uploader[0].upload("runs.csv", csv(dropped()), "text/csv")
    waited(page, lambda p: button(p, "Fit") is not None)
    assert "not enough for chinchilla" in texts(page)

    selects = {box.label.replace("\\", ""): box for box in page.selectbox}
    assert "weights_m" in selects["N, parameters"].options
    selects["N, parameters"].set_value("weights_m").run()
    next(box for box in page.selectbox if box.label == "N is in").set_value("M")
    waited(page, lambda p: "enough for chinchilla (5" in texts(p))
    assert dict(page.session_state[KEY].reading.columns) == {"N": "weights_m:M"}

    page.number_input[1].set_value(40)  # refits
    next(t for t in page.text_input if t.label.startswith("Budget")).set_value("1e23")
    page.run()
    button(page, "Fit").click()
    waited(page, lambda p: "At C = 1e+23: train" in texts(p))
    assert len(page.get("vega_lite_chart")) >= 3
    assert {tab.label for tab in page.tabs} == {"Figures", "Tables", "Laws side by side", "Hand on"}
    assert any("quokka-laws fit runs.csv" in code.value for code in page.code)

    button(page, "Fit without row").click()
    waited(page, lambda p: button(p, "Fit with the outlying rows again") is not None)
    assert any("--drop outliers" in code.value for code in page.code)

    other = testing.AppTest.from_file(str(PAGE), default_timeout=LONG)
    other.run()
    assert "runs.csv" not in texts(other)
    assert other.session_state[KEY].desk.folder != page.session_state[KEY].desk.folder
    for one in (page, other):
        one.session_state[KEY].desk.close()


def test_the_files_of_a_space_show_the_page() -> None:
    page = testing.AppTest.from_file(str(SPACE / "app.py"), default_timeout=LONG)
    page.run()
    assert not page.exception
    assert page.title[0].value
    desk = page.session_state[KEY].desk
    job = desk.start("look", Reading((desk.keep("runs.csv", csv(dropped())),)))
    assert job.ended.wait(LONG)
    assert job.state.value == "done", job.said  # its process imports app.py as well
    desk.close()
    assert "quokka-laws[app]" in (SPACE / "requirements.txt").read_text(encoding="utf-8")
    header = (SPACE / "README.md").read_text(encoding="utf-8").split("---")[1]
    assert {line.split(":")[0] for line in header.strip().splitlines()} >= {"title", "sdk", "app_port"}
