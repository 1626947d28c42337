"""The documentation builds without a warning and without a network, its links resolve, its pages fit a phone.

One test, because the build is one: its tutorials run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from browser import WIDTHS, grave_faults, opened, overflow, seen_as

from quokka_laws.cli.app import main

DOCS = Path(__file__).parents[2] / "docs"
PAGES_FOR_ALL = ("index", "explorer", "published")
LOOKED_AT = (
    *PAGES_FOR_ALL,
    "gallery/index",
    "gallery/fit_your_csv",
    "gallery/repeated_data",
    "mathematics",
    "api",
    "cli",
)


class Page(HTMLParser):
    """Targets and anchors of a page, and what it would load from elsewhere."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.loads: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {k: v for k, v in attrs if v}
        self.anchors.update(given[k] for k in ("id", "name") if k in given)
        for target in (given.get("href"), given.get("src")):
            if target and not re.match(r"[a-z]+:|//", target):
                self.links.append(target)
            elif target and tag != "a" and given.get("rel") != "canonical" and not target.startswith("data:"):
                self.loads.append(target)


def broken(site: Path, pages: dict[Path, Page]) -> Iterator[str]:
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                yield f"{path.relative_to(site)}: {link}"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{path.relative_to(site)}: {link} (no such place)"


@pytest.mark.slow
def test_the_site(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason='needs the extra [docs]: pip install -e ".[docs]"')
    for folder in ("gallery", "generated"):  # left over from a build of other sources
        shutil.rmtree(DOCS / folder, ignore_errors=True)
    site = tmp_path / "site"
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", str(tmp_path / "tree")]
    environment = {**os.environ, "MPLBACKEND": "agg"}
    done = subprocess.run([*command, str(DOCS), str(site)], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    pages = {path.resolve(): Page(path) for path in site.rglob("*.html") if "_static" not in path.parts}
    assert len(pages) > 60
    assert not list(broken(site.resolve(), pages))
    assert not {load for page in pages.values() for load in page.loads}
    assert not [path for path in DOCS.rglob("*.ipynb") if path.parent.name not in ("gallery", "_downloads")]

    reference = (site / "cli.html").read_text(encoding="utf-8")
    assert not [name for name in main.commands if f"quokka-laws {name}" not in re.sub(r"<[^>]+>", "", reference)]

    with opened(site / "index.html", 1280) as (tab, complaints):
        for name in LOOKED_AT:
            tab.goto((site / f"{name}.html").as_uri())
            for width in WIDTHS:
                seen_as(tab, width, dark=width == WIDTHS[0])
                assert overflow(tab) <= 0, f"{name} at {width} px"
            if name in PAGES_FOR_ALL:
                assert grave_faults(tab) == [], name
            if name == "explorer":
                tab.locator("iframe.doors").scroll_into_view_if_needed()
                frame = tab.frames[1]
                for width in WIDTHS:
                    seen_as(tab, width, dark=width == WIDTHS[0])
                    frame.wait_for_function("document.scrollingElement.scrollHeight <= innerHeight")
                    frame.wait_for_function("document.scrollingElement.scrollWidth <= innerWidth")
            if name == "published":
                seen_as(tab, WIDTHS[0])
                first = tab.locator(".pst-scrollable-table-container").first.element_handle()
                tab.wait_for_function("box => box.scrollWidth > box.clientWidth && box.tabIndex === 0", arg=first)
        assert not complaints
