"""Forecasts: a prediction written down before the run, and scored after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from quokka_laws.cli.common import QUANTITY, assignments
from quokka_laws.cli.literature import known_about, resolve_fit
from quokka_laws.cli.options import quantity
from quokka_laws.cli.output import Output, check_output, output_options, written
from quokka_laws.evaluation.forecasts import forecast, score
from quokka_laws.results.format import left_aligned, times


@click.command("forecast")
@click.argument("fit")
@click.option("-N", "--params", "N", type=QUANTITY, help="Parameters.")
@click.option("-D", "--tokens", "D", type=QUANTITY, help="Tokens.")
@click.option("-C", "--budget", "C", type=QUANTITY, help="Training FLOPs, for laws of compute.")
@assignments("--at", help="Any other variable of the law: sparsity=0.9.")
@click.option("--question", default="", help="What is asked, in words; made from N and D without it.")
@click.option("--series", default="", help="A name that forecasts of one project share.")
@output_options(forms=["text", "json"])
def forecast_command(
    fit: str, at: dict[str, str], question: str, series: str, out: Output, **data: float | None
) -> None:
    """Write down the loss that a FIT predicts of one run before it is trained: -o forecast.json.

    The file holds the median, 50, 80, 90 and 95 % intervals, the law, a hash of its runs, the version, date and conventions.
    """
    fitted = resolve_fit(fit, "forecast")
    point: dict[str, Any] = {k: v for k, v in data.items() if v is not None}
    point |= {name: quantity("--at", name, text) for name, text in at.items()}
    found = forecast(fitted, question=question, series=series, **point)
    far = [f"The run lies {times(found.extrapolation)} outside the runs behind the fit."] * (found.extrapolation > 1.0)
    known = [*far, *known_about(fitted)]
    out.text(found.answer, known, left_aligned(found.table.set_index("level")))
    if out.form == "json" or out.path is not None:
        out.write(found.to_json())
    out.finish(known)


@click.command("score")
@click.argument("files", nargs=-1, required=True, metavar="FORECAST... [RUNS]")
@click.option("--loss", type=float, help="The loss of the run, instead of RUNS, for a single forecast.")
@click.option("--figure", type=click.Path(), help="Draw forecasts and outcomes there (png, svg, pdf).")
@output_options
def score_command(files: tuple[str, ...], loss: float | None, figure: str | None, out: Output) -> None:
    """How far FORECASTs were off, in which interval the runs fell, and whether intervals hold what they promise.

    RUNS is a table with the N, D and loss of the runs; each is matched to the forecast of its size.
    """
    if loss is None and len(files) < 2:
        raise click.UsageError("give the table of runs after the forecasts, or the loss of the run: --loss 2.31")
    check_output(figure)
    found = score(files if loss is not None else files[:-1], loss if loss is not None else files[-1])
    if figure is not None:
        from quokka_laws.reporting.plot import forecast_scores, save

        save(forecast_scores(found), figure)
    shown = found.table[["question", "median", "observed", "error", "within", "z", "log_score"]].set_index("question")
    out.text(found.answer, found.known, *([left_aligned(shown)] if out.form == "text" else []), found.evidence())
    out.data(found.table)
    if figure is not None:
        written([Path(figure)])
    out.finish(found.known)
