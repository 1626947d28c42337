"""Generated pages are current: how-to pages print what they say, the table of published laws is the registry's."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import script

how_to = script("how_to")


@pytest.mark.parametrize("page", how_to.PAGES, ids=lambda p: p.stem)
def test_planning_pages_are_current(page: Path) -> None:
    assert how_to.executed(page) == page.read_text(encoding="utf-8"), "run python docs/scripts/how_to.py"


def test_published_laws_page_is_current() -> None:
    made = script("published_table")
    assert made.page() == made.PAGE.read_text(encoding="utf-8"), "run python docs/scripts/published_table.py"


def test_forms_page_is_current() -> None:
    made = script("forms_table")
    assert made.page() == made.PAGE.read_text(encoding="utf-8"), "run python docs/scripts/forms_table.py"
