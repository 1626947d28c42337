"""The house is as docs/architecture.md says, and imports go down."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pages import script

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "quokka_laws"
house = script("house")


def test_every_room_and_file_is_on_the_page() -> None:
    assert house.page() == house.PAGE.read_text(encoding="utf-8"), "run python docs/scripts/house.py"


def test_only_the_ground_floor_lies_outside_the_rooms() -> None:
    named = {name for floor in house.floors() for name in floor}
    assert {p.stem for p in SOURCE.glob("*.py")} - {"__init__", "__main__"} <= named
    assert {p.name for p in SOURCE.iterdir() if (p / "__init__.py").exists()} <= named


def test_every_file_says_what_it_is() -> None:
    assert not [p for p in SOURCE.rglob("*.py") if not house.idea(p)]


def test_imports_go_down() -> None:
    pytest.importorskip("importlinter", reason="import-linter comes with the extra dev")
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert "0 broken" in done.stdout, done.stdout + done.stderr


def test_nothing_is_imported_by_name_but_where_the_page_says() -> None:
    late = {
        str(p.relative_to(SOURCE)) for p in SOURCE.rglob("*.py") if "import_module(" in p.read_text(encoding="utf-8")
    }
    assert late == {"__init__.py", "cli/group.py", "results/views.py"}


UNTESTED = {
    "__main__.py",
    "_typing.py",
    "_version.py",
}
"""Files without a test file of their own; what they do is tested through others. This list only shrinks."""


def test_every_file_has_its_tests_at_the_same_path() -> None:
    files = {p.relative_to(SOURCE) for p in SOURCE.rglob("*.py") if p.name != "__init__.py"}
    tests = ROOT / "tests"
    without = {str(f) for f in files if not (tests / f.parent / f"test_{f.name.lstrip('_')}").exists()}
    assert without - UNTESTED == set(), "write tests/<same path>/test_<name>.py"
    assert UNTESTED - without == set(), "these have tests now: take them off the list"
