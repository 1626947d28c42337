"""The documentation names every command and loads nothing while it builds."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

import quokka_laws as ql
from quokka_laws.cli import main

DOCS = Path(__file__).parents[1] / "docs"


def test_every_command_is_in_the_generated_reference() -> None:
    assert ".. click:: quokka_laws.cli:main" in (DOCS / "cli.md").read_text(encoding="utf-8")
    assert ":nested: full" in (DOCS / "cli.md").read_text(encoding="utf-8")
    assert not [name for name, command in main.commands.items() if command.hidden or not command.help]


def test_every_public_name_is_in_the_reference() -> None:
    text = (DOCS / "api.rst").read_text(encoding="utf-8")
    skip = {"__version__", "datasets", "io", "laws", "plan", "FitStatus"}
    missing = [n for n in ql.__all__ if n not in skip and not n.endswith("Error") and not re.search(rf"\s{n}\n", text)]
    assert not missing


@pytest.mark.parametrize("page", sorted(DOCS.glob("**/*.md")), ids=lambda p: p.name)
def test_commands_on_the_pages_exist(page: Path) -> None:
    for name in re.findall(r"^\s*quokka-laws ([a-z][a-z-]*)", page.read_text(encoding="utf-8"), flags=re.MULTILINE):
        assert isinstance(main.commands.get(name), click.Command), f"{page.name}: quokka-laws {name}"
