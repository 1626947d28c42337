"""Which law to believe, how far, and why: commands on one's own runs and fits."""

from __future__ import annotations

from typing import Any

import click
import numpy as np

from quokka_laws.cli.common import QUANTITY, emit, format_option, load_fit, say
from quokka_laws.cli.options import LawName, load_runs, runs_options
from quokka_laws.evaluation.averaging import average
from quokka_laws.evaluation.comparison import compare
from quokka_laws.evaluation.holdout import default_candidates
from quokka_laws.evaluation.reproducibility import checklist
from quokka_laws.evaluation.sensitivity_analysis import sensitivity
from quokka_laws.laws import Law

LAWS = click.option("--law", "laws", type=LawName(), multiple=True, help="Repeatable; four laws by default.")


@click.command("compare")
@click.argument("runs")
@runs_options
@LAWS
@click.option(
    "--holdout",
    type=click.FloatRange(1, min_open=True),
    multiple=True,
    default=(3.0, 10.0, 30.0),
    show_default=True,
    help="Hold out the budgets above max(C) over this. Repeatable.",
)
@click.option("--bootstrap", type=click.IntRange(0), default=200, show_default=True, help="Refits, for coverage.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of starts and resamples.")
@format_option
def compare_command(
    runs: str,
    laws: tuple[Law, ...],
    holdout: tuple[float, ...],
    bootstrap: int,
    seed: int,
    form: str | None,
    **reading: Any,
) -> None:
    """Fit several laws to the cheap part of RUNS, predict the expensive part: which law to believe."""
    table = load_runs(runs, **reading)
    found = compare(laws or default_candidates(), table, holdout=holdout, bootstrap=bootstrap, seed=seed)
    say(found.report())
    emit(found.table, form)


@click.command("average")
@click.argument("runs")
@runs_options
@LAWS
@click.option("-N", "--params", "N", type=QUANTITY, multiple=True, help="Parameters to predict at. Repeatable.")
@click.option("-D", "--tokens", "D", type=QUANTITY, multiple=True, help="Tokens; one, or one for each N.")
@click.option(
    "--interval",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.9,
    show_default=True,
    help="Level of the interval of one new run.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of starts.")
@format_option
def average_command(
    runs: str,
    laws: tuple[Law, ...],
    N: tuple[float, ...],
    D: tuple[float, ...],
    interval: float,
    seed: int,
    form: str | None,
    **reading: Any,
) -> None:
    """Predict by several laws stacked on held-out budgets of RUNS, with an interval calibrated on them.

    The report (stderr) says what such intervals held of budgets they had not seen. Without -N and -D stdout gets that table.
    """
    if bool(N) != bool(D) or (len(D) > 1 and len(N) > 1 and len(N) != len(D)):
        raise click.UsageError("give -N and -D: one of each, or as many of each")
    found = average(laws or None, load_runs(runs, **reading), seed=seed, progress=True)
    say(found.report(interval))
    if N:
        emit(found.predict(interval=interval, N=np.array(N), D=np.array(D)), form)
    else:
        emit(found.calibration(interval), form)


@click.command("sensitivity")
@click.argument("fit_json", metavar="FIT")
@click.option("-C", "--budget", "C", type=QUANTITY, required=True, help="FLOPs of the conclusion.")
@format_option
def sensitivity_command(fit_json: str, C: float, form: str | None) -> None:
    """Refit a FIT under other objectives, without each budget, outliers, …: which conclusion moves, and by how much."""
    emit(sensitivity(load_fit(fit_json), C), form)


@click.command("checklist")
@click.argument("fit_json", metavar="FIT")
@format_option
def checklist_command(fit_json: str, form: str | None) -> None:
    """What a reader needs to reproduce a FIT: answered where it knows, marked TO STATE where only you do."""
    emit(checklist(load_fit(fit_json)), form)
