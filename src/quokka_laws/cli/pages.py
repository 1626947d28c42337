"""Commands that write pages and pictures: ``report``, ``explore``, ``plot``."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from quokka_laws.cli.common import QUANTITY, given, load_fit, say
from quokka_laws.cli.options import LawName, load_runs, runs_options, study_options
from quokka_laws.exceptions import RunsError
from quokka_laws.fitting.isoflop import fit_isoflops
from quokka_laws.laws import Law, registry
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.storage import SCHEMA


@click.command("report")
@click.argument("source", metavar="FIT|RUNS")
@click.argument("newer", metavar="[NEWER_RUNS]", required=False)
@study_options
@click.option(
    "-U", "--unique-tokens", "unique", type=QUANTITY, multiple=True, help="For repeated-data laws. Repeatable."
)
@click.option(
    "--law", type=LawName(), default="chinchilla", show_default=True, help=f"To fit RUNS: {', '.join(registry())}."
)
@runs_options
@click.option("--format", "form", type=click.Choice(["html", "md"]), default="html", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File; stdout without it.")
def report_command(
    source: str,
    newer: str | None,
    budgets: tuple[float, ...],
    unique: tuple[float, ...],
    bootstrap: int,
    seed: int,
    law: Law,
    form: str,
    output: Path | None,
    **reading: Any,
) -> None:
    """Write a fit as one self-contained page.

    FIT is what `quokka-laws fit` wrote (a file, or - for stdin). Given a table of RUNS instead, the law is fitted
    first, with the defaults of `fit`. NEWER_RUNS that were not fitted are predicted and compared.
    """
    from quokka_laws.fitting.fit import fit
    from quokka_laws.reporting.page import report

    if _is_fit(source):
        of_runs = ("law", "bootstrap", "seed", *(() if newer else reading))
        if ignored := given(*of_runs):
            raise click.UsageError(
                f"{', '.join(ignored)}: for a table of RUNS to be fitted, and {source} is a fit already"
            )
        fitted = load_fit(source)
    else:
        fitted = fit(law, load_runs(source, **reading), bootstrap=bootstrap, seed=seed, progress=True)
    if unique is not None and "epochs" not in fitted.law.variables:
        say(f"! -U says nothing to {fitted.label}, a law of {', '.join(fitted.law.variables)}: it is ignored")
    table = load_runs(newer, **reading) if newer else None
    command = shlex.join(["quokka-laws", *sys.argv[1:]])
    _write(report(fitted, table, C=budgets, U_D=unique, form=form, command=command), output)


def _is_fit(source: str) -> bool:
    """Whether a file holds a fit; one that cannot be read is left to the reader of what its name promises."""
    try:
        with Path(source).open(encoding="utf-8", errors="replace") as file:
            return SCHEMA in file.read(200)
    except OSError:
        return Path(source).suffix in ("", ".json")


@click.command("explore")
@click.argument("fit_json", metavar="[FIT]...", nargs=-1)
@click.option("--law", "names", multiple=True, help="A published law by name (`quokka-laws laws`). Repeatable.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File; stdout without it.")
def explore_command(fit_json: tuple[str, ...], names: tuple[str, ...], output: Path | None) -> None:
    """Write a page with sliders for compute, unique and inference tokens, for FITs and published laws."""
    from quokka_laws.literature.registry import published
    from quokka_laws.reporting.explorer import explorer

    laws: list[FittedLaw] = []
    for source in fit_json:
        law = load_fit(source)
        named = law.name or (Path(source).stem if len(fit_json) > 1 else law.law.name)
        laws.append(replace(law, name=named))
    for name in names:
        try:
            known = published[name]
        except KeyError as error:
            raise click.UsageError(str(error.args[0])) from None
        if not isinstance(known, FittedLaw):
            raise click.UsageError(f"{name} was published as an allocation without a loss: there is no curve to draw")
        laws.append(known)
    if not laws:
        raise click.UsageError("give a FIT, or a published law with --law")
    _write(explorer(laws), output)


@click.command("plot")
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


def _write(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text)
        return
    output.write_text(text, encoding="utf-8")
    click.echo(f"written: {output}", err=True)
