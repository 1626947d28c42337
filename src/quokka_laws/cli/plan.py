"""Commands that turn a budget into a plan: several laws side by side, one law, one prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from quokka_laws.cli.budget import budget_of, budget_options
from quokka_laws.cli.common import ASSIGNMENTS, BUDGETS, LEVEL, QUANTITY, SIZES, TOKENS, UNIQUE, given, quantities
from quokka_laws.cli.downstream import predict_tasks
from quokka_laws.cli.heard import heard
from quokka_laws.cli.launches import launch_options, launched_table, write_launch
from quokka_laws.cli.literature import (
    LAW_ARGUMENT,
    TOKENS_PER_BYTE,
    Planned,
    in_bytes,
    known_about,
    resolve,
    resolve_loss,
    several_laws,
    told_apart,
)
from quokka_laws.cli.options import quantity
from quokka_laws.cli.output import FOLDERS, Output, check_output, output_options
from quokka_laws.evaluation.consensus import consensus
from quokka_laws.exceptions import FitError, QuokkaError
from quokka_laws.literature.registry import published
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.plan.inference import inference_optimal
from quokka_laws.plan.possible import possible
from quokka_laws.plan.repeated import compute_and_data_optimal
from quokka_laws.plan.side_by_side import align
from quokka_laws.reporting.text import allocation_table, between, beyond_runs, plan_answer
from quokka_laws.reporting.verdict import verdict
from quokka_laws.results.downstream_storage import is_downstream
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.format import how_far, human, left_aligned, times

REPEATED = ("quokka-2025/repeated", "muennighoff-2023")


@click.command("plan")
@budget_options
@click.option("-U", "--unique-tokens", "U_D", type=QUANTITY, help="Tokens there are; more than that are repeated.")
@click.option("--inference-tokens", "D_inf", type=QUANTITY, help="Tokens to be served: minimise training and serving.")
@several_laws
@TOKENS_PER_BYTE
@click.option("--architecture", metavar="FOLDER", help="Write what a cluster launches for the first law's plan there.")
@click.option(
    "--trainer", type=click.Choice(FOLDERS), default="torchtitan", show_default=True, help="Whom it is written for."
)
@launch_options
@LEVEL
@output_options
def plan_command(
    U_D: float | None,
    D_inf: float | None,
    laws: tuple[str, ...],
    tokens_per_byte: dict[str, str],
    architecture: str | None,
    trainer: str,
    level: float,
    out: Output,
    **machine: Any,
) -> None:
    """Model and tokens for a budget, by several laws side by side, autoregressive and diffusion apart.

    With --unique-tokens laws of repeated data choose the epochs too; the others say "not in this law" where they repeat.
    With --inference-tokens the model is the one with the lowest cost of training and serving at the loss a
    compute-optimal run of the budget would have. Laws that count non-embedding parameters are converted to total ones
    where the others count those and the conversion is known.
    """
    if U_D is not None and D_inf is not None:
        raise click.UsageError("--unique-tokens and --inference-tokens answer different questions: ask one at a time")
    launched = {k: machine.pop(k) for k in ("vocabulary", "context", "counts", "rule", "lr", "batch")}
    check_output(architecture)
    budget = budget_of(**machine)
    names = laws or (*published.defaults(), *(REPEATED if U_D is not None else ()))
    found = [
        in_bytes(resolve(name, repeated=U_D is not None, announce=name not in published), tokens_per_byte)
        for name in names
    ]
    fits, said = align(told_apart(found, names))
    rows: list[pd.DataFrame] = []
    refused: list[Exception] = []
    for name, fit in zip(names, fits, strict=True):
        try:
            row = possible(fit, _answer(fit, budget, U_D, D_inf, level))
        except (FitError, click.UsageError) as error:
            refused.append(error)
            continue
        row.insert(0, "law", fit.label if name in published or fit.name else name)
        row.insert(1, "family", fit.conventions.family)
        row["loss_unit"] = fit.conventions.loss_unit
        row["status"] = published.entry(name)["status"] if name in published else "your fit"
        row["conventions"] = fit.conventions.describe()
        rows.append(row)
    if not rows:
        raise refused[0]
    table = _by_family(pd.concat(rows, ignore_index=True))
    if "note" in table:
        table["note"] = table["note"].fillna("")
    answer = verdict(table, budget, U_D)
    known = [
        *(f"No row: {error}" for error in refused),
        *_cautions(table, U_D),
        *said,
        *known_about(*fits),
    ]
    below = []
    if architecture is not None:
        if len(table) > 1:
            known.append(f"The launched run is that of {table['law'].iloc[0]}; name the one to launch.")
        facts = write_launch(table.head(1), trainer, Path(architecture), **launched)
        below = [launched_table(facts)]
    out.show(answer, known, table, pretty=_pretty, below=below)


def _answer(fit: Planned, budget: float, U_D: float | None, D_inf: float | None, level: float) -> pd.DataFrame:
    """One law's row of the plan."""
    if isinstance(fit, FittedLaw) and fit.law.of_repetition:
        if U_D is None:
            raise click.UsageError(f"{fit.label} is a law of repeated data: say how many tokens there are, -U 100B")
        row = compute_and_data_optimal(fit, budget, U_D, level=level)
        row["tokens_per_param"] = row["D"] / row["N"]
        row["extrapolation"] = row[[c for c in row if c.startswith("extrapolation_")]].max(axis=1)
        return row
    if D_inf is not None and isinstance(fit, FittedLaw):
        return inference_optimal(fit, D_inf, C=budget, level=level)
    row = compute_optimal(fit, budget, level=level)
    if U_D is not None:
        row["epochs"] = row["D"] / U_D
        row["note"] = np.where(row["epochs"] > 1, [f"repeats ×{e:.3g}: not in this law" for e in row["epochs"]], "")
    return row


