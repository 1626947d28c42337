"""Commands for repeated data: how many epochs, and what model for the data at hand."""

from __future__ import annotations

import click
import numpy as np
import pandas as pd

from quokka_laws.cli.common import INTERVAL, QUANTITY, emit, format_option, level_of, load_fit, say
from quokka_laws.plan.repeated import compute_and_data_optimal, data_optimal, max_epochs

_UNIQUE = click.option(
    "-U", "--unique-tokens", "U_D", type=QUANTITY, multiple=True, required=True, help="Unique tokens. Repeatable."
)


@click.command("epochs")
@click.argument("fit_json", metavar="FIT")
@click.option("-N", "--params", "N", type=QUANTITY, multiple=True, required=True, help="Parameters. Repeatable.")
@_UNIQUE
@INTERVAL
@format_option
def epochs_command(
    fit_json: str, N: tuple[float, ...], U_D: tuple[float, ...], interval: float | None, form: str | None
) -> None:
    """After how many epochs training stops helping, from a FIT of a repeated-data law (a file, or - for stdin)."""
    fit = load_fit(fit_json)
    sizes, data = (v.ravel() for v in np.meshgrid(N, U_D, indexing="ij"))
    level = level_of(fit, asked=interval)
    plan = max_epochs(fit, sizes, data, interval=level)
    emit(plan, form, level=level)
    for better, sentence in (
        (1.0, "one epoch is predicted to be better (global_epochs = 1); the model is large for its data"),
        (np.inf, "the law falls again below them far beyond (global_epochs = inf), which no run need bear out"),
    ):
        if count := int((plan["local"] & (plan["global_epochs"] == better)).sum()):
            say(f"! {count} of {len(plan)} minima are local: {sentence}")
    _say_extrapolation(plan)


@click.command("data-optimal")
@click.argument("fit_json", metavar="FIT")
@_UNIQUE
@click.option("-C", "--budget", "budgets", type=QUANTITY, multiple=True, help="Limit the FLOPs too. Repeatable.")
@INTERVAL
@format_option
def data_optimal_command(
    fit_json: str, U_D: tuple[float, ...], budgets: tuple[float, ...], interval: float | None, form: str | None
) -> None:
    """The model and epochs that make the most of unique tokens (within a budget), from a FIT (a file, or -)."""
    fit = load_fit(fit_json)
    level = level_of(fit, asked=interval)
    if budgets:
        C, data = (v.ravel() for v in np.meshgrid(budgets, U_D, indexing="ij"))
        plan = compute_and_data_optimal(fit, C, data, interval=level)
        for _, row in plan[plan["unused"] > 0].iterrows():
            say(f"U_D = {row['U_D']:.3g}: {row['unused']:.3g} of C = {row['C']:.3g} FLOPs would not help")
        for _, row in plan[plan["C_flat"] < plan["C"] / 2].iterrows():
            say(
                f"U_D = {row['U_D']:.3g}: {row['C_flat']:.3g} FLOPs (N = {row['N_flat']:.3g}, {row['epochs_flat']:.3g} epochs) "
                f"come within 0.1 % of the loss of C = {row['C']:.3g}"
            )
    else:
        plan = data_optimal(fit, U_D, interval=level)
    emit(plan, form, level=level)
    if plan["N"].isna().any():
        say(
            "! no best model and epochs where N is empty: a term of the law is missing, so larger or longer is always better"
        )
    _say_extrapolation(plan)


def _say_extrapolation(plan: pd.DataFrame) -> None:
    for name in ("N", "U_D", "epochs"):
        factor = plan[f"extrapolation_{name}"].max()
        if factor > 1.0:
            say(
                f"! {name} IS UP TO ×{factor:.3g} BEYOND THE FITTED RUNS; intervals do not hold the law being wrong there"
            )
