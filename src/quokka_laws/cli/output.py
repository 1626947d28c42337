"""How every command answers: the answer first, what to know before relying on it, evidence, files written.

Text is for people and goes to stdout. Data go to stdout only when asked for (``--json``, ``--format csv``, ``-o -``), and then
the text goes to stderr; ``-o FILE`` writes them to a file whose ending says the form. ``--quiet`` leaves the answer alone.
"""

from __future__ import annotations

import functools
import json
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quokka_laws.cli.common import QUIET, STRICT, fail, quiet, say
from quokka_laws.exceptions import OutputError
from quokka_laws.writing import check_writable, csv_text, make_folder, write_atomically

if TYPE_CHECKING:
    import pandas as pd

FORMS = {".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".txt": "text", ".md": "text"}
FOLDERS = ("torchtitan", "megatron")
"""Forms that are a folder of files, written by the command itself."""


@dataclass(frozen=True)
class Output:
    """Where and in which form a command answers."""

    form: str  # text, json, jsonl, csv
    path: Path | None
    strict: bool
    asked: bool = True

    @property
    def data_on_stdout(self) -> bool:
        """Whether stdout belongs to a program."""
        return self.path is None and self.form not in ("text", *FOLDERS)

    def for_programs(self, form: str) -> Output:
        """For commands whose answer is a table to work with: data where stdout is redirected and nothing else was asked."""
        redirected = self.asked is False and not sys.stdout.isatty()
        return replace(self, form=form) if redirected else self

    def show(
        self,
        answer: str = "",
        known: Iterable[str] = (),
        table: pd.DataFrame | None = None,
        *,
        pretty: Callable[[pd.DataFrame], str] | None = None,
        below: Sequence[str] = (),
    ) -> None:
        """Answer with sentences and a table.

        Parameters
        ----------
        answer : str
            One or two lines.
        known : iterable of str
            What to know before relying on it; with ``--strict`` anything here ends in exit code 3.
        table : DataFrame, optional
        pretty : callable, optional
            The table as text; numbers flush right without it.
        below : sequence of str
            Further sections.
        """
        shown = [(pretty or columns)(table)] if table is not None and self.form == "text" and self.path is None else []
        self.text(answer, known, *shown, *below)
        if table is not None:
            self.data(table)
        self.finish(known)

    def text(self, answer: str, known: Iterable[str] = (), *below: str) -> None:
        """Sentences, to stdout unless a program reads it."""
        from quokka_laws.results.text import BEFORE, numbered

        to_stderr = self.data_on_stdout
        if answer and not (quiet() and to_stderr):
            click.secho(answer, bold=True, err=to_stderr)
        if quiet():
            parts = list(below) if not answer else []
        else:
            parts = [numbered(list(known)).replace(BEFORE, click.style(BEFORE, fg="yellow", bold=True), 1), *below]
        for i, part in enumerate(part for part in parts if part):
            click.echo(("\n" if i or answer else "") + part, err=to_stderr)

    def data(self, table: pd.DataFrame) -> None:
        """A table for programs, where one is wanted."""
        if self.form in FOLDERS or (self.form == "text" and self.path is None):
            return
        self.write({"json": as_json, "jsonl": as_json_lines, "csv": as_csv, "text": columns}[self.form](table))

    def write(self, text: str) -> None:
        """Text of data, to the file or to stdout."""
        if self.path is None:
            click.echo(text.rstrip("\n"))
            return
        write_file(self.path, text if text.endswith("\n") else text + "\n")

    def finish(self, known: Iterable[str]) -> None:
        """With ``--strict``, exit with 3 where there is something to know before relying on the answer."""
        if self.strict and (count := len(list(known))):
            fail(f"--strict: {count} thing{'s' if count > 1 else ''} to know before relying on it", STRICT)


def write_file(path: Path, text: str) -> None:
    """Text to a file, its folder made if need be; where that fails the text goes to stdout, so that no work is lost.

    Raises
    ------
    OutputError
        After the text went to stdout.
    """
    try:
        make_folder(path.parent)
        write_atomically(path, text)
    except OutputError:
        click.echo(text.rstrip("\n"))
        say("What would have been written there is on stdout.")
        raise
    written([path])


def check_output(output: str | Path | None) -> None:
    """Refuse a file or folder that cannot be written to before any work is done.

    Raises
    ------
    OutputError
        With the file and the reason.
    """
    if output is None or str(output) == "-":
        return
    path = Path(output)
    if path.suffix:
        make_folder(path.parent)
        check_writable(path)
    else:
        make_folder(path)


def written(paths: Iterable[Path]) -> None:
    """Say which files were written, last."""
    say("written: " + ", ".join(map(str, paths)))


def output_options(
    command: Callable[..., Any] | None = None, *, data: str = "json", forms: Sequence[str] = ()
) -> Callable[..., Any]:
    """``--json``, ``--format``, ``-o``, ``--strict``, as one argument ``out``.

    Parameters
    ----------
    data : str
        The form of ``-o -``.
    forms : sequence of str
        Instead of text, json and csv.
    """
    if command is None:
        return functools.partial(output_options, data=data, forms=forms)

    @functools.wraps(command)
    def wrapped(*args: Any, form: str | None, as_data: bool, output: str | None, strict: bool, **kwargs: Any) -> Any:
        out = chosen(form, as_data, output, strict, data)
        return command(*args, out=out, **kwargs)

    for option in (
        QUIET,
        click.option(
            "--strict", is_flag=True, help="Exit with 3 where there is anything to know before relying on it."
        ),
        click.option(
            "-o", "--output", metavar="FILE", help="Write data there, in the form of its ending; - for stdout."
        ),
        click.option(
            "--format", "form", type=click.Choice(forms or ["text", "json", "csv"]), help="Form of the answer."
        ),
        click.option("--json", "as_data", is_flag=True, help="The answer as JSON on stdout: short for --format json."),
    ):
        wrapped = option(wrapped)
    return wrapped


def chosen(form: str | None, as_data: bool, output: str | None, strict: bool, data: str) -> Output:
    """What the options of a command add up to; contradictions are a usage error."""
    if as_data and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} say different things")
    form = "json" if as_data else form
    if output == "-":
        if sys.stdout.isatty():
            raise click.UsageError("-o - is for a pipe, and stdout is a terminal: give a file, or --json")
        return Output(form or data, None, strict)
    if output is None:
        return Output(form or "text", None, strict, asked=form is not None)
    path = Path(output)
    if form in FOLDERS:
        make_folder(path)
        return Output(form, path, strict)
    by_ending = FORMS.get(path.suffix.lower())
    if by_ending is None and form is None:
        raise click.UsageError(f"-o {output}: the ending says the form, one of {', '.join(FORMS)}; or give --format")
    make_folder(path.parent)
    check_writable(path)
    return Output(form or by_ending or "text", path, strict)


def as_json(table: pd.DataFrame) -> str:
    """Rows as an array of objects; every number with as many digits as it takes to read it back."""
    return json.dumps(records(table), ensure_ascii=False)


def as_json_lines(table: pd.DataFrame) -> str:
    """Rows as an object each, one a line."""
    return "\n".join(json.dumps(record, ensure_ascii=False) for record in records(table))


def as_csv(table: pd.DataFrame) -> str:
    """Rows as CSV, whose texts no spreadsheet takes for formulas."""
    return csv_text(table)


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain values; what is not a finite number is null."""
    return [{str(k): _plain(v) for k, v in row.items()} for row in table.to_dict("records")]


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def columns(table: pd.DataFrame) -> str:
    """A table of numbers for people: bounds of intervals say their level in the heading."""
    from quokka_laws.results.format import right_aligned
    from quokka_laws.results.intervals import bounds

    if "level" in table:
        level = f"{100 * table['level'].iloc[0]:.3g} %"
        table = table.rename(columns={c: f"{c} {level}" for c in bounds(table)}).drop(columns="level")
    return right_aligned(table)
