"""The command `best`: the lowest loss over any variables of a law, at any cost."""

from __future__ import annotations

import click
import pandas as pd

from quokka_laws.cli.common import LEVEL, assignments, quantities
from quokka_laws.cli.heard import heard
from quokka_laws.cli.literature import LAW_ARGUMENT, known_about, resolve_loss
from quokka_laws.cli.options import quantity
from quokka_laws.cli.output import Output, output_options
from quokka_laws.plan.best import best
from quokka_laws.results.format import human, times


@click.command("best")
@LAW_ARGUMENT
@click.option("--over", required=True, help="Variables to choose: N,D.")
@click.option("--cost", help="What is spent, as a formula: '6*N*D', '6*N_active*D + 2*N_active*1T'.")
@quantities("-C", "--budget", "budget", help="What may be spent, in the unit of the cost.")
@assignments("--given", help="Values of the other variables: sparsity=0.9.")
@assignments("--bounds", help="Limits of variables to choose: N=1B:70B.")
@assignments("--choices", help="Values that a variable may take: experts=8:16:64.")
@LEVEL
@output_options
def best_command(
    law: str,
    over: str,
    cost: str | None,
    budget: tuple[float, ...],
    given: dict[str, str],
    bounds: dict[str, str],
    choices: dict[str, str],
    level: float,
    out: Output,
) -> None:
    """The values of some variables that give the lowest loss, the others given, at a cost within a budget.

    Without --cost nothing is spent: the lowest loss there is within the bounds.
    """
    fit = resolve_loss(law)
    wanted = [name.strip() for name in over.split(",") if name.strip()]
    table, said = heard(
        lambda: best(
            fit,
            over=wanted,
            cost=cost,
            budget=list(budget) or None,
            given={k: v if k in fit.law.groups else quantity("--given", k, v) for k, v in given.items()},
            bounds={k: _limits(k, v) for k, v in bounds.items()},
            choices={k: [quantity("--choices", k, part) for part in v.split(":")] for k, v in choices.items()},
            level=level,
        )
    )
    rows = [row for _, row in table.iterrows()]
    said += [
        f"{name} = {human(row[name])} is at the limit of where it was sought." for row in rows for name in _bound(row)
    ]
    said += [
        f"{k} is {times(row[f'extrapolation_{k}'])} outside the runs."
        for row in rows[:1]
        for k in wanted
        if row.get(f"extrapolation_{k}", 1.0) > 1
    ]
    out.show(
        "\n".join(_sentence(row, wanted) for row in rows),
        [*said, *known_about(fit)],
        table,
        pretty=lambda t: _pretty(t, wanted),
    )


def _limits(name: str, text: str) -> tuple[float, float]:
    low, mark, high = text.partition(":")
    if not mark:
        raise click.UsageError(f"--bounds needs two values: {name}=1B:70B; got {name}={text}")
    return quantity("--bounds", name, low), quantity("--bounds", name, high)


def _bound(row: pd.Series) -> list[str]:
    return [name for name in str(row["at_bound"]).split(", ") if name]


def _sentence(row: pd.Series, wanted: list[str]) -> str:
    chosen = ", ".join(f"{name} = {human(row[name])}" for name in wanted)
    spent = f" at a cost of {row['cost']:.3g}" if "cost" in row else ""
    return f"Lowest loss{spent}: {row['loss']:.4g} with {chosen}"


def _pretty(table: pd.DataFrame, wanted: list[str]) -> str:
    """One line a variable and budget: value, interval, flat range, exponent."""
    lines = []
    for _, row in table.iterrows():
        for name in [*wanted, "loss"]:
            show = human if name != "loss" else "{:.4g}".format
            line = f"{name:>12}  {show(row[name])}"
            if f"{name}_lower" in row:
                line += (
                    f"  {100 * row['level']:.3g} % interval {show(row[f'{name}_lower'])} … {show(row[f'{name}_upper'])}"
                )
            if f"{name}_flat_lower" in row:
                line += (
                    f"  within 0.1 % of the loss {show(row[f'{name}_flat_lower'])} … {show(row[f'{name}_flat_upper'])}"
                )
            if f"{name}_exponent" in row:
                line += f"  grows as budget^{row[f'{name}_exponent']:.3f}"
            lines.append(line)
    return "\n".join(lines)
