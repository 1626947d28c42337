"""A headless Chromium for tests of pages: what it complains about, how wide it lays out, what its scripts compute.

Starting a browser costs more than what most tests ask of it, so one page load serves as many questions as it can:
:func:`seen_as` shows the page that is open in another width or theme, ``page.goto`` another page.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--no-sandbox"]
WIDTHS = (390, 1280)
LONG = 600_000  # milliseconds; longer is a fault, however busy the machine
GRAVE = ("serious", "critical")


def chromium() -> str:
    """Path of an installed Chromium, or the test skips."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("needs Chromium (apt-get install chromium, or set CHROMIUM to its path)")
    return path


@contextmanager
def opened(page_path: Path, width: int, *, dark: bool = False, at: str = "") -> Iterator[tuple[Any, list[str]]]:
    """A page in the browser, and the list that its complaints and requests beyond itself are added to.

    ``at`` is what stands behind the address, such as ``#C=1e22``.
    """
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright to drive Chromium")
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=FLAGS)
        try:
            scheme = "dark" if dark else "light"
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page.set_default_timeout(LONG)
            complaints: list[str] = []
            own = ("file:", "data:", "blob:")
            page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
            page.on("pageerror", lambda e: complaints.append(str(e)))
            page.on("dialog", lambda d: (complaints.append(f"dialog: {d.message}"), d.dismiss()))
            page.on("request", lambda r: complaints.append(r.url) if not r.url.startswith(own) else None)
            page.goto(page_path.as_uri() + at)
            yield page, complaints
        finally:
            browser.close()


def seen_as(page: Any, width: int, *, dark: bool = False) -> None:
    """The open page at another width, in the light or the dark."""
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")


def overflow(page: Any) -> int:
    """Pixels by which the page is wider than its window."""
    return int(page.evaluate("document.scrollingElement.scrollWidth - innerWidth"))


def grave_faults(page: Any) -> list[str]:
    """What axe-core finds that keeps people out: the rule and where."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    page.add_style_tag(
        content="*, ::before, ::after { transition: none !important; }"
    )  # a colour on its way is no fault
    found = (
        axe.Axe().run(page, options={"preload": False, "iframes": False}).response
    )  # it would ask for style sheets and frames
    assert found["passes"], "axe-core looked at nothing"
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found["violations"] if v["impact"] in GRAVE]
