"""Commands that choose runs to train: a first sweep, then the runs that leave a question best answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import pandas as pd

from quokka_laws.cli.common import QUANTITY, Real, quantities
from quokka_laws.cli.launches import launch_options, launched_table, write_launch
from quokka_laws.cli.literature import known_about, resolve, resolve_fit
from quokka_laws.cli.output import FOLDERS, Output, output_options
from quokka_laws.exceptions import QuokkaError
from quokka_laws.plan.design import ladder, next_runs, simulate
from quokka_laws.plan.design.believed import NOISE, laws_of
from quokka_laws.plan.design.ladder import LAYOUTS, Layout
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.format import human, left_aligned
from quokka_laws.runs.files import read_table

SWEEP = output_options(data="csv", forms=["text", "csv", "json"])
LAUNCHED = output_options(data="csv", forms=["text", "csv", "json", *FOLDERS])
TOTAL = click.option(
    "--total", type=QUANTITY, required=True, help="FLOPs of all runs together; with --cost, in the unit of its column."
)
SIMULATE = click.option(
    "--simulate",
    "simulated",
    is_flag=True,
    help="Say what intervals these runs would give, by simulation, before they are paid for.",
)
REPEATS = 100


@click.command("ladder")
@TOTAL
@click.option(
    "--law",
    default="besiroglu-2024",
    show_default=True,
    help="Law whose optima are the centers: published, or a fit.json.",
)
@click.option(
    "--layout",
    type=click.Choice(LAYOUTS),
    default="isoflop",
    show_default=True,
    help="Slices of equal compute; every size on every D/N; or small models on many tokens and large ones on few.",
)
@click.option(
    "--slices", type=click.IntRange(2, 100), default=5, show_default=True, help="How many budgets, log-spaced."
)
@click.option("--sizes", type=click.IntRange(3, 100), default=5, show_default=True, help="How many models per budget.")
@click.option("--span", type=Real(1, 1e12), default=100.0, show_default=True, help="Largest over smallest budget.")
@click.option(
    "--width", type=Real(1, 1e6), default=3.0, show_default=True, help="Sizes within this factor of the centre."
)
@click.option("-C", "--budget", "C", type=QUANTITY, help="With --simulate: the optimal size at these FLOPs is asked.")
@SIMULATE
@SWEEP
def ladder_command(
    total: float,
    law: str,
    layout: Layout,
    slices: int,
    sizes: int,
    span: float,
    width: float,
    C: float | None,
    simulated: bool,
    out: Output,
) -> None:
    """Choose the runs of a first sweep: IsoFLOP slices around a published law's optimum, or another layout.

    Write them with -o sweep.csv, which the reference trainer reads.
    """
    if simulated and C is None:
        raise click.UsageError("--simulate needs the question: the optimal size at a budget, -C 1e23")
    table = ladder(total, around=resolve(law), slices=slices, sizes=sizes, span=span, width=width, layout=layout)
    what = f"{slices} budgets from" if layout == "isoflop" else "runs of"
    answer = (
        f"{len(table)} runs, {table['C'].sum():.3g} FLOPs together: {what} {table['C'].min():.3g} to "
        f"{table['C'].max():.3g}, {human(table['N'].min())} to {human(table['N'].max())} parameters"
    )
    below = [intervals(table, C, None, None, NOISE)] if simulated else []
    out.for_programs("csv").show(answer, table.attrs["notes"], table, below=below)


@click.command("design")
@click.argument("fit", metavar="[FIT]", required=False)
@TOTAL
@click.option(
    "-C", "--budget", "C", type=QUANTITY, help="The question: the compute-optimal size at these FLOPs of one run."
)
@click.option("-N", "--params", "N", type=QUANTITY, help="Or the loss at a point: parameters …")
@click.option(
    "-D", "--tokens", "D", type=QUANTITY, help="… and tokens (with repeated data the first -U of them unique)."
)
@click.option(
    "--region", type=click.Path(), help="Or the losses at all rows of a table: the most expensive runs, for example."
)
@quantities("-U", "--unique-tokens", "U_D", help="Unique tokens that new runs may use.")
@click.option("--candidates", type=click.Path(), help="Choose from the rows of this table (N, D) instead of a grid.")
@click.option("--cost", default="C", show_default=True, help="Column of the candidates that --total is counted in.")
@SIMULATE
@launch_options
@LAUNCHED
def design_command(
    fit: str | None,
    total: float,
    C: float | None,
    N: float | None,
    D: float | None,
    region: str | None,
    U_D: tuple[float, ...],
    candidates: str | None,
    cost: str,
    simulated: bool,
    out: Output,
    **launched: Any,
) -> None:
    """Choose the runs to train next, given a FIT: those that leave a question best answered, should the law be wrong too.

    Without a FIT, before anything is trained, published laws stand in, and --candidates are needed.

    Write the runs with -o sweep.csv, which the reference trainer reads; or with --format torchtitan (or megatron) -o FOLDER as scripts
    for a cluster, whose logs `quokka-laws import` reads back.
    """
    if out.form in FOLDERS and out.path is None:
        raise click.UsageError(f"--format {out.form} writes a folder: give -o FOLDER")
    if (N is None) != (D is None):
        raise click.UsageError("-N and -D go together: the point whose loss is asked for")
    if (C is not None) + (N is not None) + (region is not None) != 1:
        raise click.UsageError(
            "ask for the optimal size with -C, for the loss at a point with -N and -D, or for those of a table with --region"
        )
    if fit is None and candidates is None:
        raise click.UsageError(
            "give a FIT, or --candidates to choose from; a first sweep is made by `quokka-laws ladder`"
        )
    target: Any = None
    if N is not None and D is not None:
        target = {"N": N, "D": D, **({"U_D": U_D[0]} if U_D else {})}
    elif region is not None:
        target = read_table(region)
    fitted = None if fit is None else resolve_fit(fit, "design")
    pool = None if candidates is None else read_table(candidates)
    table = next_runs(fitted, total, target_C=C, target=target, U_D=U_D or None, candidates=pool, cost=cost)
    spent = f"{table['C'].sum():.3g} FLOPs" if cost == "C" else f"{table[cost].sum():.3g} of {cost}"
    kind = "standard deviation" if fitted is not None else "expected error"
    answer = (
        f"{len(table)} runs, {spent} together: the {kind} of {table.attrs['target']} falls from "
        f"{table['sd_before'].iloc[0]:.3g} to {table['sd_after'].iloc[-1]:.3g} (noise of one run {table.attrs['noise']:.2g})"
    )
    known = [*table.attrs["notes"], *(known_about(fitted) if fitted is not None else [])]
    if fitted is not None:
        known.insert(
            0,
            f"With the law's own error in it, the target is off by {table.attrs['error_after']:.3g} (now {table.attrs['error_before']:.3g}).",
        )
    below = []
    if simulated:
        trained = (
            table if fitted is None else pd.concat([fitted.runs[["N", "D"]], table[["N", "D"]]], ignore_index=True)
        )
        truths = None if fitted is None else laws_of(fitted, repeated=fitted.law.of_repetition)[0]
        below.append(intervals(trained, C, target, truths, table.attrs["noise"]))
    if out.form in FOLDERS and out.path is not None:
        facts = write_launch(table, out.form, out.path, **launched)
        out.text(answer, known, launched_table(facts), *below)
        return
    out.for_programs("csv").show(answer, known, table, below=below)


def intervals(
    runs: pd.DataFrame, C: float | None, target: Any, truths: Sequence[FittedLaw] | None, noise: float
) -> str:
    """What intervals runs would give, by truth, as a section; or why that cannot be said."""
    try:
        found = simulate(runs, target_C=C, target=target, truths=truths, noise=noise, repeats=REPEATS)
    except QuokkaError as error:
        return f"Not simulated: {error}"
    shown = found.rename_axis(None).assign(
        bias=found["bias"].map("{:+.2%}".format),
        sd=found["sd"].map("{:.2%}".format),
        width=found["width"].map("{:.1%}".format),
        held=found["held"].map("{:.0%}".format),
    )
    said = f"What {len(runs)} runs would say of {found.attrs['target']} ({found.attrs['law']} fitted, {REPEATS} simulations a truth):"
    return f"{said}\n{left_aligned(shown)}"
