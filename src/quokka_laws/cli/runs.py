"""Commands on tables of runs: check one, import logs to one, choose the runs to train."""

from __future__ import annotations

import sys
import textwrap
from typing import Any

import click
import pandas as pd

from quokka_laws.cli.common import ASSIGNMENTS, QUANTITY, emit, format_option, given, load_fit, say
from quokka_laws.cli.literature import resolve
from quokka_laws.cli.options import LawName, load_runs, runs_options
from quokka_laws.exceptions import RunsError
from quokka_laws.fitting.fit import check_design
from quokka_laws.fitting.run_diagnostics import of_runs
from quokka_laws.importers.collect import STATUSES, import_runs
from quokka_laws.importers.detect import KINDS
from quokka_laws.importers.names import PATTERNS
from quokka_laws.laws import Law
from quokka_laws.plan.design import ladder, next_runs
from quokka_laws.runs.columns import INPUTS
from quokka_laws.runs.conventions import Conventions
from quokka_laws.runs.read import notes_of
from quokka_laws.runs.remarks import row_of, sentence
from quokka_laws.runs.states import states

WIDTH = 100
NAMED = 3  # runs named beside a remark that is true of several


@click.command("check")
@click.argument("runs", nargs=-1, required=True, metavar="RUNS...")
@runs_options
@click.option("--law", type=LawName(), default="chinchilla", show_default=True, help="Law the runs are meant for.")
@format_option
def check_command(runs: tuple[str, ...], law: Law, form: str | None, **reading: Any) -> None:
    """Check RUNS without fitting: what would be used, what would not, and why. Several files are read as one table."""
    table = load_runs(runs, **reading)
    attrs = table.attrs
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
        if given("law") or not set(law.variables) <= set(table):
            raise RunsError(f"not enough for {law.name}: {error}") from None
        say(f"  ! not enough for {law.name}: {error}")
    numeric = [k for k in (*INPUTS, "loss") if k in table]
    summary = pd.DataFrame({"column": numeric, "min": table[numeric].min().values, "max": table[numeric].max().values})
    emit(summary, form)


@click.command("import")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--from", "kind", type=click.Choice(KINDS), help="Kind of SOURCE; found out without it.")
@click.option(
    "--columns",
    type=ASSIGNMENTS,
    default={},
    help="Names in the logs: loss=val/loss,D=tokens,step=iter,lr=lr, and facts: N=n_params,U_D=unique.",
)
@click.option(
    "--name", help=f"Pattern of run names: '{{C}}_{{N:M}}_{{D:B}}' (N in millions), or {' or '.join(PATTERNS)}."
)
@click.option("--facts", type=click.Path(), help="Table of run_id, N, D, C, U_D: what names and logs do not say.")
@click.option(
    "--tokens-per-step", help="Global batch × sequence length; a number or a formula such as 'global_batch * 2048'."
)
@click.option(
    "--final",
    default="last:1",
    show_default=True,
    help="How to read the loss: last:K (mean of K logged losses), smooth:W (Gaussian window of W steps), cooldown.",
)
@click.option("--checkpoints", is_flag=True, help="A row for every logged loss; the bootstrap resamples whole runs.")
@click.option("--accept", multiple=True, type=click.Choice(STATUSES), help="Use such runs all the same. Repeatable.")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv", "table"]), default="jsonl", show_default=True)
def import_command(
    sources: tuple[str, ...],
    kind: str | None,
    columns: dict[str, str],
    name: str | None,
    facts: str | None,
    tokens_per_step: str | None,
    final: str,
    checkpoints: bool,
    accept: tuple[str, ...],
    form: str,
) -> None:
    """Turn logs into a table of runs: quokka-laws import SOURCE > runs.jsonl, then quokka-laws fit runs.jsonl.

    SOURCE is a folder of TensorBoard event files or of Hugging Face checkpoints, an MLflow store (mlruns, mlflow.db
    or a server's address), a W&B project ENTITY/PROJECT or an export of it, or CSV, JSON lines and Parquet with a
    row per step or per run.

    Runs that diverged, stopped early or have no loss stay in the table with status and reason; `fit` leaves them out
    and says so.
    """
    table = import_runs(
        sources,
        kind=kind,
        columns=columns,
        name=name,
        facts=facts,
        tokens_per_step=tokens_per_step,
        final=final,
        checkpoints=checkpoints,
        accept=accept,
        progress=True,
    )
    if form == "jsonl":
        click.echo(table.to_json(orient="records", lines=True, double_precision=15, force_ascii=False), nl=False)
    else:
        emit(table, form)
    say(summary(table))


