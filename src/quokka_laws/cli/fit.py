"""Commands that fit: the demo, a law, IsoFLOP profiles."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from quokka_laws.cli.common import (
    ASSIGNMENTS,
    FIT_FAILED,
    LEVEL,
    QUANTITY,
    chosen,
    emit,
    fail,
    format_option,
    given,
    say,
)
from quokka_laws.cli.options import LawName, load_runs, runs_options, study_options
from quokka_laws.fitting.isoflop import fit_isoflops
from quokka_laws.laws import Law, registry
from quokka_laws.objective import L2, LogHuber, LogL1, LogL2, Objective
from quokka_laws.reporting.text import allocation_table
from quokka_laws.results.text import isoflop_report

OBJECTIVES: dict[str, Callable[[float], Objective]] = {
    "huber": lambda delta: LogHuber(delta),
    "l1": lambda _: LogL1(),
    "l2": lambda _: LogL2(),
    "raw-l2": lambda _: L2(),
}


@click.command("demo")
@study_options
@click.option("--out", type=click.Path(path_type=Path), default=Path("quokka-demo"), show_default=True, help="Folder.")
def demo_command(budgets: tuple[float, ...], bootstrap: int, seed: int, out: Path) -> None:
    """Fit the 87 digitised runs of the Quokka paper both ways; write three figures and the fit."""
    from quokka_laws.reporting.study import quokka_demo

    done, text = quokka_demo(C=budgets, bootstrap=bootstrap, seed=seed, progress=True)
    click.echo(text)
    click.echo("\nwritten: " + ", ".join(str(p) for p in done.write(out)))


@click.command("fit")
@click.argument("runs", nargs=-1, required=True, metavar="RUNS...")
@runs_options
@study_options
@click.option(
    "--law", type=LawName(), default="chinchilla", show_default=True, help=f"One of: {', '.join(registry())}."
)
@click.option(
    "-U", "--unique-tokens", "unique", type=QUANTITY, multiple=True, help="With -C, for repeated-data laws. Repeatable."
)
@click.option("--objective", type=click.Choice(list(OBJECTIVES)), default="huber", show_default=True)
@click.option("--delta", type=float, default=1e-3, show_default=True, help="Huber's delta, in log-loss.")
@click.option("--cluster", default="auto", show_default=True, help="Column to resample by; 'row' for single rows.")
@click.option("--strata", help="Column within whose values to resample.")
@click.option("--weights", help="Column of row weights.")
@click.option("--fix", type=ASSIGNMENTS, default={}, help="Coefficients to hold: E=1.7.")
@click.option("--tie", type=ASSIGNMENTS, default={}, help="Coefficients to tie: beta=alpha.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for fit.json and figures.")
@click.option("--strict", is_flag=True, help="Exit with 3 when anything about the fit is doubtful.")
@format_option
def fit_command(
    runs: tuple[str, ...],
    budgets: tuple[float, ...],
    bootstrap: int,
    seed: int,
    law: Law,
    unique: tuple[float, ...],
    objective: str,
    delta: float,
    cluster: str,
    strata: str | None,
    weights: str | None,
    fix: dict[str, str],
    tie: dict[str, str],
    out: Path | None,
    strict: bool,
    form: str | None,
    **reading: Any,
) -> None:
    """Fit a law to RUNS (CSV, JSON lines, Parquet, or - for stdin).

    The report goes to stderr; stdout gets the fit as JSON, which `predict`, `allocate` and `plot` read, or the
    coefficient table with --format table or csv.
    """
    from quokka_laws.reporting.study import study

    if objective != "huber" and given("delta"):
        raise click.UsageError(f"--delta is Huber's; --objective {objective} has none")
    table = load_runs(runs, **reading)
    try:
        fixed = {name: {"value": float(value), "vary": False} for name, value in fix.items()}
    except ValueError:
        raise click.UsageError(f"--fix needs numbers, such as E=1.7; got {fix}") from None
    tied = {name: {"expr": expression} for name, expression in tie.items()}
    done = study(
        law,
        table,
        C=budgets,
        U_D=unique,
        bootstrap=bootstrap,
        seed=seed,
        params=law.make_params(**fixed, **tied),
        objective=OBJECTIVES[objective](delta),
        cluster=None if cluster == "row" else cluster,
        strata=strata,
        weights=weights,
        progress=True,
    )
    say(done.report())
    if out is not None:
        say("\nwritten: " + ", ".join(str(p) for p in done.write(out)))
    if chosen(form) == "json":
        click.echo(done.fit.to_json())
    else:
        emit(done.fit.summary.reset_index(), form)
    if done.fit.status.name == "NOT_CONVERGED":
        fail("the fit did not converge", FIT_FAILED)
    if strict and done.fit.flags:
        fail(f"the fit is flagged: {', '.join(f.code for f in done.fit.flags)}", FIT_FAILED)


@click.command("isoflops")
@click.argument("runs", nargs=-1, required=True, metavar="RUNS...")
@runs_options
@study_options
@click.option("--degree", type=click.IntRange(2, 3), default=2, show_default=True, help="2: parabola, 3: local cubic.")
@format_option
def isoflops_command(
    runs: tuple[str, ...],
    budgets: tuple[float, ...],
    bootstrap: int,
    seed: int,
    degree: int,
    form: str | None,
    **reading: Any,
) -> None:
    """Fit IsoFLOP profiles to RUNS: the optimum of each budget on stdout, power laws on stderr."""
    iso = fit_isoflops(load_runs(runs, **reading), degree=degree, bootstrap=bootstrap, seed=seed)
    say(isoflop_report(iso))
    if budgets:
        level = LEVEL if bootstrap else None
        plan = iso.allocate(np.asarray(budgets), interval=level)
        emit(plan, form, pretty=partial(allocation_table, level=level))
    else:
        emit(iso.optima, form)