def _by_family(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of one family together, families in the order in which they first appear."""
    first = {family: i for i, family in enumerate(dict.fromkeys(table["family"]))}
    return table.sort_values("family", key=lambda column: column.map(first), kind="stable", ignore_index=True)


def _cautions(table: pd.DataFrame, U_D: float | None) -> list[str]:
    """What a reader of the table should know."""
    said = []
    if U_D is not None and (table["epochs"][table["U_D"].isna()] > 1 if "U_D" in table else table["epochs"] > 1).any():
        said.append(
            "Laws of N and D count a repeated token as a fresh one: where epochs exceed 4 their loss is too low."
        )
    if "D_inf" in table and table["D_inf"].isna().any():
        said.append("Allocations without a law of the loss cannot weigh serving: those rows are compute-optimal.")
    if len(table) > 1:
        apart = {"all": table["N"], **{k: rows for k, rows in table.groupby("family")["N"] if len(rows) > 1}}
        spread = {k: N.max() / N.min() for k, N in apart.items()}
        within = ", ".join(f"the {k} ones by {v:.2g}" for k, v in spread.items() if v < spread["all"])
        said.append(
            f"The laws disagree by a factor {spread['all']:.2g} in N{f' ({within})' if within else ''}; no interval of one law "
            "covers that."
        )
    return said


def _pretty(table: pd.DataFrame) -> str:
    shown = pd.DataFrame({"family": table["family"], "N": table["N"].map(human), "D": table["D"].map(human)})
    level = f"{100 * table['level'].dropna().iloc[0]:.3g} %" if "level" in table else ""
    if "N_lower" in table:
        shown.insert(
            2,
            f"N ({level})",
            [
                f"{human(a)} … {human(b)}" if a == a else "–"
                for a, b in zip(table["N_lower"], table["N_upper"], strict=True)
            ],
        )
    repeats = table["note"].ne("") if "note" in table else pd.Series(False, index=table.index)
    if "epochs" in table:
        shown["epochs"] = (
            table["epochs"].map("{:.3g}".format).where(~repeats, table["epochs"].map("{:.3g}: not in law".format))
        )
    else:
        shown["D/N"] = table["tokens_per_param"].map("{:.3g}".format)
    shown["loss"] = table["loss"].map(lambda v: f"{v:.3f}" if v == v else "–")
    if "loss_lower" in table:
        shown[f"loss ({level})"] = [
            f"{a:.3f} … {b:.3f}" if a == a else "–"
            for a, b in zip(table["loss_lower"], table["loss_upper"], strict=True)
        ]
    if len(set(table["loss_unit"])) > 1:
        shown["unit"] = table["loss_unit"]
    below = table.get("below_runs", pd.Series(False, index=table.index)) == True  # noqa: E712  (NaN for other plans)
    shown["outside its runs"] = [how_far(f, b) for f, b in zip(table["extrapolation"], below, strict=True)]
    shown["outside its runs"] = shown["outside its runs"].mask(
        repeats & shown["outside its runs"].eq("inside"), "repeats"
    )
    if "epochs" not in table:
        shown["status"] = table["status"].str.split(",").str[0]
    shown.index = table["law"].rename(None)
    return left_aligned(shown)


@click.command("allocate")
@LAW_ARGUMENT
@quantities("-C", "--budget", "C", required=True, help="Training FLOPs of one run.")
@LEVEL
@output_options
def allocate_command(law: str, C: tuple[float, ...], level: float, out: Output) -> None:
    """Compute-optimal N and D at a budget, from a FIT (a file, or - for stdin) or a published LAW."""
    fitted = resolve(law)
    plan = possible(fitted, compute_optimal(fitted, C, level=level))
    answer = "\n".join(plan_answer(row, f"C = {row['C']:.3g}") for _, row in plan.iterrows())
    outside = [
        f"C = {row['C']:.3g} is {times(row['extrapolation'])} {'below' if row['below_runs'] else 'beyond'} the runs"
        for _, row in plan.iterrows()
        if row["extrapolation"] > 1
    ]
    known = [f"{'; '.join(outside)}. {beyond_runs(fitted)}."] if outside else []
    out.show(answer, [*known, *_together(fitted, C, level), *known_about(fitted)], plan, pretty=allocation_table)


def _together(fitted: Any, C: tuple[float, ...], level: float) -> list[str]:
    """What `quokka-laws fit` said at these budgets, if it chose the law: all methods together, which are not this law alone."""
    if not isinstance(fitted, FitResult) or fitted.choice is None or not fitted.law.of_N_and_D:
        return []
    try:
        joint = consensus(fitted.runs, C, level=level, prior="auto" if fitted.prior else None, seed=fitted.seed)
    except QuokkaError:
        return []
    if joint.alone == fitted.label:
        return []
    rows = joint.table.assign(level=level)
    sizes = ", ".join(
        f"{human(row['N'])}{between(row, 'N', human)} at C = {row['C']:.3g}" for _, row in rows.iterrows()
    )
    return [
        f"This is {fitted.label} alone, with the interval of its refits. `quokka-laws fit` puts all methods together: {sizes}."
    ]


@click.command("predict")
@LAW_ARGUMENT
@SIZES
@TOKENS
@UNIQUE
@quantities("--epochs", "epochs", help="Epochs, for laws of repeated data.")
@BUDGETS
@click.option("--at", type=ASSIGNMENTS, multiple=True, help="Any other variable of the law: sparsity=0.9,N_active=1B.")
@click.option("--metric", help="Accuracy of these tasks, from what `downstream -o` wrote: hellaswag,mean.")
@LEVEL
@output_options
def predict_command(
    law: str,
    at: tuple[dict[str, str], ...],
    metric: str | None,
    level: float,
    out: Output,
    **data: tuple[float, ...],
) -> None:
    """Predict the loss at N and D, or at any variables of the law, from a FIT (a file, or - for stdin) or a published LAW.

    With what `quokka-laws downstream -o downstream.json` wrote, the accuracy of its tasks.
    """
    if is_downstream(law):
        asked = {k: list(v) for k, v in data.items() if v} | {k: v for assigned in at for k, v in assigned.items()}
        predict_tasks(law, metric, asked, level if given("level") else None, out)
        return
    if metric is not None:
        raise click.UsageError(
            f"--metric {metric}: {law} holds a law of the loss alone; give what "
            f"`quokka-laws downstream runs.csv --metric {metric} -o downstream.json` wrote"
        )
    repeated = bool(data["U_D"] or data["epochs"])
    fitted = resolve_loss(law, repeated=repeated)
    point: dict[str, list[Any]] = {k: list(v) for k, v in data.items() if v}
    for assigned in at:
        for name, text in assigned.items():
            point.setdefault(name, []).append(text if name in fitted.law.groups else quantity("--at", name, text))
    table, said = heard(lambda: fitted.predict(level=level, kind="mean", **point))
    answer = "\n".join(
        _predicted(row, list(point), fitted.conventions.loss_unit) for _, row in table.head(3).iterrows()
    )
    outside = [
        f"{name} = {human(value)} is outside the runs ({human(low)} … {human(high)})"
        for name, value, low, high in fitted.outside(**point)
    ]
    known = [*said, *([f"{'; '.join(outside)}. {beyond_runs(fitted)}."] if outside else [])]
    out.show(answer, [*known, *known_about(fitted)], table)


def _predicted(row: pd.Series, given: list[str], unit: str) -> str:
    at = ", ".join(f"{k} = {row[k] if isinstance(row[k], str) else human(row[k])}" for k in given)
    interval = ""
    if "loss_lower" in row:
        interval = f" ({100 * row['level']:.3g} %: {row['loss_lower']:.3f} … {row['loss_upper']:.3f})"
    return f"Predicted loss {row['loss']:.3f} {unit}{interval} at {at}"
