"""What every command shares: quantities as arguments, data on stdout, prose on stderr, exit codes.

Exit codes: 0 done, 1 bad data or files, 2 wrong usage, 3 a fit failed (or, with ``--strict``, is flagged).
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pandas as pd

from quokka_laws.exceptions import FitError, QuokkaError, RunsError
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.format import right_aligned
from quokka_laws.results.storage import read_fit
from quokka_laws.runs.checks import fault_text
from quokka_laws.runs.quantities import parse_quantity

BAD_DATA, USAGE, FIT_FAILED = 1, 2, 3
LEVEL = 0.95  # of intervals, in every command


class Quantity(click.ParamType):  # type: ignore[type-arg]
    """A number such as 7e9, 7B or 1.2T."""

    name = "quantity"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Text → float, or a usage error."""
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


class Doors(click.Group):
    """A group whose commands turn every deliberate error into one message and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; never show a traceback for a mistake of the user's."""
        try:
            return super().invoke(ctx)
        except FitError as error:
            fail(as_options(str(error)), FIT_FAILED)
        except RunsError as error:
            shown = fault_text(error.source, error.faults, options=True) if error.faults else as_options(str(error))
            fail(shown, BAD_DATA)
        except QuokkaError as error:
            fail(as_options(str(error)), BAD_DATA)
        except ValueError as error:
            fail(str(error), USAGE)
        except BrokenPipeError:
            raise
        except OSError as error:
            fail(f"{error.filename or 'file'}: {error.strerror or error}", BAD_DATA)


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
