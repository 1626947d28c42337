"""Screenshots of the application for docs/how-to/app.md, from a running server and an installed Chromium.

python docs/scripts/app_screenshots.py            (writes docs/images/app-*.png)
python docs/scripts/app_screenshots.py FOLDER     (light, dark, 390 pixels wide: to look at)
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parents[1] / "images"
RUNS = "Quokka: 87 masked-diffusion runs at 9 budgets (IsoFLOP)"
WAIT = 600_000  # milliseconds; longer is a fault, however busy the machine


@contextmanager
def served() -> Iterator[str]:
    """The application on a free port, once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "quokka_laws", "app", "--no-open", "--port", str(port)]
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        begun = time.monotonic()
        while not answers(address):
            if server.poll() is not None or time.monotonic() - begun > WAIT / 1000:
                raise RuntimeError(f"the application does not answer at {address} (exit code {server.returncode})")
            time.sleep(0.1)
        yield address
        server.terminate()
        server.wait(WAIT / 1000)
    finally:
        server.kill()
        server.wait()


def answers(address: str) -> bool:
    """Whether the application is ready for visitors."""
    try:
        urllib.request.urlopen(f"{address}/_stcore/health", timeout=5).close()
    except OSError:
        return False
    return True


def answered(page: Any, address: str) -> None:
    """From the first page to an answer."""
    page.goto(address)
    page.get_by_role("combobox", name="or take runs").click()
    page.get_by_role("option", name=RUNS).click()
    page.get_by_role("textbox", name="Budget").fill("1.1e23")
    page.get_by_role("textbox", name="Budget").press("Enter")
    page.get_by_role("button", name="Fit", exact=True).click()
    page.get_by_role("tab", name="Hand on").wait_for()
    page.locator("canvas.marks, .vega-embed svg").nth(2).wait_for()


def tall(page: Any, width: int) -> None:
    """Make the window as tall as the page."""
    page.mouse.move(0, 0)
    for _ in range(2):
        height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(1500)


def main() -> None:
    """Two pictures for the docs; with a folder every look of the page."""
    looks = [(1280, False), (1280, True), (390, False), (390, True)]
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with served() as address, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
        page.set_default_timeout(WAIT)
        answered(page, address)
        if len(sys.argv) == 1:
            tall(page, 1000)
            answer = page.get_by_role("heading", name="Answer", exact=True).bounding_box()
            figure = page.locator("[data-testid=stVegaLiteChart]").first.bounding_box()
            top, bottom = answer["y"] - 20, figure["y"] + figure["height"] + 20
            clip = {"x": 0, "y": top, "width": 1000, "height": bottom - top}
            page.screenshot(path=IMAGES / "app-answer.png", clip=clip)
            page.screenshot(path=IMAGES / "app-runs.png", clip={"x": 0, "y": 0, "width": 1000, "height": top})
            return
        folder = Path(sys.argv[1])
        for width, dark in looks:
            page.emulate_media(color_scheme="dark" if dark else "light")
            tall(page, width)
            page.screenshot(path=folder / f"app-{width}-{'dark' if dark else 'light'}.png")
        page.set_viewport_size({"width": 1280, "height": 900})
        page.get_by_role("tab", name="Laws side by side").click()
        page.get_by_role("button", name="Set side by side").click()
        page.get_by_role("heading", name="What each law misses").wait_for()
        for width, dark in looks[1:3]:
            page.emulate_media(color_scheme="dark" if dark else "light")
            tall(page, width)
            page.screenshot(path=folder / f"app-laws-{width}-{'dark' if dark else 'light'}.png")


if __name__ == "__main__":
    main()
