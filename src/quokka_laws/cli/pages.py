"""Commands that write pages and pictures: ``report``, ``explore``, ``plot``."""

from __future__ import annotations

import shlex
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from quokka_laws.cli.common import BUDGETS, QUIET, UNIQUE, assignments, given, quiet, say
from quokka_laws.cli.literature import LAW_ARGUMENT, known_about, one_at_least, resolve_fit, resolve_loss, several_laws
from quokka_laws.cli.options import LawName, load_runs, runs_options, study_options
from quokka_laws.cli.output import Output, check_output, write_file, written
from quokka_laws.exceptions import RunsError
from quokka_laws.fitting.isoflop import fit_isoflops
from quokka_laws.laws import Law, names
from quokka_laws.literature.registry import full_name, published
from quokka_laws.results.downstream_storage import is_downstream, read_downstream
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.format import WIDTH
from quokka_laws.results.schema import SCHEMA
from quokka_laws.writing import make_folder

PAGES = {".html": "html", ".htm": "html", ".md": "md", ".markdown": "md"}


@click.command("report")
@click.argument("source", metavar="FIT|RUNS")
@click.argument("newer", metavar="[NEWER_RUNS]", required=False)
@study_options
@UNIQUE
@click.option(
    "--law", type=LawName(), help=f"To fit RUNS; chosen by the runs without it: {', '.join(names())}, or a formula."
)
@click.option(
    "--compare",
    is_flag=True,
    help="Also predict the largest runs from the rest, beside another law, and refit under other choices; takes seconds more.",
)
@assignments("--answer", help="What a reader will ask and the fit does not know: training_code=https://...")
@click.option(
    "--forecast",
    "forecasts",
    multiple=True,
    help="A forecast.json, or a folder of them, to list with what became of it. Repeatable.",
)
@runs_options
@click.option(
    "-o", "--output", metavar="FILE", help="report.html or report.md; beside the source without it; - for stdout."
)
@click.option(
    "--to", type=click.Choice(["wandb"]), help="Also log the page, its tables and the answer to a run of W&B."
)
@click.option("--project", default="quokka-laws", show_default=True, help="Of W&B.")
@QUIET
def report_command(
    source: str,
    newer: str | None,
    C: tuple[float, ...],
    U_D: tuple[float, ...],
    bootstrap: int,
    seed: int,
    law: Law | None,
    compare: bool,
    answer: dict[str, str],
    forecasts: tuple[str, ...],
    output: str | None,
    to: str | None,
    project: str,
    **reading: Any,
) -> None:
    """Write a fit as one self-contained page.

    FIT is what `quokka-laws fit -o fit.json` wrote (a file, or - for stdin), or `downstream -o` with task accuracy. Given a table of RUNS instead, the law is fitted
    first, with the defaults of `fit`. NEWER_RUNS that were not fitted are predicted and compared.
    """
    from quokka_laws.evaluation.forecasts import read_forecast
    from quokka_laws.fitting.fit import fit
    from quokka_laws.reporting.page import page
    from quokka_laws.reporting.wandb_report import need_wandb, to_wandb

    if to is not None:
        need_wandb()  # before the work, not after it
    elif given("project"):
        raise click.UsageError("--project is of W&B: give it with --to wandb")
    target = _page(output, source)
    check_output(target)
    past = [read_forecast(path) for given_path in forecasts for path in _forecast_files(given_path)]
    tasks = read_downstream(source) if is_downstream(source) else None
    if tasks is not None:
        fitted = tasks.fit
    elif _is_fit(source):
        of_runs = ("law", "bootstrap", "seed", *(() if newer else reading))
        if ignored := given(*of_runs):
            raise click.UsageError(
                f"{', '.join(ignored)}: for a table of RUNS to be fitted, and {source} is a fit already"
            )
        fitted = resolve_fit(source, "report")
    else:
        table = load_runs([source], **reading)
        settings: dict[str, Any] = {"bootstrap": bootstrap, "seed": seed, "progress": not quiet()}
        fitted = fit(table, **settings) if law is None else fit(law, table, **settings)
    if U_D and "epochs" not in fitted.law.variables:
        say(f"-U is ignored: {fitted.label} is a law of {', '.join(fitted.law.variables)}")
    new = load_runs([newer], **reading) if newer else None
    command = shlex.join(["quokka-laws", *sys.argv[1:]])
    form = "html" if target is None else PAGES[target.suffix.lower()]
    made = page(
        fitted,
        runs=new,
        C=C,
        U_D=U_D,
        compare=compare,
        forecasts=past,
        answers=answer,
        tasks=tasks,
        form=form,
        command=command,
        progress=not quiet(),
    )
    if target is None:
        click.echo(made.text.encode("utf-8"))  # whatever the terminal's alphabet
    else:
        Output("text", None, False).text(textwrap.fill(made.answer, WIDTH, subsequent_indent="  "), made.known)
        write_file(target, made.text)
    if to is not None:
        say(f"logged to {to_wandb(made, fitted, project=project)}")


