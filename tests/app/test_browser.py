"""The application in a real Chromium: drop, mend, fit, drop outlying rows, download what reproduces it; light, dark, narrow."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from app_runs import OUTLYING, SCRIPTS, csv, dropped, large_csv
from browser import FLAGS, LONG, chromium
from click.testing import CliRunner
from pages import script

import quokka_laws as ql
from quokka_laws.cli.app import main

pytest.importorskip("streamlit", reason="the application needs quokka-laws[app]")
sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright to drive Chromium")

BROKEN = b"N,D,loss\n\x00\x01"
HEADER = ROW = 35  # pixels of Streamlit's tables
SOON = 3_000  # milliseconds after which a click is tried again; doubled each time, so that a slow page has its turn
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The application, served to this machine."""
    with script("app_screenshots").served() as where:
        yield where


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One Chromium for all tests."""
    with sync_api.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield found
        found.close()


class Visit:
    """A visitor's page, and what it complained about or asked of others."""

    def __init__(self, browser: Any, address: str, *, width: int = 1280, dark: bool = False) -> None:
        scheme = "dark" if dark else "light"
        self.page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page.set_default_timeout(LONG)
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on("request", lambda r: self._asked(r.url, address))
        self.page.goto(address)
        self.page.get_by_role("heading", name="Runs", exact=True).wait_for()

    def _asked(self, url: str, address: str) -> None:
        if not url.startswith((address, address.replace("http", "ws"), "data:", "blob:")):
            self.complaints.append(url)

    def drop(self, name: str, data: bytes) -> None:
        """Drop a file and wait until it is read."""
        self.page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "text/csv", "buffer": data})
        self.page.get_by_text("Columns, rows and units").wait_for()

    def press(self, name: str) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def until(self, seen: Any, act: Callable[[], None]) -> None:
        """Do something until what it brings is seen; a page that is drawn anew under the pointer forgets it."""
        wait = SOON
        while wait < LONG:
            act()
            try:
                seen.wait_for(timeout=wait)
                return
            except sync_api.TimeoutError:
                wait *= 2
        raise AssertionError(f"nothing brings {seen}")

    def open(self, label: str) -> None:
        """Open a select."""
        self.until(self.page.get_by_role("option").first, self.page.get_by_role("combobox", name=label).first.click)

    def choose(self, label: str, option: str) -> None:
        """Choose in a select with the mouse."""
        self.open(label)
        self.page.get_by_role("option", name=option, exact=True).click()

    def downloaded(self, button: str, folder: Path) -> Path:
        """What a button downloads."""
        with self.page.expect_download() as waiting:
            self.press(button)
        path = folder / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path

    def tick(self, place: int, brings: str) -> None:
        """Tick the box of a table's row, and press the button that this brings; the table that can be seen is a canvas."""
        table = self.page.locator("[data-testid=stDataFrame]:visible").first
        position = {"x": 18, "y": HEADER + ROW * (place - 0.5)}
        self.until(self.page.get_by_role("button", name=brings, exact=True), lambda: table.click(position=position))
        self.press(brings)

    def click_on_a_residual(self, brings: str) -> int:
        """Click on a run's residual, and press the button for its row; the row."""
        self.page.get_by_role("heading", name="What the law misses").wait_for()
        row, x, y = self.residual()
        button = f"{brings} {row}"
        self.until(self.page.get_by_role("button", name=button, exact=True), lambda: self.page.mouse.click(x, y))
        self.press(button)
        return row

    def residual(self) -> tuple[int, float, float]:
        """The row of the first point that is found at the largest budget, and where it is in the window."""
        chart = self.page.locator("[data-testid=stVegaLiteChart]").last
        chart.locator("canvas.marks, svg.marks").wait_for()
        tip = self.page.locator("#vg-tooltip-element.visible")
        for step in range(5, int(chart.bounding_box()["height"]), 3):
            chart.scroll_into_view_if_needed()
            box = chart.bounding_box()  # again: what is above it may still grow
            x, y = box["x"] + box["width"] * (1 - 0.02), box["y"] + step
            self.page.mouse.move(x, y)
            self.page.evaluate(DRAWN)
            if tip.count():
                told = tip.inner_text().split()
                return int(told[told.index("row") + 1]), x, y
        raise AssertionError("there is no point at the largest budget")

    def fits(self) -> None:
        """Wait until the page is no wider than its window."""
        self.page.wait_for_function("document.scrollingElement.scrollWidth <= innerWidth")


@pytest.mark.slow
def test_from_a_file_to_a_report_with_the_mouse(
    browser: Any, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs.csv").write_bytes(csv(dropped(scripts=True)))
    visit = Visit(browser, address)
    page = visit.page
    begun = time.monotonic()
    visit.drop("runs.csv", csv(dropped(scripts=True)))
    page.get_by_text("not enough for chinchilla").first.wait_for()
    visit.choose("N, parameters", "weights_m")
    visit.choose("N is in", "millions")
    page.get_by_text("enough for chinchilla (5 coefficients)").wait_for()

    visit.press("Fit")
    without = page.get_by_role("button", name="Fit without row")
    without.wait_for()
    without.click()
    page.get_by_role("button", name="Fit with the outlying rows again").wait_for()
    page.locator("canvas.marks, .vega-embed svg").first.wait_for()

    page.get_by_role("tab", name="Hand on").click()
    visit.press("Make the report")
    page.get_by_role("button", name="Download report.html").wait_for()
    report = visit.downloaded("Download report.html", tmp_path).read_text(encoding="utf-8")
    print(f"from a file to a report: {time.monotonic() - begun:.0f} s")

    assert page.title() != "ran"
    assert visit.complaints == []
    fit = ql.read_fit(visit.downloaded("Download fit.json", tmp_path))
    assert len(fit.excluded) == OUTLYING
    assert str(fit.law.name) in report

    (tmp_path / "fit.json").unlink()
    (first, *_) = visit.downloaded("Download reproduce.sh", tmp_path).read_text(encoding="utf-8").splitlines()
    assert shlex.split(first)[1:] == [
        "fit",
        "runs.csv",
        "--columns",
        "N=weights_m:M",
        "--drop",
        "outliers",
        "-o",
        "fit.json",
    ]
    script = visit.downloaded("Download reproduce.py", tmp_path)
    runpy.run_path(str(script))
    assert ql.read_fit("fit.json").values == fit.values
    assert "report.html" in {path.name for path in tmp_path.iterdir()}

    for width, dark in ((1280, True), (390, True), (390, False), (1280, False)):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if dark else "light")
        visit.fits()
    faults = serious(page)
    assert not faults, json.dumps(faults, indent=1)[:3000]
    page.close()


