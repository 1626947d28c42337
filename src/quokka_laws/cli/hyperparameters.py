"""Learning rate and batch: from one's own sweep, with what papers advise beside it, or from papers alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from quokka_laws.cli.common import LEVEL, QUANTITY, Real, given, quiet
from quokka_laws.cli.options import SEED, load_runs, runs_options
from quokka_laws.cli.output import Output, as_csv, as_json, check_output, columns, output_options, written
from quokka_laws.exceptions import FitFileError
from quokka_laws.fitting.hyperparameters import fit_hyperparameters
from quokka_laws.plan.hyperparameters import hyperparameters, hyperparameters_beside
from quokka_laws.results.format import human, right_aligned, times
from quokka_laws.results.hyperparameter_fit import HyperparameterFit
from quokka_laws.results.hyperparameter_storage import SCHEMA, read_hyperparameters
from quokka_laws.results.storage import read_object

FAR = 1.0
OF_A_TABLE = ("over", "sequence_length", "within", "figure", "columns", "drop", "keep", "best_of")


@click.command("hyperparameters")
@click.argument("runs", nargs=-1, metavar="[RUNS...]")
@click.option(
    "--over",
    metavar="COLUMNS",
    help="Columns that were swept: lr,batch. By default those that vary within most N and D.",
)
@click.option("-N", "--params", "N", type=QUANTITY, help="Parameters.")
@click.option("-D", "--tokens", "D", type=QUANTITY, help="Tokens.")
@click.option(
    "--sequence-length",
    metavar="TOKENS|COLUMN",
    help="Turns a batch in sequences into tokens; from a column such as context without it.",
)
@click.option(
    "--within",
    type=Real(0, 10),
    help="Use runs up to this share above the lowest loss of their N and D.  [default: .05, or six times the noise]",
)
@runs_options
@click.option(
    "--bootstrap", type=click.IntRange(100, 100_000), default=1000, show_default=True, help="Refits for intervals."
)
@LEVEL
@SEED
@click.option("--figure", type=click.Path(), help="Draw the bowls and the laws there (png, svg, pdf).")
@click.option("--loss", type=Real(1e-6, 1e3), help="Final loss expected, for published rules that need it.")
@click.option("--unchecked", is_flag=True, help="Include rules that could not be checked against their paper.")
@output_options
def hyperparameters_command(
    runs: tuple[str, ...],
    over: str | None,
    N: float | None,
    D: float | None,
    sequence_length: str | None,
    within: float | None,
    bootstrap: int,
    level: float,
    seed: int,
    figure: str | None,
    loss: float | None,
    unchecked: bool,
    out: Output,
    **reading: Any,
) -> None:
    """The best learning rate and batch (or any hyper-parameters) at each N and D, and how they change with N and D, from a
    sweep in RUNS; without RUNS, what several papers advise at -N and -D.

    RUNS is a table, or a file that `-o hyper.json` wrote. Without -N and -D, --json and -o FILE.json give the whole fit, CSV the table of cells.
    """
    if not runs:
        if odd := given(*OF_A_TABLE):
            raise click.UsageError(
                f"{', '.join(odd)} {'is' if len(odd) == 1 else 'are'} for a table of runs, and none is given"
            )
        if N is None or D is None:
            raise click.UsageError("give a table of runs with a sweep in it, or -N and -D for what papers advise")
        _advice(N, D, loss, unchecked, out)
        return
    if odd := given("loss", "unchecked"):
        raise click.UsageError(f"{', '.join(odd)}: for published rules without a table of runs")
    check_output(figure)
    fit = _saved(runs)
    if fit is None:
        fit = fit_hyperparameters(
            load_runs(runs, **reading, unsaid=("sweep",)),
            over=None if over is None else [h.strip() for h in over.split(",") if h.strip()],
            sequence_length=sequence_length,
            within=within,
            bootstrap=bootstrap,
            level=level,
            seed=seed,
            progress=not quiet(),
        )
    elif odd := given(*OF_A_TABLE[:3], *OF_A_TABLE[4:]):
        raise click.UsageError(f"{', '.join(odd)}: {runs[0]} is fitted already")
    if figure is not None:
        from quokka_laws.reporting.plot.hyperparameters import hyperparameters_file

        hyperparameters_file(fit, Path(figure))
    _answer(fit, N, D, level, out)
    if figure is not None:
        written([Path(figure)])


def _answer(fit: HyperparameterFit, N: float | None, D: float | None, level: float, out: Output) -> None:
    known = [d.sentence() for d in fit.diagnostics]
    asked = {k: v for k, v in (("N", N), ("D", D)) if v is not None}
    beside = hyperparameters_beside(fit, **asked)
    published = ["published rules there\n" + right_aligned(_blank(beside))] if len(beside) > 1 else []
    if not asked:
        out.text(fit.answer, known, *([*fit.evidence(), *published] if out.form == "text" else []))
        if out.form == "json":
            out.write(fit.to_json())
        elif out.form != "text" or out.path is not None:
            out.write({"csv": as_csv}.get(out.form, columns)(fit.cells))
        out.finish(known)
        return
    table = fit.predict(**asked, level=level)
    row = table.iloc[0]
    if row["extrapolation"] > FAR:
        known.insert(0, f"It is {times(row['extrapolation'])} outside the runs, where the law was not seen.")
    out.text(_at(fit, row), known, *([columns(table), *published] if out.form == "text" else []))
    if out.form != "text" or out.path is not None:
        out.write({"json": as_json, "csv": as_csv}.get(out.form, columns)(table))
    out.finish(known)


def _at(fit: HyperparameterFit, row: pd.Series) -> str:
    where = " on ".join(f"{human(row[k])} {what}" for k, what in (("N", "parameters"), ("D", "tokens")) if k in row)
    best = [
        f"{h} {_number(row[h])} ({100 * row['level']:.3g} %: {_number(row[f'{h}_lower'])} … {_number(row[f'{h}_upper'])})"
        for h in fit.over
    ]
    lost = ", ".join(f"{row[f'{h}_lost_at_double']:.2%} for {h}" for h in fit.over)
    return f"For {where}: best {', '.join(best)}\ntwice or half of it costs of the loss {lost}"


def _blank(table: pd.DataFrame) -> pd.DataFrame:
    """A dash where a rule says nothing."""
    return table.map(lambda cell: cell if isinstance(cell, str) else f"{cell:.3g}" if np.isfinite(cell) else "–")


def _number(value: float) -> str:
    return human(value) if value >= 1000 else f"{value:.3g}"


def _saved(runs: tuple[str, ...]) -> HyperparameterFit | None:
    """A fit that was written before, if that is what was given."""
    if len(runs) != 1 or not runs[0].endswith(".json"):
        return None
    try:
        data, _ = read_object(runs[0], "")
    except FitFileError:  # no file, or a table in JSON: reading the runs says what is wrong
        return None
    return read_hyperparameters(runs[0]) if data.get("schema") == SCHEMA else None


def _advice(N: float, D: float, loss: float | None, unchecked: bool, out: Output) -> None:
    table = hyperparameters(N, D, loss=loss, unchecked=unchecked)
    lr, batch = table["lr"].dropna(), table["batch_tokens"].dropna()
    answer = (
        f"For {human(N)} parameters on {human(D)} tokens: learning rates from {lr.min():.2g} to {lr.max():.2g}, batches from "
        f"{human(batch.min())} to {human(batch.max())} tokens; take both from one rule"
    )
    out.show(answer, (), table)
