"""Commands that say which runs to train: a first sweep, and the next runs after a fit."""

from __future__ import annotations

import sys

import click
import pandas as pd

from quokka_laws.cli.common import QUANTITY, emit, load_fit, say
from quokka_laws.cli.literature import resolve
from quokka_laws.plan.design import ladder, next_runs

FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "json", "table"]),
    help="Form of the sweep on stdout; CSV, which the trainer reads, unless stdout is a terminal, then a table.",
)


@click.command("ladder")
@click.option("--budget", type=QUANTITY, required=True, help="FLOPs of all runs together.")
@click.option("--law", default="besiroglu-2024", show_default=True, help="Whose optima are the centres; or a fit.json.")
@click.option("--slices", type=int, default=5, show_default=True, help="Budgets, log-spaced.")
@click.option("--sizes", type=int, default=5, show_default=True, help="Models per budget.")
@click.option("--span", type=float, default=100.0, show_default=True, help="Largest over smallest budget.")
@click.option("--width", type=float, default=3.0, show_default=True, help="Sizes within this factor of the centre.")
@FORMAT
def ladder_command(
    budget: float, law: str, slices: int, sizes: int, span: float, width: float, form: str | None
) -> None:
    """A first sweep to train: IsoFLOP slices around a published law's optimum."""
    _emit(ladder(budget, around=resolve(law), slices=slices, sizes=sizes, span=span, width=width), form)


@click.command("design")
@click.argument("fit_json", metavar="FIT")
@click.option("--budget", type=QUANTITY, required=True, help="FLOPs of all new runs together.")
@click.option("-C", "--target-budget", "target_C", type=QUANTITY, help="Ask for the compute-optimal size here.")
@click.option("-N", "--params", "N", type=QUANTITY, help="Ask for the loss here instead: parameters …")
@click.option(
    "-D", "--tokens", "D", type=QUANTITY, help="… and tokens (with repeated data the first -U of them unique)."
)
@click.option(
    "-U", "--unique-tokens", "U_D", type=QUANTITY, multiple=True, help="Unique tokens new runs may use. Repeatable."
)
@FORMAT
def design_command(
    fit_json: str,
    budget: float,
    target_C: float | None,
    N: float | None,
    D: float | None,
    U_D: tuple[float, ...],
    form: str | None,
) -> None:
    """The runs to train next: those that say most per FLOP about a target, given a FIT."""
    if (N is None) != (D is None):
        raise click.UsageError("-N and -D go together: the point whose loss is asked for")
    if (target_C is None) == (N is None):
        raise click.UsageError("ask for the optimal size with -C, or for the loss at a point with -N and -D")
    point = None
    if N is not None and D is not None:
        point = {"N": N, "D": D, **({"U_D": U_D[0]} if U_D else {})}
    table = next_runs(load_fit(fit_json), budget, target_C=target_C, target=point, U_D=U_D or None)
    say(
        f"{len(table)} runs, {table['C'].sum():.3g} FLOPs: the standard deviation of {table.attrs['target']} falls from "
        f"{table['sd_before'].iloc[0]:.3g} to {table['sd_after'].iloc[-1]:.3g} (noise of one run {table.attrs['noise']:.2g})"
    )
    _emit(table, form)


def _emit(table: pd.DataFrame, form: str | None) -> None:
    for note in table.attrs["notes"]:
        say(f"  {note}")
    emit(table, form or ("table" if sys.stdout.isatty() else "csv"))
