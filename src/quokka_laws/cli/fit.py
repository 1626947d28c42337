"""Commands that fit: the demo, a law, IsoFLOP profiles."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pandas as pd

from quokka_laws.cli.common import BUDGETS, FAILED, LEVEL, QUIET, UNIQUE, Real, assignments, fail, given, quiet, say
from quokka_laws.cli.losses import answer_losses
from quokka_laws.cli.options import BOOTSTRAP, SEED, WORKERS, LawName, load_runs, runs_options, with_settings
from quokka_laws.cli.output import Output, check_output, output_options, written
from quokka_laws.exceptions import OutputError
from quokka_laws.fitting.hyperparameters import fit_hyperparameters
from quokka_laws.fitting.isoflop import fit_isoflops
from quokka_laws.fitting.losses import is_pattern
from quokka_laws.laws import Law, names
from quokka_laws.objective import BY_NAME, LogHuber, QuantileHuber
from quokka_laws.reporting.text import allocation_table, plan_answer
from quokka_laws.results.text import isoflop_sentences, isoflop_tables
from quokka_laws.runs.read import notes_of

NO_FIT = (
    ".txt",
    ".log",
    ".csv",
    ".tsv",
    ".jsonl",
    ".parquet",
    ".xlsx",
    ".html",
    ".htm",
    ".md",
    ".pdf",
    ".png",
    ".svg",
    ".pkl",
    ".yaml",
)
"""Endings of files that hold no fit; a folder of such a name was not meant."""


@click.command("demo")
@BUDGETS
@BOOTSTRAP
@SEED
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("quokka-demo"), show_default=True,
    help="Folder for the fit and its figures, or fit.json for the fit alone.",
)  # fmt: skip
@QUIET
def demo_command(C: tuple[float, ...], bootstrap: int, seed: int, output: Path) -> None:
    """Fit the 87 runs of the Quokka paper that ship with the package, both ways; write the fit and its figures."""
    from quokka_laws.reporting.study import quokka_demo

    check_output(output)
    done, beside = quokka_demo(C=C, bootstrap=bootstrap, seed=seed, progress=not quiet())
    out = Output("text", None, False)
    out.text(done.answer, done.known(), *done.evidence(), *beside)
    written(done.write(output))


@click.command("fit")
@click.argument("runs", nargs=-1, required=True, metavar="RUNS...")
@runs_options
@BUDGETS
@UNIQUE
@click.option(
    "--law",
    type=LawName(),
    help=f"Chosen by the runs, and all methods answer together, without it. One of: {', '.join(names())}; or a formula: 'E + A/N^alpha + B/D^beta'.",
)
@click.option("--objective", type=click.Choice(list(BY_NAME)), help="Cost of a residual: huber with --law, else auto.")
@click.option(
    "--frontier",
    metavar="COLUMNS",
    help="Fit to the fitted lowest loss of each N and D over what was swept: lr,batch. As `hyperparameters` finds it.",
)
@click.option(
    "--over",
    type=Real(0.999999, 1e6),
    default=10.0,
    show_default=True,
    help="--objective quantile: how many times as much a prediction above a run costs as one below.",
)
@click.option(
    "--delta",
    type=Real(0, 1e6),
    default=1e-3,
    show_default=True,
    help="Huber's delta, in log-loss; --objective auto takes it from the runs.",
)
@click.option("--cluster", default="auto", show_default=True, help="Column to resample by; 'row' for single rows.")
@click.option("--strata", help="Column within whose values to resample.")
@click.option("--weights", help="Column of row weights.")
@click.option(
    "--no-prior",
    is_flag=True,
    help="Few runs: leave the exponents free. Under 13 runs a weak prior holds them without it.",
)
@assignments("--fix", help="Coefficients to hold: E=1.7.")
@assignments("--tie", help="Coefficients to tie: beta=alpha.")
@assignments("--start", help="Where to look for coefficients, g=.01:2, or start there, g=1.")
@assignments("--bounds", help="Bounds of coefficients: alpha=0:2, or one side, alpha=0:.")
@click.option(
    "--loss",
    "losses",
    multiple=True,
    metavar="COLUMNS",
    help="Column of the loss. Several, val_c4,val_code or 'eval/loss_*': one fit each, with the same resamples. Repeatable.",
)
@click.option("--variables", help="Names of a formula that are columns, N,sparsity; by default all that are.")
@BOOTSTRAP
@SEED
@WORKERS
@click.option(
    "-o", "--output", metavar="FILE|FOLDER",
    help="fit.json for the fit, which other commands read; a folder for the fit and its figures; - for a pipe.",
)  # fmt: skip
@click.option("--json", "as_data", is_flag=True, help="The fit as JSON on stdout; without its draws on a terminal.")
@click.option("--strict", is_flag=True, help="Exit with 3 where there is anything to know before relying on it.")
@QUIET
def fit_command(
    runs: tuple[str, ...],
    C: tuple[float, ...],
    U_D: tuple[float, ...],
    law: Law | None,
    objective: str | None,
    frontier: str | None,
    over: float,
    delta: float,
    cluster: str,
    strata: str | None,
    weights: str | None,
    no_prior: bool,
    fix: dict[str, str],
    tie: dict[str, str],
    start: dict[str, str],
    bounds: dict[str, str],
    losses: tuple[str, ...],
    variables: str | None,
    bootstrap: int,
    seed: int,
    workers: int,
    output: str | None,
    as_data: bool,
    strict: bool,
    **reading: Any,
) -> None:
    """Fit a law to RUNS (CSV, JSON lines, Parquet, or - for stdin).

    The answer comes first: what to train at the budgets -C; without any, the law in numbers. Then what to know before you rely
    on it, and the evidence.
    """
    from quokka_laws.reporting.study import study

    cost = _cost(objective, law, delta, over)
    piped = as_data or output == "-"
    if output == "-" and sys.stdout.isatty():
        raise click.UsageError("-o - is for a pipe, and stdout is a terminal: give -o fit.json")
    if output is not None and Path(output).suffix.lower() in NO_FIT and not Path(output).is_dir():
        raise click.UsageError(
            f"-o {output}: a fit is written as fit.json, or with its figures into a folder; `quokka-laws report` writes pages"
        )
    check_output(output)
    outliers = "outliers" in reading["drop"]
    reading["drop"] = tuple(condition for condition in reading["drop"] if condition != "outliers")
    asked = [one.strip() for group in losses for one in group.split(",") if one.strip()]
    if asked and "loss" in reading["columns"]:
        raise click.UsageError("--loss and --columns loss=… both say which column the loss is")
    if len(asked) == 1 and not is_pattern(asked[0]):
        reading["columns"] = {**reading["columns"], "loss": asked[0]}
        asked = []
    params = None
    if law is not None:
        law, params = with_settings(law, fix=fix, tie=tie, start=start, bounds=bounds, variables=variables)
    elif fix or tie or start or bounds or variables:
        raise click.UsageError("--fix, --tie, --start, --bounds and --variables are of one law: name it with --law")
    settings: dict[str, Any] = {
        "bootstrap": bootstrap,
        "seed": seed,
        "params": params,
        "objective": cost,
        "cluster": None if cluster == "row" else cluster,
        "strata": strata,
        "weights": weights,
        "prior": None if no_prior else "auto",
        "workers": workers,
        "progress": not quiet(),
    }
    if asked:
        if outliers:
            raise click.UsageError("--drop outliers finds rows of one loss; name one with --loss")
        if frontier is not None:
            raise click.UsageError("--frontier is that of one loss; name one with --loss")
        answer_losses(law, runs, asked, reading, C=C, output=output, piped=piped, strict=strict, **settings)
        return
    table = load_runs(runs, **reading, unsaid=("sweep",))  # the fit says it, if its law is one of N and D
    if frontier is not None:
        table = _frontier(table, frontier, seed)
    done = study(law, table, C=C, U_D=U_D, drop="outliers" if outliers else None, **settings)
    known = done.known()
    out = Output("json" if piped else "text", None, strict)
    out.text(done.answer, known, *done.evidence())
    if piped:
        terminal = sys.stdout.isatty()
        click.echo((replace(done.fit, draws=None) if terminal else done.fit).to_json())
    if output is not None and output != "-":
        try:
            written(done.write(output))
        except OutputError:
            if not piped:  # the fit is not lost with the file
                click.echo(done.fit.to_json())
                say("The fit is on stdout.")
            raise
    if done.fit.status.name == "NOT_CONVERGED":
        fail("the fit did not converge", FAILED)
    out.finish(known)


def _cost(objective: str | None, law: Law | None, delta: float, over: float) -> Any:
    """The objective that the options mean, None where the fit chooses it; options that do not go together are a usage error."""
    if given("over") and objective != "quantile":
        raise click.UsageError("--over is of --objective quantile")
    if given("delta") and objective not in ("huber", "quantile") and (objective or law is None):
        raise click.UsageError(
            "--delta is Huber's: give --objective huber, or a --law"
            if objective is None
            else f"--delta is Huber's; --objective {objective} has none"
        )
    if objective == "huber" or (objective is None and law is not None):
        return LogHuber(delta)
    if objective == "quantile":
        return QuantileHuber(delta, over=over)
    return BY_NAME[objective] if objective else None


def _frontier(table: pd.DataFrame, over: str, seed: int) -> pd.DataFrame:
    """The fitted lowest loss of each N and D; what is doubtful about it goes to stderr."""
    found = fit_hyperparameters(
        table, [h.strip() for h in over.split(",") if h.strip()], seed=seed, progress=not quiet()
    )
    for note in notes_of(found.frontier)[-1:]:
        say(f"  {note}")
    for diagnostic in found.diagnostics:
        say(f"  {diagnostic.sentence()}")
    return found.frontier


@click.command("isoflops")
@click.argument("runs", nargs=-1, required=True, metavar="RUNS...")
@runs_options
@BUDGETS
@BOOTSTRAP
@SEED
@LEVEL
@click.option("--degree", type=click.IntRange(2, 3), default=2, show_default=True, help="2: parabola, 3: local cubic.")
@output_options
def isoflops_command(
    runs: tuple[str, ...],
    C: tuple[float, ...],
    bootstrap: int,
    seed: int,
    level: float,
    degree: int,
    out: Output,
    **reading: Any,
) -> None:
    """Fit IsoFLOP profiles to RUNS: the optimum of each budget, and power laws through them; with -C what they give there."""
    from quokka_laws.plan.compute import compute_optimal

    iso = fit_isoflops(load_runs(runs, **reading), degree=degree, bootstrap=bootstrap, seed=seed)
    known = isoflop_sentences(iso)
    powers, *budgets = isoflop_tables(iso).split("\n\n", 1)
    if not C:
        out.text(powers, known, *budgets)
        out.data(iso.optima)
        out.finish(known)
        return
    plan = compute_optimal(iso, C, level=level)
    answer = "\n".join(plan_answer(row, f"C = {row['C']:.3g}") for _, row in plan.iterrows())
    out.show(answer, known, plan, pretty=allocation_table, below=[powers, *budgets])
