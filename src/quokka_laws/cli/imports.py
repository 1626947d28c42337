"""The command that turns logs into a table of runs: ``import``."""

from __future__ import annotations

import textwrap

import click
import pandas as pd

from quokka_laws.cli.common import ASSIGNMENTS, emit, say
from quokka_laws.importers.collect import STATUSES, import_runs
from quokka_laws.importers.detect import KINDS
from quokka_laws.importers.names import PATTERNS
from quokka_laws.runs.read import notes_of
from quokka_laws.runs.remarks import sentence
from quokka_laws.runs.states import states

WIDTH = 100
NAMED = 3  # runs named beside a remark that is true of several


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
    lines = [f"{len(table)} rows{runs}, {int(usable.sum())} usable", *(f"  {sentence(note, options=True)}" for note in notes_of(table))]
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
