"""Commands for single questions: what a loss costs, over-training, waste, crossover, epochs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click
import numpy as np
import pandas as pd

from quokka_laws.cli.common import BUDGETS, LEVEL, SIZES, TOKENS, Real, quantities
from quokka_laws.cli.heard import heard
from quokka_laws.cli.literature import (
    LAW_ARGUMENT,
    TOKENS_PER_BYTE,
    in_bytes,
    known_about,
    one_at_least,
    resolve,
    resolve_loss,
    several_laws,
    told_apart,
)
from quokka_laws.cli.output import Output, columns, output_options
from quokka_laws.literature.registry import published
from quokka_laws.plan.crossover import critical_compute, crossover, iso_loss, loss_gap
from quokka_laws.plan.repeated import compute_and_data_optimal, data_optimal, max_epochs
from quokka_laws.plan.targets import compute_to_loss, deadweight, overtraining, tokens_to_loss
from quokka_laws.reporting.text import beyond_runs, length_of_epochs, plan_answer
from quokka_laws.results.format import human, times

NEED_UNIQUE = quantities("-U", "--unique-tokens", "U_D", required=True, help="Unique tokens.")
LINES = 4  # of an answer; the table has the rest


def _ask(
    out: Output,
    laws: Sequence[str],
    question: Callable[[Any], pd.DataFrame],
    sentence: Callable[[pd.Series], str],
    tokens_per_byte: dict[str, str] | None = None,
) -> None:
    """One question to several laws: a sentence a row, what to know before relying on it, the table."""
    fits = [in_bytes(resolve(name, announce=name not in published), tokens_per_byte or {}) for name in laws]
    fits = told_apart(fits, laws)
    table, said = heard(lambda: question(fits))
    several = len(fits) > 1
    lines = [(f"{row['law']}: " if several else "") + sentence(row) for _, row in table.head(LINES).iterrows()]
    out.show("\n".join(lines), [*said, *known_about(*fits)], table if several else table.drop(columns="law"))


class LossOrLaw(Real):
    """A loss where it is a number, else the name of a law or the file of a fit."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Text → float, or the text."""
        try:
            float(value)
        except ValueError:
            return value
        return super().convert(value, param, ctx)


@click.command("reach")
@click.argument("asked", type=LossOrLaw(1e-6, 1e3), nargs=-1, required=True, metavar="LOSS... [FIT|LAW]...")
@click.option("--law", "laws", multiple=True, help="The same: a published law or a fit.json (- for stdin). Repeatable.")
@SIZES
@TOKENS_PER_BYTE
@LEVEL
@output_options
def reach_command(
    asked: tuple[float | str, ...],
    laws: tuple[str, ...],
    N: tuple[float, ...],
    tokens_per_byte: dict[str, str],
    level: float,
    out: Output,
) -> None:
    """What it costs to reach a LOSS: the cheapest run, or the tokens that a model of N parameters needs."""
    loss = [one for one in asked if isinstance(one, float)]
    laws = (*(one for one in asked if isinstance(one, str)), *laws)
    if not loss:
        raise click.UsageError("give a LOSS, such as 2.1")
    one_at_least(laws)

    def said(row: pd.Series) -> str:
        what = (
            f"Loss {row['loss']:g} takes {row['C']:.3g} FLOPs: {human(row['N'])} parameters on {human(row['D'])} tokens"
        )
        return what + _outside(row)

    if N:
        targets, sizes = (v.ravel() for v in np.meshgrid(loss, N, indexing="ij"))
        _ask(out, laws, lambda f: tokens_to_loss(f, targets, sizes, level=level), said, tokens_per_byte)
    else:
        _ask(out, laws, lambda f: compute_to_loss(f, loss, level=level), said, tokens_per_byte)


def _outside(row: pd.Series) -> str:
    return f"; {times(row['extrapolation'])} outside the runs" if row.get("extrapolation", 1.0) > 1 else ""


@click.command("overtrain")
@quantities("-C", "--budget", "C", required=True, help="Training FLOPs of one run.")
@quantities("--factor", "factor", required=True, help="Times the optimal tokens per parameter.")
@several_laws
@LEVEL
@output_options
def overtrain_command(
    C: tuple[float, ...], factor: tuple[float, ...], laws: tuple[str, ...], level: float, out: Output
) -> None:
    """What a smaller model trained for longer costs at the same compute."""
    one_at_least(laws)
    budgets, factors = (v.ravel() for v in np.meshgrid(C, factor, indexing="ij"))

    def said(row: pd.Series) -> str:
        return (
            f"At C = {row['C']:.3g}, ×{row['factor']:g} the optimal tokens per parameter ({human(row['N'])} on "
            f"{human(row['D'])} tokens) costs {row['penalty']:.3f} of loss: {row['wasted']:.1%} of the compute{_outside(row)}"
        )

    _ask(out, laws, lambda f: overtraining(f, budgets, factors, level=level), said)


