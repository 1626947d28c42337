"""The documentation names every command and loads nothing while it builds."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import ModuleType

import click
import pytest

import quokka_laws as ql
from quokka_laws import plot, plot_repeated
from quokka_laws.cli import main

DOCS = Path(__file__).parents[1] / "docs"


def test_every_command_is_in_the_generated_reference() -> None:
    assert ".. click:: quokka_laws.cli:main" in (DOCS / "cli.md").read_text(encoding="utf-8")
    assert ":nested: full" in (DOCS / "cli.md").read_text(encoding="utf-8")
    assert not [name for name, command in main.commands.items() if command.hidden or not command.help]


def public(module: ModuleType) -> list[str]:
    """The names of ``__all__``, or the public functions written in the module."""
    own = [n for n, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == module.__name__]
    return getattr(module, "__all__", [n for n in own if not n.startswith("_")])


@pytest.mark.parametrize(
    "module", [ql, ql.plan, ql.laws, ql.datasets, ql.conversions, plot, plot_repeated], ids=lambda m: m.__name__
)
def test_every_public_name_is_in_the_reference(module: ModuleType) -> None:
    listed = set(re.findall(r"^   ([\w.]+)$", (DOCS / "api.rst").read_text(encoding="utf-8"), flags=re.MULTILINE))
    prefix = "" if module is ql else module.__name__.removeprefix("quokka_laws.") + "."
    names = [n for n in public(module) if not isinstance(getattr(module, n), ModuleType) and n != "__version__"]
    assert not [n for n in names if prefix + n not in listed]
    assert not [n for n in names if not getattr(module, n).__doc__]


@pytest.mark.parametrize("page", sorted(DOCS.glob("**/*.md")), ids=lambda p: p.name)
def test_commands_on_the_pages_exist(page: Path) -> None:
    for name in re.findall(r"^\s*quokka-laws ([a-z][a-z-]*)", page.read_text(encoding="utf-8"), flags=re.MULTILINE):
        assert isinstance(main.commands.get(name), click.Command), f"{page.name}: quokka-laws {name}"
