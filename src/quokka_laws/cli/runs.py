"""Commands on tables of runs: check one, import logs to one."""

from __future__ import annotations

import textwrap
from typing import Any

import click
import pandas as pd

from quokka_laws.cli.common import FAILED, assignments, fail, given, quiet, say
from quokka_laws.cli.options import LawName, load_runs, runs_options
from quokka_laws.cli.output import Output, output_options
from quokka_laws.exceptions import RunsError
from quokka_laws.fitting.determined import law_for
from quokka_laws.importers.collect import STATUSES, import_runs
from quokka_laws.importers.detect import KINDS
from quokka_laws.importers.names import PATTERNS
from quokka_laws.laws import Law
from quokka_laws.reporting.reading import reading
from quokka_laws.results.format import right_aligned
from quokka_laws.runs.read import notes_of
from quokka_laws.runs.remarks import sentence
from quokka_laws.runs.states import states

WIDTH = 100
NAMED = 3  # runs named beside a remark that is true of several


@click.command("check")
@click.argument("runs", nargs=-1, required=True, metavar="RUNS...")
@runs_options
@click.option("--law", type=LawName(), default="chinchilla", show_default=True, help="Law the runs are meant for.")
@output_options
def check_command(runs: tuple[str, ...], law: Law, out: Output, **options: Any) -> None:
    """Check RUNS without fitting: what would be used, what would not, and why. Several files are read as one table."""
    table = load_runs(runs, **options, unsaid=("sweep",))  # it is among the doubts
    law = law_for(law, table)
    seen = reading(table, law)
    known = [*seen.left_out]
    if seen.shortage is not None:
        if given("law") or not set(law.takes) <= set(table):
            say("\n".join(seen.left_out))
            raise RunsError(
                f"{len(table)} rows can be used, which is not enough for {law.label}: {seen.shortage}"
            ) from None
        known.append(f"not enough for {law.label}: {seen.shortage}")
    known += seen.known
    conventions = ["How it was read", f"  {seen.conventions}", *(f"  {note}" for note in seen.routine)]
    numeric = [str(k) for k in table if pd.api.types.is_numeric_dtype(table[k]) and table[k].notna().any()]
    summary = pd.DataFrame({"column": numeric, "min": table[numeric].min().values, "max": table[numeric].max().values})
    out.show(seen.answer, known, summary, below=["\n".join(conventions)])


@click.command("import")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--from", "kind", type=click.Choice(KINDS), help="Kind of SOURCE; detected without it.")
@assignments(
    "--columns",
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
@click.option("--accept", multiple=True, type=click.Choice(STATUSES), help="Keep such runs as usable. Repeatable.")
@output_options(data="jsonl", forms=["text", "jsonl", "csv", "json"])
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
    out: Output,
) -> None:
    """Turn logs into a table of runs: quokka-laws import SOURCE -o runs.jsonl, then quokka-laws fit runs.jsonl.

    SOURCE is a folder of TensorBoard event files, of Hugging Face checkpoints or of logs that training programs print
    (nanoGPT, Megatron, OLMo …), an MLflow store (mlruns, mlflow.db or a server's address), a W&B project
    ENTITY/PROJECT or an export of it, or CSV, JSON lines and Parquet with a row per step or per run.

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
        progress=not quiet(),
    )
    first, *rest = summary(table).split("\n", 1)
    shown = [c for c in ("run_id", "N", "D", "C", "U_D", "epochs", "loss", "status") if c in table]
    unread = [f"Not read: {fault}" for fault in table.attrs["unread"]]
    out.for_programs("jsonl").show(first, unread, table, pretty=lambda t: right_aligned(t[shown]), below=rest)
    if unread:
        fail(
            f"{len(unread)} file{'s' if len(unread) > 1 else ''} could not be read; the others are in the table", FAILED
        )


def summary(table: pd.DataFrame) -> str:
    """What was found, for people."""
    said = states(table)
    usable = ~said.unfinished
    runs = f" of {table['run_id'].nunique()} runs" if "run_id" in table else ""
    lines = [
        f"{len(table)} rows{runs}, {int(usable.sum())} usable",
        *(f"  {sentence(note)}" for note in notes_of(table)),
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
        said.word.where(said.column == "status", said.column + " " + said.word)
        + reason.map(lambda text: f": {text}" if text else "")
        + remark.map(lambda text: f" ({text})" if text else ""),
    )
    for label, rows in table[labels != ""].groupby(labels, sort=False):
        names = list(dict.fromkeys(rows.get("run_id", rows.index)))
        shown = ", ".join(map(str, names[:NAMED])) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
        lines.append(f"  {shown}: {label}")
    return "\n".join(textwrap.fill(line, WIDTH, subsequent_indent="    ", break_on_hyphens=False) for line in lines)