@click.command("deadweight")
@SIZES
@TOKENS
@BUDGETS
@click.option("--allocated-by", help="The law that chose N and D for the budgets -C, instead of -N and -D.")
@several_laws
@output_options
def deadweight_command(
    N: tuple[float, ...],
    D: tuple[float, ...],
    C: tuple[float, ...],
    allocated_by: str | None,
    laws: tuple[str, ...],
    out: Output,
) -> None:
    """The share of compute that an allocation wastes if a law is true."""
    one_at_least(laws)
    by_law, by_hand = bool(C and allocated_by), bool(N and D)
    if by_law == by_hand or bool(C) != bool(allocated_by) or bool(N) != bool(D) or len(N) != len(D):
        raise click.UsageError("give either -N and -D, as many of each, or -C and --allocated-by")
    given: dict[str, Any] = (
        {"C": C, "allocated_by": resolve(str(allocated_by))} if by_law else {"N": np.array(N), "D": np.array(D)}
    )

    def said(row: pd.Series) -> str:
        return (
            f"{human(row['N'])} parameters on {human(row['D'])} tokens waste {row['wasted']:.1%} of {row['C']:.3g} FLOPs: "
            f"{row['C_optimal']:.3g} reach the same loss{_outside(row)}"
        )

    _ask(out, laws, lambda f: deadweight(f, **given), said)


@click.command("crossover")
@click.argument("laws", nargs=-1)
@NEED_UNIQUE
@BUDGETS
@click.option("--loss", type=Real(1e-6, 1e3), help="With one law: the compute that reaches it on each amount of data.")
@TOKENS_PER_BYTE
@output_options
def crossover_command(
    laws: tuple[str, ...],
    U_D: tuple[float, ...],
    C: tuple[float, ...],
    loss: float | None,
    tokens_per_byte: dict[str, str],
    out: Output,
) -> None:
    """Autoregressive or diffusion, one recipe or another: where two LAWS meet on limited data.

    Two laws: the compute at which they have the same loss, or with -C the gap between them. One law and --loss: the frontier
    of compute against data. No law: the published critical compute of masked diffusion.
    """
    if len(laws) > 2 or (len(laws) == 1) != (loss is not None) or (C and len(laws) != 2):
        raise click.UsageError("give two laws (and -C for the gap), or one law with --loss, or none")
    fits: list[Any] = [
        in_bytes(resolve_loss(name, repeated=True, announce=name not in published), tokens_per_byte) for name in laws
    ]
    fits = told_apart(fits, laws)
    if not fits:
        table, said = heard(lambda: critical_compute(U_D))
    elif loss is not None:
        table, said = heard(lambda: iso_loss(fits[0], loss, U_D))
    elif C:
        table, said = heard(lambda: loss_gap(fits[0], fits[1], C, U_D))
    else:
        table, said = heard(lambda: crossover(fits[0], fits[1], U_D))
    lines = [_met(row, loss) for _, row in table.head(LINES).iterrows()]
    # Losses that do not compare are warned of, with the reason.
    told = ("status", "note") if table.attrs.get("comparable") == "no" else ("status", "comparable", "note")
    words = [f"{c.capitalize()}: {text}." for c in told if c in table for text in _each(table[c])]
    plain = table.drop(columns=[c for c in ("status", "comparable", "note") if c in table])
    out.show("\n".join(lines), [*said, *words, *known_about(*fits)], table, pretty=lambda _: columns(plain))


def _met(row: pd.Series, loss: float | None) -> str:
    data = f"On {human(row['U_D'])} unique tokens"
    if "gap" in row:
        names = [c.removeprefix("loss_") for c in row.index if c.startswith("loss_")]
        low, high = names if row["gap"] < 0 else names[::-1]
        gap = f"{low} lies {abs(row['gap']):.3f} below {high}"
        return f"{data} and C = {row['C']:.3g}: {gap}" + (
            "" if row["winner"] else f", but there is no winner: {row['note']}"
        )
    if loss is not None:
        return (
            f"{data}, loss {loss:g} takes {row['C']:.3g} FLOPs"
            if np.isfinite(row["C"])
            else f"{data}, loss {loss:g} is out of reach"
        )
    if "below" not in row:
        return f"{data}, masked diffusion has the lower loss from C = {row['C']:.3g} on{_outside(row)}"
    if not np.isfinite(row["C"]):
        return f"{data}, {row['below']} has the lower loss at any compute up to {row['searched_to']:.3g} FLOPs"
    return f"{data}, {row['below']} has the lower loss below C = {row['C']:.3g}, {row['above']} above{_outside(row)}"


