"""``quokka-laws app``: for this machine alone, without statistics, and a sentence where the extra is missing."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from quokka_laws.cli.app import main
from quokka_laws.cli.serve import settings

ROOT = Path(__file__).parents[2]


def test_it_listens_to_this_machine_and_tells_nobody() -> None:
    given = settings(8501, "127.0.0.1", False, 50e6)
    for option in (
        "--server.address=127.0.0.1",
        "--browser.gatherUsageStats=false",
        "--server.maxUploadSize=50",
        "--server.headless=true",
        "--server.allowedHosts=127.0.0.1",
    ):
        assert option in given
    assert not any("allowedHosts" in option for option in settings(8501, "0.0.0.0", False, 50e6))


def test_looks_at_a_job_are_not_followed_by_a_search_for_garbage() -> None:
    """It takes ten times the look, and a busy machine would do little else."""
    assert "--runner.postScriptGC=false" in settings(8501, "127.0.0.1", False, 50e6)
    assert "--runner.postScriptGC=false" in (ROOT / "app" / "Dockerfile").read_text(encoding="utf-8")


def test_the_server_is_given_the_page_and_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    cli = pytest.importorskip("streamlit.web.cli", reason="the application needs quokka-laws[app]")
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.setenv("QUOKKA_LAWS_LONGEST", "")
    monkeypatch.setenv("QUOKKA_LAWS_LARGEST_FILE", "")
    begun: list[Any] = []
    monkeypatch.setattr(cli, "main", lambda: begun.append(list(sys.argv)))
    result = CliRunner().invoke(main, ["app", "--no-open", "--port", "9000", "--longest", "30"])
    assert result.exit_code == 0, result.output
    assert begun[0][:2] == ["streamlit", "run"]
    assert begun[0][2].endswith("page.py")
    from quokka_laws.app.limits import Limits

    assert Limits.of_environment() == Limits(200e6, 30.0)


def test_without_the_extra_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "streamlit" else find(name, *a))
    result = CliRunner().invoke(main, ["app"])
    assert result.exit_code == 1
    assert 'pip install "quokka-laws[app]"' in result.output
