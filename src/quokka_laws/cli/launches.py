"""Runs that a plan or a design asks for, written as a folder that a cluster launches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from quokka_laws.cli.common import QUANTITY, say
from quokka_laws.plan.hyperparameters import hyperparameters
from quokka_laws.results.format import human
from quokka_laws.results.hyperparameter_storage import read_hyperparameters

RULE = "step-law-2025"


def launch_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of what is not in N and D: vocabulary, context, learning rate, batch."""
    for option in reversed(
        (
            click.option("--vocabulary", type=click.IntRange(1), default=50304, show_default=True, help="Of launched runs: entries of the tokenizer."),
            click.option("--context", type=click.IntRange(1), default=2048, show_default=True, help="Of launched runs: tokens of a sequence."),
            click.option("--counts", type=click.Choice(["total", "non-embedding"]), default="total", show_default=True, help="What N holds."),
            click.option("--rule", default=RULE, show_default=True, help="Published rule for learning rate and batch, or your own: hyper.json."),
            click.option("--lr", type=float, help="Highest learning rate, for all runs, instead of the rule's."),
            click.option("--batch", type=QUANTITY, help="Tokens of a batch, for all runs, instead of the rule's."),
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
    from quokka_laws.architectures import launch, runs_of

    if lr is not None and not lr > 0:
        raise click.UsageError(f"--lr {lr:g}: a learning rate is positive")
    told = table.reset_index(drop=True)[[c for c in ("run_id", "N", "D", "seed") if c in table]].copy()
    rates = [_rule(rule, float(n), float(d)) for n, d in zip(told["N"], told["D"], strict=True)]
    told["lr"] = [lr if lr is not None else r["lr"] for r in rates]
    told["batch_tokens"] = [batch if batch is not None else r["batch_tokens"] for r in rates]
    if lacking := [o for o, c in (("--lr", "lr"), ("--batch", "batch_tokens")) if told[c].isna().any()]:
        raise click.UsageError(
            f"{rule} says nothing of {' and '.join(lacking)}: give {' and '.join(lacking)}, or another --rule"
        )
    runs = runs_of(told, vocabulary=vocabulary, context=context, counts=counts)
    launch(runs, trainer, folder)
    facts = pd.DataFrame([run.facts for run in runs])
    _say_how(folder, trainer, len(runs), rule if lr is None or batch is None else "")
    return facts


def _rule(name: str, N: float, D: float) -> dict[str, float]:
    """Learning rate and batch by a published rule, or by one's own law, as `hyperparameters -o hyper.json` wrote it."""
    if name.endswith(".json"):
        row = read_hyperparameters(name).predict(N=N, D=D, level=None).iloc[0]
        return {"lr": float(row.get("lr", np.nan)), "batch_tokens": float(row.get("batch", np.nan))}
    table = hyperparameters(N, D).set_index("rule")
    if name not in table.index:
        raise click.UsageError(f"--rule {name}: there are {', '.join(table.index)}")
    return {k: float(table.loc[name, k]) for k in ("lr", "batch_tokens")}


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
