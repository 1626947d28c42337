"""What commands that read runs share: the options of a table and of a fit, and a law by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click
import pandas as pd

from quokka_laws.cli.common import ASSIGNMENTS, QUANTITY, say
from quokka_laws.laws import Law, from_name
from quokka_laws.runs.read import notes_of, read_runs
from quokka_laws.runs.remarks import sentence


def runs_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that reads a table of runs."""
    options = [
        click.option(
            "--columns",
            type=ASSIGNMENTS,
            default={},
            help="Column names: N=n_params,D=tokens,loss=val_loss; N=params_m:M in millions.",
        ),
        click.option("--flops", default="6ND", show_default=True, help="FLOP rule relating C, N and D, or 'as given'."),
        click.option(
            "--drop",
            multiple=True,
            help="Leave out rows: a condition such as 'D / N < 4', or 'duplicates'. Repeatable.",
        ),
        click.option("--keep", help="Keep only rows that meet a condition."),
        click.option(
            "--best-of", metavar="COLUMNS", help="Keep the lowest loss of each N and D over what was swept: lr,batch."
        ),
        click.option(
            "--bytes-per-token", type=QUANTITY, help="Bytes of text for each token: turns bits/byte into nats/token."
        ),
        click.option(
            "--state",
            type=ASSIGNMENTS,
            default={},
            help="Conventions to record: N_counts=total,loss_split=validation,loss_unit=nats/token.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def load_runs(
    sources: Sequence[str],
    columns: dict[str, str],
    flops: str,
    drop: tuple[str, ...],
    keep: str | None,
    best_of: str | None,
    bytes_per_token: float | None,
    state: dict[str, Any],
) -> pd.DataFrame:
    """Runs from a path or stdin with the shared options; what was chosen or changed in reading goes to stderr."""
    try:
        table = read_runs(
            sources[0] if len(sources) == 1 else sources,
            columns=columns,
            flops=flops,
            drop={f"drop: {d}": d for d in drop} or None,
            keep=keep,
            best_of=[c.strip() for c in best_of.split(",") if c.strip()] if best_of else None,
            bytes_per_token=bytes_per_token,
            **state,
        )
    except TypeError as error:
        raise click.UsageError(str(error)) from None
    for note in notes_of(table):
        if not note.routine:
            say(f"  {sentence(note, options=True)}")
    return table


class LawName(click.ParamType):  # type: ignore[type-arg]
    """A law by name; the nearest is suggested for an unknown one."""

    name = "law"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Law:
        """Text → law."""
        if isinstance(value, Law):
            return value
        try:
            return from_name(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def study_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that ``demo`` and ``fit`` share."""
    options = [
        click.option("-C", "--budget", "budgets", type=QUANTITY, multiple=True, help="FLOPs to allocate. Repeatable."),
        click.option(
            "--bootstrap", type=click.IntRange(0), default=1000, show_default=True, help="Refits for intervals."
        ),
        click.option("--seed", type=int, default=0, show_default=True, help="Of starts and resamples."),
    ]
    for option in reversed(options):
        command = option(command)
    return command
