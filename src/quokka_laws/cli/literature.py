"""Published laws on the command line: the list, one by name, and names or files as arguments of other commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pandas as pd

from quokka_laws.cli.common import ASSIGNMENTS, emit, format_option, load_fit, say
from quokka_laws.literature.conversions import convert
from quokka_laws.literature.partial_laws import Allocation, Repetition
from quokka_laws.literature.registry import published
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.format import left_aligned

Planned = FittedLaw | Allocation

TOKENS_PER_BYTE = click.option(
    "--tokens-per-byte",
    type=ASSIGNMENTS,
    default={},
    help="Give losses in bits/byte: by tokenizer, 'GPT-2 BPE=0.293,BPE 131k=0.237', or one for all, all=0.25.",
)


@click.command("laws")
@click.argument("name", required=False)
@click.option("--cite", is_flag=True, help="Print BibTeX.")
@format_option
def laws_command(name: str | None, cite: bool, form: str | None) -> None:
    """List published laws, or show one by NAME with its source, conventions and status."""
    if name is None:
        if cite:
            click.echo("\n\n".join(published.cite(n) for n in published))
            return
        brief = ["name", "year", "arxiv", "form", "loss_kind", "N_counts", "status"]
        emit(published.table(), form, pretty=lambda t: left_aligned(t[brief].set_index("name")))
        return
    try:
        entry = published.entry(name)
    except KeyError as error:
        raise click.UsageError(str(error.args[0])) from None
    if cite:
        click.echo(published.cite(name))
        return
    say(f"{entry['title']} ({entry['year']}, arXiv {entry['arxiv']}; {entry['source']})\n  status: {entry['status']}")
    say(f"  conventions: {published[name].conventions.describe()}")
    if entry["note"]:
        say(f"  note: {entry['note']}")
    numbers = {k: v for k, v in entry["values"].items() if k != "size"}
    emit(pd.DataFrame({"coefficient": list(numbers), "value": list(numbers.values())}), form)


def resolve(name: str) -> Planned:
    """A published law by name, else a fit from a file (- for stdin)."""
    if name == "-" or (name not in published and (Path(name).suffix == ".json" or Path(name).exists())):
        return load_fit(name)
    try:
        found = published[name]
    except KeyError as error:
        raise click.UsageError(str(error.args[0])) from None
    if isinstance(found, Repetition):
        raise click.UsageError(
            f"{name} says what repeated tokens are worth; its law of fresh tokens was not published. In Python: "
            f"ql.published[{name!r}].on(fit)"
        )
    return found


def in_bytes(fit: Planned, tokens_per_byte: dict[str, Any]) -> Planned:
    """A law with its loss in bits/byte where the tokens per byte of its tokenizer are given."""
    given = tokens_per_byte.get(fit.conventions.tokenizer, tokens_per_byte.get("all"))
    if given is None or fit.conventions.loss_unit != "nats/token":
        return fit
    try:
        return convert(fit, tokens_per_byte=float(given))
    except ValueError as error:
        raise click.UsageError(f"--tokens-per-byte {given}: {error}") from None
