"""What commands that read runs share: the options of a table and of a fit, and a law by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import click
import lmfit
import numpy as np
import pandas as pd

from quokka_laws.cli.common import BUDGETS, Real, assignments, given, say
from quokka_laws.exceptions import ArgumentError
from quokka_laws.laws import Formula, Law, from_name
from quokka_laws.runs.conventions import AS_GIVEN
from quokka_laws.runs.quantities import parse_quantity
from quokka_laws.runs.read import notes_of, read_runs
from quokka_laws.runs.remarks import sentence


def runs_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that reads a table of runs."""
    options = [
        assignments("--columns", help="Column names: N=n_params,D=tokens,loss=val_loss; N=params_m:M in millions."),
        click.option("--flops", default="6ND", show_default=True, help="FLOP rule relating C, N and D, or 'as given'."),
        click.option(
            "--drop",
            multiple=True,
            help="Leave out rows: a condition such as 'D / N < 4' or 'row in [3, 17]', 'duplicates', or, in fit, 'outliers'. Repeatable.",
        ),
        click.option("--keep", help="Keep only rows that meet a condition."),
        click.option(
            "--best-of", metavar="COLUMNS", help="Keep the lowest loss of each N and D over what was swept: lr,batch."
        ),
        click.option(
            "--bytes-per-token",
            type=Real(0, 1e4),
            help="Bytes of text for each token: turns bits/byte into nats/token.",
        ),
        click.option(
            "--config-column",
            metavar="COLUMN",
            help="Count N and C of each run from the configuration in this column: a path, or its content as JSON.",
        ),
        click.option(
            "--config-counts",
            type=click.Choice(["total", "active", "non-embedding"]),
            help="What N holds when it is counted from configurations.  [default: total]",
        ),
        assignments(
            "--state", help="Conventions to record: N_counts=total,loss_split=validation,loss_unit=nats/token."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def load_runs(
    sources: str | Sequence[str] | pd.DataFrame,
    columns: dict[str, str],
    flops: str,
    drop: tuple[str, ...],
    keep: str | None,
    best_of: str | None,
    bytes_per_token: float | None,
    state: dict[str, Any],
    config_column: str | None = None,
    config_counts: Any = None,
    said: set[str] | None = None,
    unsaid: Collection[str] = (),
) -> pd.DataFrame:
    """Runs from paths or stdin with the shared options; what was chosen or changed in reading goes to stderr.

    What is in ``said`` has been told already, of a table that is read once for each of its losses; the codes in ``unsaid`` the
    command answers itself.
    """
    several: list[Any] = [sources] if isinstance(sources, str | pd.DataFrame) else list(sources)
    source: Any = several[0] if len(several) == 1 else several
    if config_column is not None:
        source, state = _counted(several, config_column, config_counts or "total", columns, flops, state)
        columns, flops = {k: v for k, v in columns.items() if k not in ("N", "C")}, AS_GIVEN
    elif config_counts is not None:
        raise click.UsageError("--config-counts goes with --config-column, the column of configurations")
    table = read_runs(
        source,
        columns=columns,
        flops=flops,
        drop={f"drop: {d}": d for d in drop} or None,
        keep=keep,
        best_of=[c.strip() for c in best_of.split(",") if c.strip()] if best_of else None,
        bytes_per_token=bytes_per_token,
        **state,
    )
    for note in notes_of(table):
        told = sentence(note)
        if not note.routine and note.code not in unsaid and (said is None or told not in said):
            say(f"  {told}")
        if said is not None:
            said.add(told)
    return table


def _counted(
    several: Sequence[Any], column: str, counts: Any, columns: dict[str, str], flops: str, state: dict[str, Any]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A table with N and C counted from its configurations, and what is to be recorded of it."""
    from quokka_laws.importers.configurations import counted

    if len(several) > 1:
        raise click.UsageError(f"--config-column {column}: give one table, whose folder the paths in it start from")
    if flops_given := given("flops"):
        raise click.UsageError(f"{flops_given[0]} {flops}: C is counted from the configurations; leave it out")
    table = counted(several[0], column, columns=columns, counts=counts)
    say(f"  N ({counts}) and C are counted from the configurations in {column}")
    return table, {"N_counts": counts, **state}


def with_settings(
    law: Law,
    *,
    fix: dict[str, str],
    tie: dict[str, str],
    start: dict[str, str],
    bounds: dict[str, str],
    variables: str | None,
) -> tuple[Law, lmfit.Parameters | None]:
    """A law and its parameters as ``--fix``, ``--tie``, ``--start``, ``--bounds`` and ``--variables`` say."""
    if both := sorted(set(fix) & set(tie)):
        raise click.UsageError(f"--fix and --tie both say what {', '.join(both)} is")
    fixed = {name: quantity("--fix", name, value) for name, value in fix.items()}
    ranges = {name: _range("--start", name, value) for name, value in start.items()}
    limits = {name: _range("--bounds", name, value) for name, value in bounds.items()}
    if isinstance(law, Formula):
        told = law.with_settings(
            fixed=fixed.items(),
            ties=tie.items(),
            start=[(name, *pair) for name, pair in ranges.items()],
            bounds=[(name, *pair) for name, pair in limits.items()],
        )
        if variables is None:
            return told, None
        if law.called:
            raise click.UsageError(
                f"--variables is for formulas; columns of {law.called} are named in brackets, {law.called}(…)"
            )
        return replace(told, of=tuple(v.strip() for v in variables.split(",") if v.strip())), None
    if variables is not None:
        raise click.UsageError(f"--variables says which names of a formula are columns; {law.label} knows its own")
    settings: dict[str, dict[str, Any]] = {name: {"value": value, "vary": False} for name, value in fixed.items()}
    for name, expression in tie.items():
        settings.setdefault(name, {})["expr"] = expression
    for name, (low, high) in ranges.items():
        settings.setdefault(name, {}).update({"value": low} if low == high else {"start": (low, high)})
    for name, (low, high) in limits.items():
        settings.setdefault(name, {}).update({"min": low, "max": high})
    return law, law.make_params(**settings)


def quantity(option: str, name: str, text: str) -> float:
    """A quantity such as 7B, or a number of either sign; a usage error otherwise."""
    try:
        return parse_quantity(text)
    except ArgumentError as error:
        raise click.UsageError(f"{option} {name}: {error}") from None


def _range(option: str, name: str, text: str) -> tuple[float, float]:
    """``.01:2`` → (0.01, 2); a start may be one number, a bound may lack a side (``0:``)."""
    low, mark, high = text.partition(":")
    open_sided = option == "--bounds"
    if open_sided and not mark:
        raise click.UsageError(
            f"{option} needs two numbers, or one side of them: {name}=0:5 or {name}=0:; got {name}={text}"
        )
    try:
        first = -np.inf if open_sided and not low else float(low)
        second = (np.inf if open_sided and not high else float(high)) if mark else first
    except ValueError:
        raise click.UsageError(f"{option} needs numbers, such as {name}=.01:2; got {name}={text}") from None
    if first > second:
        raise click.UsageError(f"{option} {name}={text}: the first number is larger than the second")
    return first, second


class LawName(click.ParamType):  # type: ignore[type-arg]
    """A law by name, or a formula; the nearest name is suggested for an unknown one."""

    name = "law"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Law:
        """Text → law."""
        if isinstance(value, Law):
            return value
        try:
            return from_name(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


MOST_REFITS = 100_000  # half an hour; intervals stop moving at some thousands
BOOTSTRAP = click.option(
    "--bootstrap",
    type=click.IntRange(0, MOST_REFITS),
    default=1000,
    show_default=True,
    help="Refits for intervals; 0 for none.",
)
SEED = click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Random seed of starts and resamples.",
)


WORKERS = click.option(
    "--workers",
    type=click.IntRange(-1),
    default=1,
    show_default=True,
    help="Processes that share the refits; -1 for every core. The numbers do not depend on it.",
)


def study_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that fits and plans."""
    for option in (SEED, BOOTSTRAP, BUDGETS):
        command = option(command)
    return command
