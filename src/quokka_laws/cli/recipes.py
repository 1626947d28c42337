"""Recipe A or B: the command that compares recipes in one table of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pandas as pd

from quokka_laws.cli.common import BUDGETS, Real, assignments, quiet, say
from quokka_laws.cli.options import SEED, load_runs, quantity, runs_options
from quokka_laws.cli.output import Output, check_output, columns, output_options, written
from quokka_laws.evaluation.recipes import LEVEL, speedup
from quokka_laws.evaluation.tuned_recipes import tuned


@click.command("speedup")
@click.argument("runs", nargs=-1, required=True, metavar="RUNS...")
@click.option("--by", default="recipe", show_default=True, help="Column of recipes.")
@click.option("--baseline", help="The recipe that others are measured by; the first in the table by default.")
@BUDGETS
@click.option(
    "--frontier",
    metavar="COLUMNS",
    help="Compare each recipe at the fitted lowest loss of each N and D over what was swept: lr,batch.",
)
@runs_options
@assignments("--fix", help="Hold the floor of the evaluation set: E=1.69.")
@click.option(
    "--pair",
    default="auto",
    show_default=True,
    help="Which runs share noise: a column whose equal rows do, 'auto' (same N, D and seed), or 'none'.",
)
@click.option(
    "--law",
    type=click.Choice(["auto", "N, D", "C"]),
    default="auto",
    show_default=True,
    help="Loss of N and D, or along C for recipes run at one D/N.",
)
@click.option(
    "--bootstrap", type=click.IntRange(100, 100_000), default=1000, show_default=True, help="Refits for intervals."
)
@click.option(
    "--figure", type=click.Path(), help="Write loss against compute and the multiplier there (png, svg, pdf)."
)
@click.option("--level", type=Real(0, 1), default=LEVEL, show_default=True, help="Confidence level of intervals.")
@SEED
@output_options
def speedup_command(
    runs: tuple[str, ...],
    by: str,
    baseline: str | None,
    C: tuple[float, ...],
    frontier: str | None,
    fix: dict[str, str],
    pair: str,
    law: Any,
    bootstrap: int,
    figure: str | None,
    level: float,
    seed: int,
    out: Output,
    **reading: Any,
) -> None:
    """How many times the compute of another recipe the baseline needs for the same loss, with the chance that the other is better.

    RUNS is one table with a column of recipes. Runs of the same N and D share noise, which then cancels.
    """
    check_output(figure)
    found = speedup(
        _runs(runs, by, frontier, seed, reading),
        by,
        baseline,
        C=C or None,
        law=law,
        fix={name: quantity("--fix", name, text) for name, text in fix.items()},
        pair=None if pair == "none" else pair,
        level=level,
        bootstrap=bootstrap,
        seed=seed,
        progress=not quiet(),
    )
    if figure is not None:
        from quokka_laws.reporting.plot.recipes import speedup_figure

        speedup_figure(found, Path(figure))
    shown = [
        "recipe",
        "C",
        "multiplier",
        "multiplier_lower",
        "multiplier_upper",
        "level",
        "p_better",
        "extrapolation",
        "rests_on",
    ]
    out.text(
        found.answer, found.known, *([columns(found.table[shown])] if out.form == "text" else []), found.evidence()
    )
    out.data(found.table)
    if figure is not None:
        written([Path(figure)])
    out.finish(found.known)


def _runs(sources: tuple[str, ...], by: str, frontier: str | None, seed: int, reading: dict[str, Any]) -> pd.DataFrame:
    """Runs with what was swept taken at its best, recipe by recipe."""
    best_of = reading.pop("best_of")
    if frontier and best_of:
        raise click.UsageError("--frontier and --best-of both say how sweeps are taken: give one")
    over = [c.strip() for c in (frontier or best_of or "").split(",") if c.strip()]
    table = load_runs(sources, best_of=None, **reading, unsaid=("sweep",) if over else ())
    if not over:
        return table
    found = tuned(table, by, over, "frontier" if frontier else "lowest", seed=seed)
    say(
        f"  losses are the {'fitted ' if frontier else ''}lowest of each recipe, N and D over {', '.join(over)}: {len(found)} of {len(table)} rows"
    )
    return found
