"""Commands for single planning questions: what a loss costs, over-training, waste, crossover, learning rate and batch, epochs."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import click
import numpy as np
import pandas as pd

from quokka_laws.cli.common import INTERVAL, LEVEL, QUANTITY, emit, format_option, level_of, load_fit, say
from quokka_laws.cli.literature import TOKENS_PER_BYTE, in_bytes, resolve
from quokka_laws.plan.crossover import critical_compute, crossover, iso_loss, loss_gap
from quokka_laws.plan.hyperparameters import hyperparameters
from quokka_laws.plan.repeated import compute_and_data_optimal, data_optimal, max_epochs
from quokka_laws.plan.targets import compute_to_loss, deadweight, overtraining, tokens_to_loss
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.format import right_aligned

LAWS = click.option(
    "--law", "laws", multiple=True, required=True, help="A published law or a fit.json (- for stdin). Repeatable."
)
BUDGETS = click.option("-C", "--budget", "C", type=QUANTITY, multiple=True, help="FLOPs. Repeatable.")
SIZES = click.option("-N", "--params", "N", type=QUANTITY, multiple=True, help="Parameters. Repeatable.")
TOKENS = click.option("-D", "--tokens", "D", type=QUANTITY, multiple=True, help="Tokens, one for each N.")
UNIQUE = click.option("-U", "--unique-tokens", "U_D", type=QUANTITY, multiple=True, required=True, help="Repeatable.")


def _asked(laws: tuple[str, ...], ask: Callable[..., pd.DataFrame], tokens_per_byte: dict[str, str]) -> pd.DataFrame:
    """One question to several laws; what their conventions do to the answer goes to stderr."""
    fits = [in_bytes(resolve(name), tokens_per_byte) for name in laws]
    return heard(lambda: ask(fits))


def heard(ask: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """A table, with the warnings about it as prose on stderr."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = ask()
    for warning in caught:
        say(f"! {warning.message}")
    return table


@click.command("reach")
@click.argument("loss", type=float, nargs=-1, required=True)
@LAWS
@SIZES
@TOKENS_PER_BYTE
@format_option
def reach_command(
    loss: tuple[float, ...],
    laws: tuple[str, ...],
    N: tuple[float, ...],
    tokens_per_byte: dict[str, str],
    form: str | None,
) -> None:
    """What it costs to reach a LOSS: the cheapest run, or the tokens a model of N parameters needs."""
    if N:
        targets, sizes = (v.ravel() for v in np.meshgrid(loss, N, indexing="ij"))
        table = _asked(laws, lambda f: tokens_to_loss(f, targets, sizes, interval=level_of(*f)), tokens_per_byte)
    else:
        table = _asked(laws, lambda f: compute_to_loss(f, loss, interval=level_of(*f)), tokens_per_byte)
    emit(table, form, level=LEVEL)


@click.command("overtrain")
@BUDGETS
@click.option(
    "--factor", type=QUANTITY, multiple=True, required=True, help="Times the optimal tokens per parameter. Repeatable."
)
@LAWS
@format_option
def overtrain_command(C: tuple[float, ...], factor: tuple[float, ...], laws: tuple[str, ...], form: str | None) -> None:
    """What a smaller model trained for longer costs at the same compute."""
    if not C:
        raise click.UsageError("give a budget: -C 1e22")
    budgets, factors = (v.ravel() for v in np.meshgrid(C, factor, indexing="ij"))
    emit(_asked(laws, lambda f: overtraining(f, budgets, factors, interval=level_of(*f)), {}), form, level=LEVEL)


@click.command("deadweight")
@SIZES
@TOKENS
@BUDGETS
@click.option("--allocated-by", help="The law that chose N and D for the budgets -C, instead of -N and -D.")
@LAWS
@format_option
def deadweight_command(
    N: tuple[float, ...],
    D: tuple[float, ...],
    C: tuple[float, ...],
    allocated_by: str | None,
    laws: tuple[str, ...],
    form: str | None,
) -> None:
    """The share of compute that an allocation wastes if --law is true."""
    by_law, by_hand = bool(C and allocated_by), bool(N and D)
    if by_law == by_hand or bool(C) != bool(allocated_by) or bool(N) != bool(D) or len(N) != len(D):
        raise click.UsageError("give either -N and -D, as many of each, or -C and --allocated-by")
    given: dict[str, Any] = (
        {"C": C, "allocated_by": resolve(str(allocated_by))} if by_law else {"N": np.array(N), "D": np.array(D)}
    )
    emit(_asked(laws, lambda f: deadweight(f, **given), {}), form)


@click.command("crossover")
@click.argument("laws", nargs=-1)
@UNIQUE
@BUDGETS
@click.option("--loss", type=float, help="With one law: the compute that reaches it on each amount of data.")
@TOKENS_PER_BYTE
@format_option
def crossover_command(
    laws: tuple[str, ...],
    U_D: tuple[float, ...],
    C: tuple[float, ...],
    loss: float | None,
    tokens_per_byte: dict[str, str],
    form: str | None,
) -> None:
    """Autoregressive or diffusion, one recipe or another: where two LAWS meet on limited data.

    Two laws: the compute at which they have the same loss, or with -C the gap between them. One law and --loss: the frontier
    of compute against data. No law: the published critical compute of masked diffusion.
    """
    found = [in_bytes(resolve(name), tokens_per_byte) for name in laws]
    fits = [f for f in found if isinstance(f, FittedLaw)]
    if len(fits) < len(found):
        raise click.UsageError("an allocation has no loss to compare: name laws of the loss")
    if len(fits) > 2 or (len(fits) == 1) != (loss is not None) or (C and len(fits) != 2):
        raise click.UsageError("give two laws (and -C for the gap), or one law with --loss, or none")
    if not fits:
        table = heard(lambda: critical_compute(U_D))
    elif loss is not None:
        table = iso_loss(fits[0], loss, U_D)
    else:
        first, second = fits
        table = heard(lambda: loss_gap(first, second, C, U_D) if C else crossover(first, second, U_D))
    emit(table, form, pretty=_with_words_below)


def _with_words_below(table: pd.DataFrame) -> str:
    """A table of numbers, with the sentences of its columns once each below it."""
    words = [c for c in ("status", "comparable", "note") if c in table]
    below = [f"  {c}: {said}" for c in words for said in dict.fromkeys(table[c]) if said]
    return "\n".join([right_aligned(table.drop(columns=words)), *below])


@click.command("hyperparameters")
@click.option("-N", "--params", "N", type=QUANTITY, required=True, help="Parameters.")
@click.option("-D", "--tokens", "D", type=QUANTITY, required=True, help="Tokens.")
@click.option("--loss", type=float, help="Final loss expected, for rules that need it.")
@click.option("--unchecked", is_flag=True, help="Include rules that could not be checked against their paper.")
@format_option
def hyperparameters_command(N: float, D: float, loss: float | None, unchecked: bool, form: str | None) -> None:
    """Learning rate and batch size as several papers advise them. Advice: take both from one rule."""
    emit(hyperparameters(N, D, loss=loss, unchecked=unchecked), form)


@click.command("epochs")
@click.argument("fit_json", metavar="FIT")
@click.option("-N", "--params", "N", type=QUANTITY, multiple=True, required=True, help="Parameters. Repeatable.")
@UNIQUE
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
@UNIQUE
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
