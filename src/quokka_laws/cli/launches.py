"""Runs that a plan or a design asks for, written as a folder that a cluster launches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import pandas as pd

from quokka_laws.cli.common import QUANTITY, say
from quokka_laws.plan.hyperparameters import advised
from quokka_laws.results.format import human

if TYPE_CHECKING:
    from quokka_laws.architectures import Launch

RULE = "step-law-2025"


def rates_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of learning rate and batch."""
    for option in (
        click.option("--batch", type=QUANTITY, help="Tokens of a batch, instead of the rule's."),
        click.option("--lr", type=float, help="Highest learning rate, instead of the rule's."),
        click.option("--rule", default=RULE, show_default=True, help="Published rule for learning rate and batch, or your own law: hyper.json."),
    ):  # fmt: skip
        command = option(command)
    return command


def launch_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of what is not in N and D: vocabulary, context, learning rate, batch."""
    command = rates_options(command)
    for option in reversed(
        (
            click.option("--vocabulary", type=click.IntRange(1), default=50304, show_default=True, help="Of launched runs: entries of the tokenizer."),
            click.option("--context", type=click.IntRange(1), default=2048, show_default=True, help="Of launched runs: tokens of a sequence."),
            click.option("--counts", type=click.Choice(["total", "non-embedding"]), default="total", show_default=True, help="What N holds."),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def write_launch(
    table: pd.DataFrame,
    trainer: str,
    folder: Path,
    *,
    vocabulary: int,
    context: int,
    counts: str,
    rule: str,
    lr: float | None,
    batch: float | None,
) -> pd.DataFrame:
    """A folder that trains runs of a table with N and D; returns what they are."""
    from quokka_laws.architectures import runs_of

    told = table.reset_index(drop=True)[[c for c in ("run_id", "N", "D", "seed") if c in table]].copy()
    sizes = zip(told["N"], told["D"], strict=True)
    rates = [rate_and_batch(rule, n, d, context=context, lr=lr, batch=batch) for n, d in sizes]
    told["lr"], told["batch_tokens"] = zip(*rates, strict=True)
    runs = runs_of(told, vocabulary=vocabulary, context=context, counts=counts)
    return write_runs(runs, trainer, folder, rule if lr is None or batch is None else "")


def write_runs(runs: list[Launch], trainer: str, folder: Path, rule: str = "") -> pd.DataFrame:
    """A folder that trains runs; returns what they are."""
    from quokka_laws.architectures import launch

    launch(runs, trainer, folder)
    _say_how(folder, trainer, len(runs), rule)
    return pd.DataFrame([run.facts for run in runs])


def rate_and_batch(
    rule: str, N: float, D: float, *, context: int, lr: float | None, batch: float | None
) -> tuple[float, float]:
    """Learning rate and tokens of a batch: as given, or by a rule, from 32 sequences on in eights, which divide among devices."""
    if lr is not None and not lr > 0:
        raise click.UsageError(f"--lr {lr:g}: a learning rate is positive")
    found = advised(rule, float(N), float(D))
    if found["batch_tokens"] >= 32 * context:
        found["batch_tokens"] = 8.0 * context * round(found["batch_tokens"] / context / 8)
    rate, tokens = (lr if lr is not None else found["lr"]), (batch if batch is not None else found["batch_tokens"])
    if lacking := [o for o, v in (("--lr", rate), ("--batch", tokens)) if np.isnan(v)]:
        raise click.UsageError(
            f"{rule} says nothing of {' and '.join(lacking)}: give {' and '.join(lacking)}, or another --rule"
        )
    return rate, tokens


def _say_how(folder: Path, trainer: str, count: int, rule: str) -> None:
    needs = {
        "torchtitan": "CORPUS=… VALIDATION=… TOKENIZER=…",
        "megatron": "MEGATRON=… DATA=… VALIDATION=… TOKENIZER=…",
    }
    by = f"learning rate and batch by {rule}; " if rule else ""
    say(
        f"written: {count} run{'s' if count != 1 else ''} for {trainer} in {folder}; {by}start one with {needs[trainer]} bash "
        f"{folder}/runs/ID.sh, then quokka-laws import {folder}/logs --facts {folder}/facts.csv -o runs.jsonl"
    )


def launched_table(facts: pd.DataFrame) -> str:
    """Launched runs, for people."""
    from quokka_laws.results.format import left_aligned

    shown = pd.DataFrame({"N": facts["N"].map(human), "D": facts["D"].map(human), "C": facts["C"].map("{:.3g}".format)})
    shown["layers × width"] = [f"{a} × {b}" for a, b in zip(facts["layers"], facts["width"], strict=True)]
    shown["steps"] = facts["steps"]
    shown["batch"] = facts["batch_tokens"].map(human)
    shown["learning rate"] = facts["lr"].map("{:.2e}".format)
    shown.index = pd.Index(facts["run_id"], name="run")
    return left_aligned(shown)
