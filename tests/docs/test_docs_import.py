"""The pages on importing: their commands run on real logs, print what is shown, and end in the law and a report."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import script
from synthetic import TRUE_CHINCHILLA

import quokka_laws as ql

imports = script("imports")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the libraries that are read with
@pytest.mark.parametrize("page", imports.PAGES, ids=lambda p: p.stem)
def test_import_pages_are_current(page: Path, tmp_path: Path) -> None:
    assert imports.executed(page, tmp_path) == page.read_text(encoding="utf-8"), "run python docs/scripts/imports.py"
    fit = ql.read_fit(tmp_path / "fit.json")
    assert fit.values == pytest.approx(TRUE_CHINCHILLA, rel=1e-3)
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<html" in report