def summary(table: pd.DataFrame) -> str:
    """What was found, for people."""
    said = states(table)
    usable = ~said.unfinished
    runs = f" of {table['run_id'].nunique()} runs" if "run_id" in table else ""
    lines = [
        f"{len(table)} rows{runs}, {int(usable.sum())} usable",
        *(f"  {sentence(note, options=True)}" for note in notes_of(table)),
    ]
    if "lag_steps" in table and table.loc[usable, "lag_steps"].median() > 0:
        lag = table.loc[usable, ["lag_steps", "lag_loss"]].median()
        lines.append(
            f"  the window looks back: values are those of {lag['lag_steps']:.3g} steps before the end, where the loss was "
            f"{lag['lag_loss']:+.2g} from that at the end (median; columns lag_steps, lag_loss)"
        )
    reason = table.get("reason", pd.Series("", index=table.index)).fillna("")
    remark = table.get("remark", pd.Series("", index=table.index)).fillna("")
    labels = remark.where(
        usable,
        said.word
        + reason.map(lambda text: f": {text}" if text else "")
        + remark.map(lambda text: f" ({text})" if text else ""),
    )
    for label, rows in table[labels != ""].groupby(labels, sort=False):
        names = list(dict.fromkeys(rows.get("run_id", rows.index)))
        shown = ", ".join(map(str, names[:NAMED])) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
        lines.append(f"  {shown}: {label}")
    return "\n".join(textwrap.fill(line, WIDTH, subsequent_indent="    ", break_on_hyphens=False) for line in lines)


FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "json", "table"]),
    help="Form of the sweep on stdout; CSV, which the trainer reads, unless stdout is a terminal, then a table.",
)


@click.command("ladder")
@click.option("--budget", type=QUANTITY, required=True, help="FLOPs of all runs together.")
@click.option("--law", default="besiroglu-2024", show_default=True, help="Whose optima are the centres; or a fit.json.")
@click.option("--slices", type=int, default=5, show_default=True, help="Budgets, log-spaced.")
@click.option("--sizes", type=int, default=5, show_default=True, help="Models per budget.")
@click.option("--span", type=float, default=100.0, show_default=True, help="Largest over smallest budget.")
@click.option("--width", type=float, default=3.0, show_default=True, help="Sizes within this factor of the centre.")
@FORMAT
def ladder_command(
    budget: float, law: str, slices: int, sizes: int, span: float, width: float, form: str | None
) -> None:
    """A first sweep to train: IsoFLOP slices around a published law's optimum."""
    _emit(ladder(budget, around=resolve(law), slices=slices, sizes=sizes, span=span, width=width), form)


@click.command("design")
@click.argument("fit_json", metavar="FIT")
@click.option("--budget", type=QUANTITY, required=True, help="FLOPs of all new runs together.")
@click.option("-C", "--target-budget", "target_C", type=QUANTITY, help="Ask for the compute-optimal size here.")
@click.option("-N", "--params", "N", type=QUANTITY, help="Ask for the loss here instead: parameters …")
@click.option(
    "-D", "--tokens", "D", type=QUANTITY, help="… and tokens (with repeated data the first -U of them unique)."
)
@click.option(
    "-U", "--unique-tokens", "U_D", type=QUANTITY, multiple=True, help="Unique tokens new runs may use. Repeatable."
)
@FORMAT
def design_command(
    fit_json: str,
    budget: float,
    target_C: float | None,
    N: float | None,
    D: float | None,
    U_D: tuple[float, ...],
    form: str | None,
) -> None:
    """The runs to train next: those that say most per FLOP about a target, given a FIT."""
    if (N is None) != (D is None):
        raise click.UsageError("-N and -D go together: the point whose loss is asked for")
    if (target_C is None) == (N is None):
        raise click.UsageError("ask for the optimal size with -C, or for the loss at a point with -N and -D")
    point = None
    if N is not None and D is not None:
        point = {"N": N, "D": D, **({"U_D": U_D[0]} if U_D else {})}
    table = next_runs(load_fit(fit_json), budget, target_C=target_C, target=point, U_D=U_D or None)
    say(
        f"{len(table)} runs, {table['C'].sum():.3g} FLOPs: the standard deviation of {table.attrs['target']} falls from "
        f"{table['sd_before'].iloc[0]:.3g} to {table['sd_after'].iloc[-1]:.3g} (noise of one run {table.attrs['noise']:.2g})"
    )
    _emit(table, form)


def _emit(table: pd.DataFrame, form: str | None) -> None:
    for note in table.attrs["notes"]:
        say(f"  {note}")
    emit(table, form or ("table" if sys.stdout.isatty() else "csv"))
