"""Commands that turn a budget into a plan: several laws side by side, one fit, one prediction."""

from __future__ import annotations

from functools import partial
from typing import Any

import click
import numpy as np
import pandas as pd

from quokka_laws.cli.budget import budget_of, budget_options
from quokka_laws.cli.common import INTERVAL, LEVEL, QUANTITY, emit, format_option, level_of, load_fit, say
from quokka_laws.cli.literature import TOKENS_PER_BYTE, Planned, in_bytes, resolve
from quokka_laws.exceptions import FitError
from quokka_laws.literature.registry import published
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.plan.inference import inference_optimal
from quokka_laws.plan.repeated import compute_and_data_optimal
from quokka_laws.plan.side_by_side import align
from quokka_laws.reporting.text import allocation_table
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.format import how_far, human, left_aligned


@click.command("plan")
@budget_options
@click.option("-U", "--unique-tokens", "U_D", type=QUANTITY, help="Tokens there are; more than that are repeated.")
@click.option("--inference-tokens", "D_inf", type=QUANTITY, help="Tokens to be served: minimise training and serving.")
@click.option("--law", "laws", multiple=True, help="A published law or a fit.json. Repeatable.")
@TOKENS_PER_BYTE
@format_option
def plan_command(
    U_D: float | None,
    D_inf: float | None,
    laws: tuple[str, ...],
    tokens_per_byte: dict[str, str],
    form: str | None,
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
    budget = budget_of(**machine)
    names = laws or (*published.defaults(), *(REPEATED if U_D is not None else ()))
    fits, said = align([in_bytes(resolve(name), tokens_per_byte) for name in names])
    rows: list[pd.DataFrame] = []
    refused: list[Exception] = []
    for name, fit in zip(names, fits, strict=True):
        try:
            row = _answer(fit, budget, U_D, D_inf)
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
    emit(table, form, pretty=_pretty)
    for sentence in (*(f"! no row: {error}" for error in refused), *_cautions(table, U_D), *said):
        say(sentence)


REPEATED = ("quokka-2025/repeated", "muennighoff-2023")


def _answer(fit: Planned, budget: float, U_D: float | None, D_inf: float | None) -> pd.DataFrame:
    """One law's row of the plan."""
    interval = level_of(fit)
    if isinstance(fit, FittedLaw) and "epochs" in fit.law.variables:
        if U_D is None:
            raise click.UsageError(
                f"{fit.label} is a law of repeated data: say how many there are with --unique-tokens"
            )
        row = compute_and_data_optimal(fit, budget, U_D, interval=interval)
        row["tokens_per_param"] = row["D"] / row["N"]
        row["extrapolation"] = row[[c for c in row if c.startswith("extrapolation_")]].max(axis=1)
        return row
    if D_inf is not None and isinstance(fit, FittedLaw):
        return inference_optimal(fit, D_inf, C=budget, interval=interval)
    row = compute_optimal(fit, budget, interval=interval)
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
            "laws of N and D count a repeated token as a fresh one: where epochs exceed 4 their loss is too low"
        )
    if "D_inf" in table and table["D_inf"].isna().any():
        said.append("allocations without a law of the loss cannot weigh serving: those rows are compute-optimal")
    if len(table) > 1:
        apart = {"all": table["N"], **{k: rows for k, rows in table.groupby("family")["N"] if len(rows) > 1}}
        spread = {k: N.max() / N.min() for k, N in apart.items()}
        within = ", ".join(f"the {k} ones by {v:.2g}" for k, v in spread.items() if v < spread["all"])
        said.append(
            f"the laws disagree by a factor {spread['all']:.2g} in N{f' ({within})' if within else ''}, "
            "which no interval of one law holds"
        )
    said.append(
        "extrapolation is the factor outside the runs a law was fitted to; unknown where its paper does not say"
    )
    return said


def _pretty(table: pd.DataFrame) -> str:
    shown = pd.DataFrame({"family": table["family"], "N": table["N"].map(human), "D": table["D"].map(human)})
    if "N_lower" in table:
        shown.insert(
            2,
            f"N ({LEVEL:.0%})",
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
        shown[f"loss ({LEVEL:.0%})"] = [
            f"{a:.3f} … {b:.3f}" if a == a else "–"
            for a, b in zip(table["loss_lower"], table["loss_upper"], strict=True)
        ]
    if len(set(table["loss_unit"])) > 1:
        shown["unit"] = table["loss_unit"]
    below = table.get("below_runs", pd.Series(False, index=table.index)) == True  # noqa: E712  (NaN for other plans)
    shown["extrapolation"] = [how_far(f, b) for f, b in zip(table["extrapolation"], below, strict=True)]
    shown["extrapolation"] = shown["extrapolation"].mask(repeats & shown["extrapolation"].eq("inside"), "repeats")
    if "epochs" not in table:
        shown["status"] = table["status"].str.split(",").str[0]
    shown.index = table["law"].rename(None)
    return left_aligned(shown)


@click.command("allocate")
@click.argument("fit_json", metavar="FIT")
@click.option("-C", "--budget", "budgets", type=QUANTITY, multiple=True, required=True, help="FLOPs. Repeatable.")
@INTERVAL
@format_option
def allocate_command(fit_json: str, budgets: tuple[float, ...], interval: float | None, form: str | None) -> None:
    """Compute-optimal N and D at a budget from a FIT (a file, or - for stdin)."""
    fitted = load_fit(fit_json)
    level = level_of(fitted, asked=interval)
    emit(compute_optimal(fitted, budgets, interval=level), form, pretty=partial(allocation_table, level=level))


@click.command("predict")
@click.argument("fit_json", metavar="FIT")
@click.option("-N", "--params", "N", type=QUANTITY, multiple=True, required=True, help="Parameters. Repeatable.")
@click.option("-D", "--tokens", "D", type=QUANTITY, multiple=True, help="Tokens; one, or one for each N.")
@click.option(
    "-U", "--unique-tokens", "U_D", type=QUANTITY, multiple=True, help="Unique tokens, for repeated-data laws."
)
@click.option("--epochs", type=QUANTITY, multiple=True, help="Epochs, for repeated-data laws.")
@INTERVAL
@format_option
def predict_command(fit_json: str, interval: float | None, form: str | None, **data: tuple[float, ...]) -> None:
    """Predict the loss at N and D from a FIT (a file, or - for stdin)."""
    fitted = load_fit(fit_json)
    point = {k: list(v) for k, v in data.items() if v}
    if ignored := {"U_D", "epochs"} & set(point) - set(fitted.law.variables):
        raise click.UsageError(
            f"{fitted.label} knows nothing of {' and '.join(sorted(ignored))}: it is a law of {', '.join(fitted.law.variables)}"
        )
    lengths = {len(v) for v in point.values()} - {1}
    if len(lengths) > 1:
        raise click.UsageError(
            f"{', '.join(f'{len(v)} × {k}' for k, v in point.items())}: give one of each, or as many of each"
        )
    try:
        level = level_of(fitted, asked=interval)
        table = fitted.predict(interval=level, kind="mean", **point)
    except TypeError as error:
        raise click.UsageError(str(error)) from None
    emit(table, form, level=level)
