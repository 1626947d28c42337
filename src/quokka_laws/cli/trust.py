"""Which law to believe, how far, and why: commands on one's own runs and fits."""

from __future__ import annotations

import textwrap
from typing import Any

import click
import numpy as np
import pandas as pd

from quokka_laws.cli.common import LEVEL, QUANTITY, SIZES, TOKENS, Real, quiet
from quokka_laws.cli.literature import LAW_ARGUMENT, known_about, resolve_fit
from quokka_laws.cli.options import MOST_REFITS, SEED, WORKERS, LawName, load_runs, runs_options
from quokka_laws.cli.output import Output, output_options
from quokka_laws.evaluation.averaging import average
from quokka_laws.evaluation.comparison import compare
from quokka_laws.evaluation.holdout import default_candidates
from quokka_laws.evaluation.reproducibility import checklist
from quokka_laws.evaluation.sensitivity_analysis import sensitivity
from quokka_laws.laws import Law
from quokka_laws.results.format import WIDTH, human

LAWS = click.option("--law", "laws", type=LawName(), multiple=True, help="Repeatable; four laws by default.")


@click.command("compare")
@click.argument("runs", nargs=-1, required=True, metavar="RUNS...")
@runs_options
@LAWS
@click.option(
    "--holdout",
    type=Real(1, 1e12),
    multiple=True,
    default=(3.0, 10.0, 30.0),
    show_default=True,
    help="Hold out the budgets above max(C) over this. Repeatable.",
)
@click.option(
    "--bootstrap", type=click.IntRange(0, MOST_REFITS), default=200, show_default=True, help="Refits, for coverage."
)
@SEED
@WORKERS
@LEVEL
@output_options
def compare_command(
    runs: tuple[str, ...],
    laws: tuple[Law, ...],
    holdout: tuple[float, ...],
    bootstrap: int,
    seed: int,
    workers: int,
    level: float,
    out: Output,
    **reading: Any,
) -> None:
    """Fit several laws to the cheap part of RUNS, predict the expensive part: which law to believe."""
    found = compare(
        laws or default_candidates(),
        load_runs(runs, **reading),
        holdout=holdout,
        bootstrap=bootstrap,
        seed=seed,
        level=level,
        workers=workers,
        progress=not quiet(),
    )
    out.text(found.answer, found.refused, found.evidence())
    out.data(found.table)
    out.finish(found.refused)


@click.command("average")
@click.argument("runs", nargs=-1, required=True, metavar="RUNS...")
@runs_options
@LAWS
@SIZES
@TOKENS
@LEVEL
@SEED
@WORKERS
@output_options
def average_command(
    runs: tuple[str, ...],
    laws: tuple[Law, ...],
    N: tuple[float, ...],
    D: tuple[float, ...],
    level: float,
    seed: int,
    workers: int,
    out: Output,
    **reading: Any,
) -> None:
    """Predict by several laws stacked on held-out budgets of RUNS, with an interval calibrated on them.

    The report says what such intervals held of budgets they had not seen. Without -N and -D that is the answer.
    """
    if bool(N) != bool(D) or (len(D) > 1 and len(N) > 1 and len(N) != len(D)):
        raise click.UsageError("give -N and -D: one of each, or as many of each")
    found = average(laws or None, load_runs(runs, **reading), seed=seed, workers=workers, progress=not quiet())
    known = found.known(level)
    if not N:
        out.text(found.answer(level), known, found.evidence(level))
        out.data(found.calibration(level))
        out.finish(known)
        return
    table = found.predict(level=level, N=np.array(N), D=np.array(D))
    lines = [
        f"Predicted loss {row['loss']:.3f} ({100 * level:.3g} %: {row['loss_lower']:.3f} … {row['loss_upper']:.3f}) of one new run "
        f"at N = {human(row['N'])}, D = {human(row['D'])}"
        for _, row in table.head(4).iterrows()
    ]
    out.show("\n".join(lines), known, table, below=[found.evidence(level)])


@click.command("sensitivity")
@LAW_ARGUMENT
@click.option("-C", "--budget", "C", type=QUANTITY, required=True, help="Training FLOPs of the run in question.")
@WORKERS
@LEVEL
@output_options
def sensitivity_command(law: str, C: float, workers: int, level: float, out: Output) -> None:
    """Refit a FIT under other objectives, without each budget, outliers, …: which conclusion moves, and by how much."""
    fit = resolve_fit(law, "sensitivity")
    table = sensitivity(fit, C, level=level, workers=workers, progress=not quiet())
    own, ratio = table.iloc[0], table["N_ratio"].dropna()
    low, high = table.loc[ratio.idxmin()], table.loc[ratio.idxmax()]
    answer = (
        f"At C = {C:.3g} the best size is {human(own['N'])} as fitted; other choices give {human(low['N'])} "
        f"({low['choice']} {low['variant']}) to {human(high['N'])} ({high['choice']} {high['variant']})"
    )
    outside = int((table["inside"] == False).sum())  # noqa: E712  (NaN where it is not known)
    known = [f"{outside} of {len(table) - 1} choices lie outside the fit's own interval."] if outside else []
    out.show(answer, [*known, *known_about(fit)], table)


@click.command("checklist")
@LAW_ARGUMENT
@output_options
def checklist_command(law: str, out: Output) -> None:
    """What a reader needs to reproduce a FIT: answered where it knows, marked "To state" where only you do."""
    fit = resolve_fit(law, "checklist")
    table = checklist(fit)
    yours = int((~table["known"]).sum())
    answer = f"{len(table) - yours} of {len(table)} questions are answered by the fit; {yours} are yours to state"
    out.show(answer, (), table, pretty=_questions)


def _questions(table: pd.DataFrame) -> str:
    """Each question with its answer below it, under the headings of the paper."""
    lines: list[str] = []
    for section, rows in table.groupby("section", sort=False):
        lines += ["", str(section)]
        for question, found in zip(rows["question"], rows["answer"], strict=True):
            lines += textwrap.wrap(f"- {question}", WIDTH, initial_indent="  ", subsequent_indent="    ")
            lines += textwrap.wrap(str(found), WIDTH, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines[1:])
