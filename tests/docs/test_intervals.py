"""The page of what intervals hold is made by its script: the same words and rows, here from a few tables."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.slow
def test_the_page_has_the_words_and_rows_of_its_script(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(DOCS / "scripts"))
    monkeypatch.setattr(sys, "path", sys.path.copy())  # the script adds the benchmarks
    import intervals

    monkeypatch.setattr(intervals, "TABLES", 4)
    monkeypatch.setattr(intervals, "FEW", 2)
    monkeypatch.setattr(sys, "argv", ["intervals.py"])
    intervals.main()
    simulated, _, _ = (DOCS / "intervals.md").read_text(encoding="utf-8").partition("\n## Two real sweeps")
    assert _words(capsys.readouterr().out) == _words(simulated)


def _words(page: str) -> str:
    return re.sub(r"nan|[\d.]+", "0", page)
