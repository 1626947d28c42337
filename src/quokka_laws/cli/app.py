"""The command line: parses, calls the library, prints. Data on stdout, prose and progress on stderr."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from quokka_laws._version import __version__
from quokka_laws.cli.common import (
    ASSIGNMENTS,
    FIT_FAILED,
    INTERVAL,
    LEVEL,
    QUANTITY,
    Doors,
    chosen,
    emit,
    fail,
    format_option,
    given,
    level_of,
    load_fit,
    log_to_stderr,
    say,
)
from quokka_laws.cli.design import design_command, ladder_command
from quokka_laws.cli.imports import import_command
from quokka_laws.cli.literature import laws_command
from quokka_laws.cli.options import LawName, load_runs, runs_options, study_options
from quokka_laws.cli.pages import explore_command, report_command
from quokka_laws.cli.plan import plan_command
from quokka_laws.cli.questions import (
    crossover_command,
    deadweight_command,
    hyperparameters_command,
    overtrain_command,
    reach_command,
)
from quokka_laws.cli.repeated import data_optimal_command, epochs_command
from quokka_laws.cli.trust import average_command, checklist_command, compare_command, sensitivity_command
from quokka_laws.exceptions import RunsError
from quokka_laws.fitting.fit import check_design
from quokka_laws.fitting.isoflop import fit_isoflops
from quokka_laws.fitting.run_diagnostics import of_runs
from quokka_laws.laws import Law, registry
from quokka_laws.objective import L2, LogHuber, LogL1, LogL2, Objective
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.reporting.text import allocation_table
from quokka_laws.results.text import isoflop_report
from quokka_laws.runs.columns import INPUTS
from quokka_laws.runs.read import notes_of
from quokka_laws.runs.remarks import row_of

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=Doors, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="quokka-laws")
@click.option("-v", "--verbose", is_flag=True, help="Log what is done to stderr.")
def main(verbose: bool) -> None:
    """Scaling laws of language models: fit your sweep, get the optimum, see how far to trust it.

    Start with `quokka-laws demo`, then `quokka-laws check runs.csv` and `quokka-laws fit runs.csv -C 1e23`.
    """
    log_to_stderr(verbose)


OBJECTIVES: dict[str, Callable[[float], Objective]] = {
    "huber": lambda delta: LogHuber(delta),
    "l1": lambda _: LogL1(),
    "l2": lambda _: LogL2(),
    "raw-l2": lambda _: L2(),
}


@main.command()
@study_options
@click.option("--out", type=click.Path(path_type=Path), default=Path("quokka-demo"), show_default=True, help="Folder.")
def demo(budgets: tuple[float, ...], bootstrap: int, seed: int, out: Path) -> None:
    """Fit the 87 digitised runs of the Quokka paper both ways; write three figures and the fit."""
    from quokka_laws.reporting.study import quokka_demo

    done, text = quokka_demo(C=budgets, bootstrap=bootstrap, seed=seed, progress=True)
    click.echo(text)
    click.echo("\nwritten: " + ", ".join(str(p) for p in done.write(out)))


@main.command("fit")
@click.argument("runs")
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
    runs: str,
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


@main.command()
@click.argument("fit_json", metavar="FIT")
@click.option("-N", "--params", "N", type=QUANTITY, multiple=True, required=True, help="Parameters. Repeatable.")
@click.option("-D", "--tokens", "D", type=QUANTITY, multiple=True, help="Tokens; one, or one for each N.")
@click.option(
    "-U", "--unique-tokens", "U_D", type=QUANTITY, multiple=True, help="Unique tokens, for repeated-data laws."
)
@click.option("--epochs", type=QUANTITY, multiple=True, help="Epochs, for repeated-data laws.")
@INTERVAL
@format_option
def predict(fit_json: str, interval: float | None, form: str | None, **data: tuple[float, ...]) -> None:
    """Predict the loss at N and D from a FIT (a file, or - for stdin)."""
    fitted = load_fit(fit_json)
    point = {k: list(v) for k, v in data.items() if v}
    if ignored := {"U_D", "epochs"} & set(point) - set(fitted.law.variables):
        raise click.UsageError(
            f"{fitted.label} knows nothing of {' and '.join(sorted(ignored))}: it is a law of {', '.join(fitted.law.variables)}"
        )
    lengths = {len(v) for v in point.values()} - {1}
    if len(lengths) > 1:
        raise click.UsageError(
            f"{', '.join(f'{len(v)} × {k}' for k, v in point.items())}: give one of each, or as many of each"
        )
    try:
        level = level_of(fitted, asked=interval)
        table = fitted.predict(interval=level, kind="mean", **point)
    except TypeError as error:
        raise click.UsageError(str(error)) from None
    emit(table, form, level=level)


@main.command()
@click.argument("fit_json", metavar="FIT")
@click.option("-C", "--budget", "budgets", type=QUANTITY, multiple=True, required=True, help="FLOPs. Repeatable.")
@INTERVAL
@format_option
def allocate(fit_json: str, budgets: tuple[float, ...], interval: float | None, form: str | None) -> None:
    """Compute-optimal N and D at a budget from a FIT (a file, or - for stdin)."""
    fitted = load_fit(fit_json)
    level = level_of(fitted, asked=interval)
    emit(compute_optimal(fitted, budgets, interval=level), form, pretty=partial(allocation_table, level=level))


@main.command()
@click.argument("runs")
@runs_options
@study_options
@click.option("--degree", type=click.IntRange(2, 3), default=2, show_default=True, help="2: parabola, 3: local cubic.")
@format_option
def isoflops(
    runs: str,
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


@main.command("plot")
@click.argument("fit_json", metavar="FIT")
@click.option("-C", "--budget", "budgets", type=QUANTITY, multiple=True, help="FLOPs to mark. Repeatable.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("."), show_default=True, help="Folder.")
def plot_command(fit_json: str, budgets: tuple[float, ...], out: Path) -> None:
    """Draw the figures of a FIT: IsoFLOP profiles where its runs allow, contours, residuals."""
    from quokka_laws.reporting.study import Study

    fitted = load_fit(fit_json)
    try:
        iso, why = fit_isoflops(fitted.runs), ""
    except RunsError as error:
        iso, why = None, str(error)
        say(f"no IsoFLOP figure: {why}")
    for path in Study(fitted, iso, why, budgets).write(out):
        click.echo(path)


@main.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUNS...")
@runs_options
@click.option("--law", type=LawName(), default="chinchilla", show_default=True, help="Law the runs are meant for.")
@format_option
def check(runs: tuple[str, ...], law: Law, form: str | None, **reading: Any) -> None:
    """Say what of RUNS would be used, derived and refused, without fitting. Several files are read as one table."""
    table = load_runs(runs[0] if len(runs) == 1 else runs, **reading)
    attrs = table.attrs
    from quokka_laws.runs.conventions import Conventions

    say(f"{attrs['source']}: {len(table)} rows usable, {len(attrs['excluded'])} excluded")
    say(f"  conventions: {Conventions.from_dict(attrs['conventions']).describe()}")
    for note in notes_of(table):
        if note.routine:
            say(f"  {note}")
    for record in attrs["excluded"]:
        say(f"  {row_of(record)} excluded: {record['reason']}")
    for _, doubt in of_runs(table, law):
        say(f"  ! {doubt}")
    try:
        check_design(law, table)
        say(f"  enough for {law.name} ({len(law.coefficients)} coefficients)")
    except RunsError as error:
        if given("law"):
            raise RunsError(f"not enough for {law.name}: {error}") from None
        say(f"  ! not enough for {law.name}: {error}")
    numeric = [k for k in (*INPUTS, "loss") if k in table]
    summary = pd.DataFrame({"column": numeric, "min": table[numeric].min().values, "max": table[numeric].max().values})
    emit(summary, form)


for _command in (
    import_command,
    laws_command,
    plan_command,
    reach_command,
    overtrain_command,
    deadweight_command,
    crossover_command,
    hyperparameters_command,
    compare_command,
    average_command,
    sensitivity_command,
    checklist_command,
    epochs_command,
    data_optimal_command,
    report_command,
    explore_command,
    ladder_command,
    design_command,
):
    main.add_command(_command)


if __name__ == "__main__":
    main()
