"""What every command shares: quantities as arguments, data on stdout, prose on stderr, exit codes.

Exit codes: 0 done, 1 bad data or files, 2 wrong usage, 3 a fit failed (or, with ``--strict``, is flagged).
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if (
    TYPE_CHECKING
):  # at run time the rooms are imported by the functions that need them: `--help` does not wait for pandas
    import pandas as pd

    from quokka_laws.results.fit_result import FitResult

BAD_DATA, USAGE, FIT_FAILED = 1, 2, 3
LEVEL = 0.95  # of intervals, in every command


class Quantity(click.ParamType):  # type: ignore[type-arg]
    """A number such as 7e9, 7B or 1.2T."""

    name = "quantity"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Text → float, or a usage error."""
        from quokka_laws.runs.quantities import parse_quantity

        try:
            return parse_quantity(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Assignments(click.ParamType):  # type: ignore[type-arg]
    """``N=n_params,D=tokens``."""

    name = "name=value,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        """Text → dict, or a usage error."""
        if isinstance(value, dict):
            return value
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        if any(not (left.strip() and mark and right.strip()) for left, mark, right in pairs):
            self.fail(f"{value!r}: write name=value, several separated by commas", param, ctx)
        return {left.strip(): right.strip() for left, _, right in pairs}


QUANTITY, ASSIGNMENTS = Quantity(), Assignments()


def as_options(message: str) -> str:
    """Arguments of the library's functions in a message as options of the command line."""

    def columns(match: re.Match[str]) -> str:
        pairs = re.findall(r"'(\w+)': (?:'([^']*)'|(…))", match[1])
        return '--columns "' + ",".join(f"{canonical}={given or blank}" for canonical, given, blank in pairs) + '"'

    message = re.sub(r"columns=\{(.*?)\}", columns, message)
    return re.sub(r"\b(flops|drop|keep)=(?='|\"|\s|$)", r"--\1 ", message).rstrip()


def given(*names: str) -> list[str]:
    """Those parameters of the running command that were typed, not left at their defaults, as they are typed."""
    context = click.get_current_context()
    options = {p.name: max(p.opts, key=len) for p in context.command.params}
    return [options[n] for n in names if context.get_parameter_source(n) is click.core.ParameterSource.COMMANDLINE]


def fail(message: str, code: int) -> None:
    """Say what was wrong on stderr and leave."""
    click.echo(f"Error: {message}", err=True)
    sys.exit(code)


def say(text: str) -> None:
    """Prose goes to stderr."""
    click.echo(text, err=True)


def load_fit(source: str) -> FitResult:
    """A fit from a path, or from stdin for ``-``; its doubts go to stderr, for what is computed from it inherits them."""
    from quokka_laws.results.storage import read_fit

    fit = read_fit(sys.stdin.read() or "{}") if source == "-" else read_fit(Path(source))
    for flag in fit.flags:
        say(f"! {flag.code}: {flag.message}")
    return fit


INTERVAL = click.option(
    "--interval",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help=f"Level of intervals.  [default: {LEVEL:g} where the fit has some]",
)


def level_of(*fits: Any, asked: float | None = None) -> float | None:
    """The level asked for, or the default where every fit has intervals that mean something."""
    from quokka_laws.results.fitted_law import FittedLaw

    return asked or (LEVEL if all(isinstance(f, FittedLaw) and f.has_intervals for f in fits) else None)


def format_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--format``: JSON for programs (the default where stdout is not a terminal), table for people, CSV."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(["json", "table", "csv"]),
        default=None,
        help="Form of the data on stdout; JSON unless stdout is a terminal, then a table.",
    )(command)


def chosen(form: str | None) -> str:
    """The form asked for, or what suits stdout."""
    return form or ("table" if sys.stdout.isatty() else "json")


def emit(
    table: pd.DataFrame,
    form: str | None,
    *,
    pretty: Callable[[pd.DataFrame], str] | None = None,
    level: float | None = None,
) -> None:
    """Write a DataFrame to stdout in the form asked for; a table's columns of intervals say their level."""
    from quokka_laws.results.format import right_aligned

    form = chosen(form)
    if form == "json":
        click.echo(table.to_json(orient="records", double_precision=15))
    elif form == "csv":
        click.echo(table.to_csv(index=False), nl=False)
    elif pretty:
        click.echo(pretty(table))
    else:
        bounds = [c for c in table if str(c).endswith(("_lower", "_upper")) and "_flat_" not in str(c)]
        named = table.rename(columns={c: f"{c} {level:.0%}" for c in bounds} if level else {})
        click.echo(right_aligned(named))


def log_to_stderr(verbose: bool) -> None:
    """With ``--verbose`` say what is done as it is done."""
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr, force=True)
