"""What every command shares: quantities and assignments as arguments, prose on stderr, exit codes.

At run time the rooms of the library are imported by the functions that need them, so that `--help` does not wait for pandas.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from typing import Any

import click

DONE, FAILED, USAGE, STRICT, OUR_FAULT = 0, 1, 2, 3, 70


class Quantity(click.ParamType):  # type: ignore[type-arg]
    """A number such as 7e9, 7B, 1.2T, 1e22 FLOPs or 100 PF-days, and one that such a quantity can be."""

    name = "quantity"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Text → float, or a usage error."""
        from quokka_laws.runs.quantities import plausible

        try:
            return plausible(_quantity(param), value)
        except ValueError as error:
            self.fail(str(error) + _of_machines(value), param, ctx)


class QuantityList(click.ParamType):  # type: ignore[type-arg]
    """One quantity, or several separated by commas: 1e22,1e23."""

    name = "quantity,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """Text → numbers, or a usage error."""
        from quokka_laws.runs.quantities import parse_list, plausible

        if isinstance(value, tuple):
            return value
        try:
            return tuple(plausible(_quantity(param), one) for one in parse_list(value))
        except ValueError as error:
            self.fail(str(error) + _of_machines(value), param, ctx)


def _of_machines(value: Any) -> str:
    """Where a budget in GPUs, hours or money is given, for text that seems to be one."""
    seems = re.search(r"(?i)gpu|tpu|hour|day\b|days|week|month|\$|€|usd|\b[abhv]\d{2,3}\b", str(value))
    return "; `quokka-laws plan` takes --gpus 64xH100 --days 14, --gpu-hours and --dollars" if seems else ""


def _quantity(param: click.Parameter | None) -> str:
    """Which quantity an option holds, by the name of its argument; messages name the option themselves."""
    name = str(param.name) if param is not None else ""
    return {"budget": "C", "target_C": "C", "total": "C"}.get(name, name)


class Real(click.ParamType):  # type: ignore[type-arg]
    """A finite number within bounds, both left out; NaN and infinity are none."""

    name = "number"

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Text → float, or a usage error."""
        try:
            number = float(value)
        except ValueError:
            self.fail(f"{value!r} is not a number", param, ctx)
        if not self.low < number < self.high:
            self.fail(f"{value} is not between {self.low:g} and {self.high:g}", param, ctx)
        return number


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
        names = [left.strip() for left, _, _ in pairs]
        if twice := sorted({n for n in names if names.count(n) > 1}):
            self.fail(f"{', '.join(twice)} is given more than once", param, ctx)
        return {left.strip(): right.strip() for left, _, right in pairs}


QUANTITY, QUANTITIES, ASSIGNMENTS = Quantity(), QuantityList(), Assignments()


def assignments(*names: str, help: str) -> Callable[..., Any]:
    """An option of any number of assignments: repeated, or separated by commas; nothing is assigned twice."""

    def merged(ctx: click.Context, param: click.Parameter, given: tuple[dict[str, str], ...]) -> dict[str, str]:
        found: dict[str, str] = {}
        for group in given:
            if twice := sorted(k for k in group if found.get(k, group[k]) != group[k]):
                raise click.BadParameter(f"{', '.join(twice)} is given twice, in two ways", ctx, param)
            found |= group
        return found

    return click.option(*names, type=ASSIGNMENTS, multiple=True, callback=merged, help=f"{help} Repeatable.")


def quantities(*names: str, help: str, required: bool = False) -> Callable[..., Any]:
    """An option of any number of quantities: repeated, or separated by commas."""

    def flat(ctx: click.Context, param: click.Parameter, given: tuple[tuple[float, ...], ...]) -> tuple[float, ...]:
        return tuple(value for group in given for value in group)

    more = "Repeatable, or separated by commas."
    return click.option(*names, type=QUANTITIES, multiple=True, required=required, callback=flat, help=f"{help} {more}")


BUDGETS = quantities("-C", "--budget", "C", help="Training FLOPs of one run.")
SIZES = quantities("-N", "--params", "N", help="Parameters.")
TOKENS = quantities("-D", "--tokens", "D", help="Tokens; one, or one for each N.")
UNIQUE = quantities("-U", "--unique-tokens", "U_D", help="Unique tokens, for laws of repeated data.")
LEVEL = click.option(
    "--level",
    type=Real(0, 1),
    default=0.95,
    show_default=True,
    help="Confidence level of intervals.",
)


def _be_quiet(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        ctx.find_root().obj = {**(ctx.find_root().obj or {}), "quiet": True}


QUIET = click.option(
    "-q", "--quiet", is_flag=True, expose_value=False, callback=_be_quiet, help="The answer and nothing else."
)


def given(*names: str) -> list[str]:
    """Options given on the command line, as typed, of those named."""
    context = click.get_current_context()
    options = {p.name: max(p.opts, key=len) for p in context.command.params}
    return [options[n] for n in names if context.get_parameter_source(n) is click.core.ParameterSource.COMMANDLINE]


def fail(message: str, code: int) -> None:
    """Say what was wrong on stderr and leave."""
    click.secho("Error: ", fg="red", bold=True, nl=False, err=True)
    click.echo(message, err=True)
    sys.exit(code)


def quiet() -> bool:
    """Whether --quiet was given to the running command."""
    context = click.get_current_context(silent=True)
    return bool(context and (context.find_root().obj or {}).get("quiet"))


def say(text: str) -> None:
    """Prose goes to stderr; nowhere with --quiet."""
    if not quiet():
        click.echo(text, err=True)


def log_to_stderr(verbose: bool) -> None:
    """With ``--verbose`` say what is done as it is done."""
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr, force=True)
