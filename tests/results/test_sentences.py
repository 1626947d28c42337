"""Every code has words, and every diagnostic that the package can make has a code with words."""

from __future__ import annotations

import re
from pathlib import Path

import quokka_laws
from quokka_laws.results.phrases import ROWS_NAMED, listed
from quokka_laws.results.sentences import SENTENCES, sentence

SOURCES = Path(quokka_laws.__file__).parent


def test_every_code_in_the_package_has_words_and_the_reverse() -> None:
    made = {
        code
        for path in SOURCES.rglob("*.py")
        for code in re.findall(r'\bDiagnostic\(\s*"([A-Z_]+)"', path.read_text("utf-8"))
    }
    assert made == set(SENTENCES)


def test_a_code_of_a_newer_version_shows_its_numbers() -> None:
    assert sentence("NEW", {"x": 3}) == "NEW: x = 3"
    assert sentence("OLD", {"text": "as it was written"}) == "as it was written"


def test_long_lists_of_rows_are_cut_short() -> None:
    assert listed(["7"]) == "row 7"
    many = listed([str(k) for k in range(ROWS_NAMED + 3)])
    assert many.endswith("and 3 more")