@pytest.mark.slow
def test_rows_are_left_out_and_brought_back_where_they_are_seen(
    browser: Any, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By ticking them in the table, and by clicking on their residuals."""
    monkeypatch.chdir(tmp_path)
    data = csv(dropped().rename(columns={"weights_m": "params_m"}))
    (tmp_path / "runs.csv").write_bytes(data)
    visit = Visit(browser, address)
    page = visit.page
    visit.drop("runs.csv", data)
    page.get_by_text("24 rows as read").click()
    visit.tick(2, "Leave out row 2")
    page.get_by_text("1 rows left out, and why").click()
    page.get_by_text("23 rows as read").click()
    visit.tick(1, "Bring back row 2")
    page.get_by_text("24 rows as read").wait_for()

    visit.press("Fit")
    row = visit.click_on_a_residual("Fit without row")
    page.get_by_role("button", name=f"Bring back row {row}", exact=True).wait_for()
    page.get_by_role("tab", name="Hand on").click()
    fit = ql.read_fit(visit.downloaded("Download fit.json", tmp_path))
    assert list(fit.excluded["row"]) == [row]
    (first, *_) = visit.downloaded("Download reproduce.sh", tmp_path).read_text(encoding="utf-8").splitlines()
    assert shlex.split(first)[1:] == ["fit", "runs.csv", "--drop", f"row in [{row}]", "-o", "fit.json"]
    (tmp_path / "fit.json").unlink()
    runpy.run_path(str(visit.downloaded("Download reproduce.py", tmp_path)))
    assert ql.read_fit("fit.json").values == fit.values
    visit.press(f"Bring back row {row}")
    page.get_by_role("button", name=f"Bring back row {row}", exact=True).wait_for(state="detached")
    assert visit.complaints == []
    page.close()


def serious(page: Any) -> list[dict[str, Any]]:
    """What axe-core finds serious in what we wrote: not inside widgets, which are Streamlit's."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python").Axe()
    found = axe.run(page).response["violations"]
    ours = []
    for fault in found:
        nodes = [n for n in fault["nodes"] if "ql-" in n["html"] or "ql-" in str(n["target"])]
        whole = fault["id"] in ("document-title", "html-has-lang", "page-has-heading-one", "heading-order")
        if fault["impact"] in ("serious", "critical") and (nodes or whole):
            ours.append({"id": fault["id"], "help": fault["help"], "nodes": [n["html"] for n in nodes][:3]})
    return ours


@pytest.mark.slow
def test_two_visitors(browser: Any, address: str, tmp_path: Path) -> None:
    """One, in the dark, drops names that are scripts and stops the work; the other, on a phone, a broken file and a large one."""
    table = dropped(runs=4000, scripts=True).rename(
        columns={"weights_m": "params_m"}
    )  # a fit long enough to be stopped
    for number, attack in enumerate(SCRIPTS):
        table[f"{attack}{number}"] = number
    table.loc[7, "val_loss"] = 0.0
    table.loc[8, "val_loss"] = -1.0
    first, second = Visit(browser, address, dark=True), Visit(browser, address, width=390)
    page = first.page
    first.drop('<img src=x onerror="document.title=1">.csv', csv(table))
    page.get_by_text("2 rows left out, and why").click()
    page.get_by_text("rows as read").click()
    page.get_by_text("Columns, rows and units").click()
    first.open("U_D, unique tokens")
    assert page.get_by_role("option").count() > len(SCRIPTS)
    page.keyboard.press("Escape")
    assert page.title() == "quokka-laws"
    page.get_by_text("How it is fitted").click()
    refits = page.get_by_label("Refits for intervals")
    refits.fill("10000")
    refits.press("Enter")
    first.press("Fit")
    first.press("Stop")
    page.get_by_text("Fitting: stopped.").wait_for()
    assert page.locator("img[src=x], img[src*=leak], a[href^=javascript]").count() == 0

    assert second.page.get_by_text("rows usable").count() == 0  # of the first
    (tmp_path / "broken.csv").write_bytes(BROKEN)
    second.drop("broken.csv", BROKEN)
    said = second.page.locator(".ql-refused").inner_text()
    assert said in CliRunner().invoke(main, ["check", str(tmp_path / "broken.csv")]).output.replace(
        f"{tmp_path}{os.sep}", ""
    )
    assert second.page.get_by_role("button", name="Fit", exact=True).count() == 0
    second.fits()
    second.page.get_by_role("button", name=re.compile("Remove|Delete")).first.click()
    second.page.get_by_text("Columns, rows and units").wait_for(state="detached")
    second.drop("large.csv", large_csv(10.0))
    second.page.get_by_text("large.csv: 24 rows usable").wait_for()
    for visit in (first, second):
        assert visit.complaints == []
        visit.page.close()
