"""The group of commands: imports a command's file when it is used, lists commands under headings, turns errors into exits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import click

from quokka_laws.cli.common import BAD_DATA, FIT_FAILED, USAGE, as_options, fail
from quokka_laws.exceptions import FitError, QuokkaError, RunsError

Sections = Mapping[str, Mapping[str, tuple[str, str]]]


class LazyCommands(Mapping[str, click.Command]):
    """Commands by name; the file of one is imported when it is looked up."""

    def __init__(self, sections: Sections) -> None:
        self.files = {name: file for section in sections.values() for name, (file, _) in section.items()}

    def __getitem__(self, name: str) -> click.Command:
        module = import_module(f"quokka_laws.cli.{self.files[name]}")
        command: click.Command = getattr(module, f"{name.replace('-', '_')}_command")
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)


class Doors(click.Group):
    """A group whose commands turn every deliberate error into one message and an exit code."""

    def __init__(self, *args: Any, sections: Sections, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sections = sections
        self.commands = LazyCommands(sections)  # type: ignore[assignment]  # click only ever looks them up

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the headings."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each heading with its commands and a line on each, without importing them."""
        for heading, section in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl([(name, line) for name, (_, line) in section.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; never show a traceback for a mistake of the user's."""
        try:
            return super().invoke(ctx)
        except FitError as error:
            fail(as_options(str(error)), FIT_FAILED)
        except RunsError as error:
            fail(_faults(error) if error.faults else as_options(str(error)), BAD_DATA)
        except QuokkaError as error:
            fail(as_options(str(error)), BAD_DATA)
        except ValueError as error:
            fail(str(error), USAGE)
        except BrokenPipeError:
            raise
        except OSError as error:
            fail(f"{error.filename or 'file'}: {error.strerror or error}", BAD_DATA)


def _faults(error: RunsError) -> str:
    """Faults of a table, with what to try as options."""
    from quokka_laws.runs.checks import fault_text

    return fault_text(error.source, error.faults, options=True)
