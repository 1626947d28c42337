"""Text of the user's stays text."""

from __future__ import annotations

import pytest
from app_runs import SCRIPTS

pytest.importorskip("streamlit", reason="the application needs quokka-laws[app]")

from quokka_laws.app.elements import plain


@pytest.mark.parametrize("text", SCRIPTS)
def test_nothing_in_it_is_markdown(text: str) -> None:
    shown = plain(text)
    assert shown.replace("\\", "") == text.replace("\\", "")
    for i, letter in enumerate(shown):
        if letter in "[]()<>!$`*_:~" and (i == 0 or shown[i - 1] != "\\"):
            raise AssertionError(f"{letter} at {i} of {shown} is not escaped")


def test_lines_are_joined() -> None:
    assert plain("a\n# b") == "a \\# b"