def _each(column: pd.Series) -> list[str]:
    return [str(said) for said in dict.fromkeys(column) if said]


@click.command("epochs")
@LAW_ARGUMENT
@quantities("-N", "--params", "N", required=True, help="Parameters.")
@NEED_UNIQUE
@LEVEL
@output_options
def epochs_command(law: str, N: tuple[float, ...], U_D: tuple[float, ...], level: float, out: Output) -> None:
    """After how many epochs training stops helping, from a FIT of a repeated-data law or a published LAW."""
    fit = resolve_loss(law, repeated=True)
    sizes, data = (v.ravel() for v in np.meshgrid(N, U_D, indexing="ij"))
    plan = max_epochs(fit, sizes, data, level=level)
    known = [
        f"{count} of {len(plan)} minima {'is' if count == 1 else 'are'} local: {sentence}."
        for better, sentence in (
            (1.0, "one epoch is predicted to be better (global_epochs = 1), so the model is large for its data"),
            (np.inf, "far beyond, the law falls below them again (global_epochs = inf), which no run need confirm"),
        )
        if (count := int((plan["local"] & (plan["global_epochs"] == better)).sum()))
    ]
    answer = "\n".join(_stop(row) for _, row in plan.head(LINES).iterrows())
    out.show(answer, [*known, *_beyond(fit, plan), *known_about(fit)], plan)


def _stop(row: pd.Series) -> str:
    what = f"{human(row['N'])} parameters on {human(row['U_D'])} unique tokens"
    if not np.isfinite(row["epochs"]):
        return f"{what}: no number of epochs is too many under this law"
    interval = ""
    if "epochs_lower" in row:
        interval = f" ({100 * row['level']:.3g} %: {row['epochs_lower']:.3g} … {row['epochs_upper']:.3g})"
    return f"{what}: stop after {length_of_epochs(row['epochs'])}{interval}, predicted loss {row['loss']:.3f}"


@click.command("data-optimal")
@LAW_ARGUMENT
@NEED_UNIQUE
@BUDGETS
@LEVEL
@output_options
def data_optimal_command(law: str, U_D: tuple[float, ...], C: tuple[float, ...], level: float, out: Output) -> None:
    """The model and epochs that make the most of unique tokens, within a budget -C where one is given."""
    fit = resolve_loss(law, repeated=True)
    known = []
    if C:
        budgets, data = (v.ravel() for v in np.meshgrid(C, U_D, indexing="ij"))
        plan = compute_and_data_optimal(fit, budgets, data, level=level)
        for _, row in plan[plan["unused"] > 0].iterrows():
            known.append(f"U_D = {human(row['U_D'])}: {row['unused']:.3g} of C = {row['C']:.3g} FLOPs would not help.")
        for _, row in plan[plan["C_flat"] < plan["C"] / 2].iterrows():
            known.append(
                f"U_D = {human(row['U_D'])}: {row['C_flat']:.3g} FLOPs ({human(row['N_flat'])} parameters, "
                f"{length_of_epochs(row['epochs_flat'])}) come within 0.1 % of the loss of C = {row['C']:.3g}."
            )
    else:
        plan = data_optimal(fit, U_D, level=level)
    if plan["N"].isna().any():
        known.append(
            "There is no best model where N is empty: a term of the law is missing, so larger or longer is always better."
        )
    lines = [
        plan_answer(row, (f"C = {row['C']:.3g} and " if C else "") + f"U_D = {human(row['U_D'])}", "epochs")
        for _, row in plan.head(LINES).iterrows()
    ]
    out.show("\n".join(lines), [*known, *_beyond(fit, plan), *known_about(fit)], plan)


def _beyond(law: Any, plan: pd.DataFrame) -> list[str]:
    return [
        f"{name} is up to {times(factor)} outside the runs. {beyond_runs(law)}."
        for name in ("N", "U_D", "epochs")
        if (factor := plan[f"extrapolation_{name}"].max()) > 1.0
    ]
