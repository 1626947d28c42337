"""Published laws: the list, one by name, and names or files as arguments of every command that takes a law."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import click
import pandas as pd

from quokka_laws.cli.common import assignments, say
from quokka_laws.cli.output import Output, output_options
from quokka_laws.exceptions import ArgumentError, FitError
from quokka_laws.literature.conversions import convert
from quokka_laws.literature.partial_laws import Allocation, Repetition
from quokka_laws.literature.registry import full_name, law_of, published
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.format import left_aligned
from quokka_laws.results.storage import read_fit
from quokka_laws.results.text import sentences_of
from quokka_laws.runs.quantities import parse_quantity

Planned = FittedLaw | Allocation

LAW_ARGUMENT = click.argument("law", metavar="FIT|LAW")


def several_laws(command: Callable[..., Any]) -> Callable[..., Any]:
    """Laws as arguments or by --law, as one argument ``laws``."""

    @click.argument("named", metavar="[FIT|LAW]...", nargs=-1)
    @click.option(
        "--law", "laws", multiple=True, help="The same: a published law or a fit.json (- for stdin). Repeatable."
    )
    @wraps(command)
    def asked(*, named: tuple[str, ...], laws: tuple[str, ...], **options: Any) -> Any:
        return command(laws=(*named, *laws), **options)

    return asked


def one_at_least(laws: Sequence[str]) -> None:
    """Raise a usage error where no law was named."""
    if not laws:
        raise click.UsageError(
            "give a FIT, fit.json, or a published law, such as besiroglu-2024 (`quokka-laws laws` lists them)"
        )


TOKENS_PER_BYTE = assignments(
    "--tokens-per-byte",
    help="Give losses in bits/byte: by tokenizer, 'GPT-2 BPE=0.293,BPE 131k=0.237', or one for all, all=0.25.",
)


@click.command("laws")
@click.argument("name", required=False)
@click.option("--cite", is_flag=True, help="Print BibTeX.")
@output_options
def laws_command(name: str | None, cite: bool, out: Output) -> None:
    """List published laws, or show one by NAME with its source, conventions and status."""
    if name is None:
        if cite:
            click.echo("\n\n".join(published.cite(n) for n in published))
            return
        brief = ["name", "year", "arxiv", "form", "loss_kind", "N_counts", "status"]
        out.show(table=published.table(), pretty=lambda t: left_aligned(t[brief].set_index("name")))
        return
    try:
        name = full_name(name)
        entry = published.entry(name)
    except KeyError as error:
        raise click.UsageError(str(error.args[0])) from None
    if cite:
        click.echo(published.cite(name))
        return
    lines = [
        f"{name}: {entry['title']} ({entry['year']}, arXiv {entry['arxiv']}; {entry['source']})",
        f"  status: {entry['status']}",
        f"  conventions: {published[name].conventions.describe()}",
        *([f"  note: {entry['note']}"] if entry["note"] else []),
    ]
    numbers = {k: v for k, v in entry["values"].items() if k != "size"}
    out.show("\n".join(lines), table=pd.DataFrame({"coefficient": list(numbers), "value": list(numbers.values())}))


def resolve(name: str, *, repeated: bool = False, announce: bool = True) -> Planned:
    """A law from the name of a published one, a file, or stdin for ``-``; which one was taken goes to stderr."""
    if name == "-":
        found: Any = read_fit(sys.stdin.read() or "{}")
        say(f"law: {described(found)}, from stdin")
        return found
    found = law_of(name, repeated=repeated)
    if isinstance(found, Repetition):
        raise click.UsageError(
            f"{name} says what repeated tokens are worth; its law of fresh tokens was not published, so it predicts no loss"
        )
    if announce:
        say(f"law: {described(found)}" + (f", from {name}" if isinstance(found, FitResult) else ""))
    return found


def resolve_loss(name: str, *, repeated: bool = False, announce: bool = True) -> FittedLaw:
    """As :func:`resolve`, refused where there is no law of the loss."""
    found = resolve(name, repeated=repeated, announce=announce)
    if not isinstance(found, FittedLaw):
        raise FitError(f"{found.label} was published as an allocation, without a law of the loss")
    return found


def resolve_fit(name: str, command: str) -> FitResult:
    """A fit with its runs; a published law comes without them and is refused."""
    found = resolve(name)
    if not isinstance(found, FitResult) or not len(found.runs):
        raise FitError(
            f"{found.label} comes without its runs, and `{command}` is about those: give a fit of your own, "
            "written by `quokka-laws fit runs.csv -o fit.json`"
        )
    return found


def described(law: Any) -> str:
    """Which law was taken: a published one with its source, a fit with its runs."""
    name = law.label.split(" [")[0]
    if name in published:
        entry = published.entry(name)
        return f"{law.label}, as published ({entry['title']}, arXiv {entry['arxiv']})"
    return f"{law.label}, a fit of {len(law.runs)} runs" if isinstance(law, FitResult) else str(law.label)


def known_about(*laws: Any) -> list[str]:
    """What to know before relying on what is computed from laws: it inherits what is doubtful about their fits."""
    several = len(laws) > 1
    return [
        f"{law.label}: {sentence}" if several else sentence
        for law in laws
        if isinstance(law, FitResult)
        for sentence in sentences_of(law)
    ]


def told_apart(laws: Sequence[Any], names: Sequence[str]) -> list[Any]:
    """The laws, those of one label under the names of their files too, so that rows and remarks say which is meant."""
    labels = [law.label for law in laws]
    stems = [Path(name).stem for name in names]
    called = stems if len(set(stems)) == len(stems) else names
    return [
        replace(law, name=f"{law.label} ({own})") if isinstance(law, FitResult) and labels.count(law.label) > 1 else law
        for law, own in zip(laws, called, strict=True)
    ]


def in_bytes(fit: Planned, tokens_per_byte: dict[str, Any]) -> Planned:
    """A law with its loss in bits/byte where the tokens per byte of its tokenizer are given."""
    given = tokens_per_byte.get(fit.conventions.tokenizer, tokens_per_byte.get("all"))
    if given is None or fit.conventions.loss_unit != "nats/token":
        return fit
    try:
        return convert(fit, tokens_per_byte=parse_quantity(given))
    except ArgumentError as error:
        raise click.UsageError(f"--tokens-per-byte {given}: {error}") from None