def _forecast_files(given_path: str) -> list[Path]:
    """A forecast, or those of a folder."""
    from quokka_laws.evaluation.forecasts import is_forecast

    path = Path(given_path)
    if not path.is_dir():
        return [path]
    if not (found := [p for p in sorted(path.glob("*.json")) if is_forecast(p)]):
        raise click.UsageError(f"--forecast {given_path}: there is no forecast in this folder")
    return found


def _page(output: str | None, source: str) -> Path | None:
    """Where a page goes; None for stdout."""
    if output == "-":
        if sys.stdout.isatty():
            raise click.UsageError("-o - is for a pipe, and stdout is a terminal: give -o report.html")
        return None
    beside = Path(source) if source != "-" and source not in published else Path("report.json")
    path = Path(output) if output else beside.with_name("report.html")
    if path.is_dir():
        path /= "report.html"
    if path.suffix.lower() not in PAGES:
        raise click.UsageError(f"-o {output}: the ending says the form, one of {', '.join(PAGES)}")
    return path


def _is_fit(source: str) -> bool:
    """Whether a file holds a fit; one that cannot be read is left to the reader of what its name promises."""
    try:
        with Path(source).open(encoding="utf-8", errors="replace") as file:
            return SCHEMA in file.read(200) or Path(source).name == "fit.json"
    except OSError:
        return Path(source).suffix in ("", ".json") or full_name(source) in published


@click.command("explore")
@several_laws
@click.option(
    "-o", "--output", metavar="FILE", default="explore.html", show_default=True, help="Page to write; - for stdout."
)
@QUIET
def explore_command(laws: tuple[str, ...], output: str) -> None:
    """Write a page with sliders for compute, unique and inference tokens, for FITs and published laws."""
    from quokka_laws.reporting.explorer import explorer

    check_output(output)
    one_at_least(laws)
    found: list[FittedLaw] = []
    for source in laws:
        law = resolve_loss(source)
        if isinstance(law, FitResult) and not law.name:
            law = replace(law, name=Path(source).stem if len(laws) > 1 else law.law.label)
        found.append(law)
    text = explorer(found)
    if output == "-":
        click.echo(text.encode("utf-8"))  # whatever the terminal's alphabet
        return
    Output("text", None, False).text("", known_about(*found))
    write_file(Path(output), text)


@click.command("plot")
@LAW_ARGUMENT
@BUDGETS
@click.option(
    "-o", "--output", metavar="FOLDER|FILE", default=".", show_default=True,
    help="Folder for all figures, or one file: figure.png, .svg or .pdf.",
)  # fmt: skip
@click.option("--kind", help="With a file: frontier, contours, residuals, isoflops, epochs.")
@QUIET
def plot_command(law: str, C: tuple[float, ...], output: str, kind: str | None) -> None:
    """Draw the figures of a FIT: loss against compute, IsoFLOP profiles where its runs allow, contours, residuals."""
    from quokka_laws.reporting import plot
    from quokka_laws.reporting.study import Study

    check_output(output)
    fitted = resolve_fit(law, "plot")
    path = Path(output)
    if path.suffix:
        options = {"C": list(C)} if C else {}
        written([plot.save(plot.figure(fitted, kind, **options), path)])
        return
    if kind is not None:
        raise click.UsageError(f"--kind {kind} is one figure: give it a file, -o {kind}.png")
    try:
        iso, why = fit_isoflops(fitted.runs), ""
    except RunsError as error:
        iso, why = None, str(error)
        say(f"no IsoFLOP figure: {why}")
    make_folder(path)
    for made in Study(fitted, iso, why, C).draw(path):
        click.echo(made)
