"""The group of commands: nothing is imported for a list of them, and what the list says is what the commands say."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from quokka_laws.cli.app import COMMANDS, main


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_the_program_starts_without_the_heavy_libraries(option: str) -> None:
    code = (
        f"import sys; from quokka_laws.cli.app import main; main([{option!r}], standalone_mode=False); "
        "print(*sorted({'numpy', 'pandas', 'scipy', 'lmfit', 'matplotlib'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""


def test_every_command_is_listed_under_one_heading_and_can_be_loaded() -> None:
    names = [name for section in COMMANDS.values() for name in section]
    assert len(names) == len(set(names)) == len(main.commands)
    for name in names:
        command = main.commands[name]
        assert isinstance(command, click.Command)
        assert command.name == name
