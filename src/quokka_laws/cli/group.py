"""The group of commands: imports a command's file when it is used, lists commands under headings, turns errors into exits."""

from __future__ import annotations

import gc
import logging
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import click

from quokka_laws._spelling import on_command_line
from quokka_laws._version import __version__
from quokka_laws.cli.common import FAILED, OUR_FAULT, USAGE, fail
from quokka_laws.exceptions import ArgumentError, QuokkaError

COLLECTED_AFTER = 300_000  # new objects; at Python's own 700 a sixth of a report goes into searching what was imported

MOST_NAMED = 3  # commands that have an option; one that more have is told by their help

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
        gc.set_threshold(COLLECTED_AFTER)  # for good: the process ends with its command
        try:
            with on_command_line():
                return super().invoke(ctx)
        except click.NoSuchOption as error:
            raise self._found_elsewhere(error) from None
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except (QuokkaError, OSError, MemoryError) as error:
            fail(*refusal(error))
        except Exception as error:  # whatever is not raised on purpose is our mistake
            _own_fault(error)

    def _found_elsewhere(self, error: click.NoSuchOption) -> click.UsageError:
        """An option that a command does not have, with those that have it."""
        has = [
            name for name, command in self.commands.items() if any(error.option_name in p.opts for p in command.params)
        ]
        if error.possibilities or not 0 < len(has) <= MOST_NAMED:
            return error
        return click.UsageError(
            f"{error.message} {' and '.join(f'`quokka-laws {name}`' for name in has)} {'has' if len(has) == 1 else 'have'} it.",
            error.ctx,
        )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and refuse an option that is given twice where only the last would count."""
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            _refuse_repeats(command, str(name), ctx, rest)
        return name, command, rest


def refusal(error: QuokkaError | OSError | MemoryError) -> tuple[str, int]:
    """What a command says of an error that is not a fault of ours, and its exit code."""
    if isinstance(error, QuokkaError):
        return str(error), USAGE if isinstance(error, ArgumentError) else FAILED
    if isinstance(error, OSError):
        return f"{error.filename or 'the output'}: {error.strerror or error}", FAILED
    return "there is not enough memory for this; ask for fewer refits, or give fewer rows", FAILED


def _refuse_repeats(command: click.Command, name: str, ctx: click.Context, args: list[str]) -> None:
    own = click.Context(command, info_name=name, parent=ctx)
    try:
        _, _, order = command.make_parser(own).parse_args(args=list(args))
    except click.UsageError:
        return  # said when the command itself reads its arguments
    for param in order:
        single = isinstance(param, click.Option) and not (param.multiple or param.is_flag or param.count)
        if single and order.count(param) > 1:
            option = max(param.opts, key=len)
            raise click.UsageError(f"{option} is given {order.count(param)} times, and takes one value", own)


def _own_fault(error: Exception) -> None:
    """Say that it was not the user's mistake, and keep what a report of it needs."""
    said = f"{type(error).__name__}: {error}".split("\n")[0][:200]
    details = "".join(traceback.format_exception(error))
    if logging.getLogger().isEnabledFor(logging.INFO):  # --verbose
        click.echo(details, err=True)
        where = "above"
    else:
        try:
            with tempfile.NamedTemporaryFile(
                "w", prefix="quokka-laws-", suffix=".txt", delete=False, encoding="utf-8"
            ) as file:
                file.write(f"quokka-laws {__version__}, {' '.join(sys.argv)}\n\n{details}")
            where = f"in {file.name}"
        except OSError:
            where = "shown with quokka-laws -v"
    fail(f"this is a fault of quokka-laws, not of yours ({said}); its details, for a report, are {where}", OUR_FAULT)
