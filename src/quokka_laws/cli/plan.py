"""Commands for published laws and for plans from a budget."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click
import numpy as np
import pandas as pd

from quokka_laws.cli.common import LEVEL, QUANTITY, emit, format_option, level_of, say
from quokka_laws.cli.literature import TOKENS_PER_BYTE, Planned, in_bytes, resolve
from quokka_laws.exceptions import FitError
from quokka_laws.literature.registry import published
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.plan.hardware import PEAK_FLOPS, flops
from quokka_laws.plan.inference import inference_optimal
from quokka_laws.plan.repeated import compute_and_data_optimal
from quokka_laws.plan.side_by_side import align
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.format import how_far, human, left_aligned

DEFAULT_MFU = 0.4


def budget_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """One budget, in FLOPs, days, GPU-hours or money."""
    options = [
        click.option("-C", "--budget", "C", type=QUANTITY, help="Training FLOPs."),
        click.option("--flops", "old_C", type=QUANTITY, hidden=True, help="Another spelling of --budget."),
        click.option("--gpus", help=f"Instead: 64xH100, with --days. Known: {', '.join(PEAK_FLOPS)}."),
        click.option("--days", type=float, help="With --gpus: how long."),
        click.option("--gpu-hours", type=QUANTITY, help="Instead: with --gpu."),
        click.option("--dollars", type=QUANTITY, help="Instead: with --gpu and --price."),
        click.option("--price", type=float, help="With --dollars: what you pay for a GPU-hour."),
        click.option("--gpu", help="With --gpu-hours or --dollars: its name."),
        click.option("--peak", type=QUANTITY, help="Peak FLOP/s of one GPU whose name is not known."),
        click.option("--mfu", type=float, help=f"Model FLOPs utilisation of the machine.  [default: {DEFAULT_MFU}]"),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def budget_of(
    *,
    C: float | None,
    old_C: float | None,
    gpus: str | None,
    days: float | None,
    gpu_hours: float | None,
    dollars: float | None,
    price: float | None,
    gpu: str | None,
    peak: float | None,
    mfu: float | None,
) -> float:
    """The budget in FLOPs; flags that contradict one another are a usage error. ``old_C`` is another spelling of C."""
    ways = {"--budget": old_C if C is None else C, "--gpus": gpus, "--gpu-hours": gpu_hours, "--dollars": dollars}
    given = [name for name, value in ways.items() if value is not None]
    if len(given) != 1 or None not in (C, old_C):
        raise click.UsageError(f"say the budget once: {', '.join(ways)}; given: {', '.join(given) or 'none'}")
    goes_with = {
        "--days": (days, {"--gpus"}),
        "--price": (price, {"--dollars"}),
        "--gpu": (gpu, {"--gpu-hours", "--dollars"}),
        "--peak": (peak, {"--gpus", "--gpu-hours", "--dollars"}),
        "--mfu": (mfu, {"--gpus", "--gpu-hours", "--dollars"}),
    }
    for flag, (value, partners) in goes_with.items():
        if value is not None and given[0] not in partners:
            raise click.UsageError(f"{flag} goes with {' or '.join(sorted(partners))}, not with {given[0]}")
    if given == ["--budget"]:
        return float(ways["--budget"])  # type: ignore[arg-type]
    share = DEFAULT_MFU if mfu is None else mfu
    if gpus is not None:
        match = re.fullmatch(r"\s*(\d+)\s*[x×]\s*(\w+)\s*", gpus)
        if not match or days is None:
            raise click.UsageError(f"--gpus {gpus}: write it as 64xH100, together with --days")
        name = None if peak is not None else match[2]
        budget = flops(gpu=name, peak=peak, count=int(match[1]), hours=24 * days, mfu=share)
        say(f"{match[1]} {match[2].upper()} for {days:g} days at {share:.0%} MFU: {budget:.3g} FLOPs")
        return budget
    if (gpu is None) == (peak is None):
        raise click.UsageError(f"{given[0]} needs either --gpu, a name, or --peak, FLOP/s")
    if dollars is not None and price is None:
        raise click.UsageError("--dollars needs --price: what you pay for a GPU-hour")
    budget = flops(gpu=gpu, peak=peak, gpu_hours=gpu_hours, dollars=dollars, price=price, mfu=share)
    hours = gpu_hours if gpu_hours is not None else dollars / price  # type: ignore[operator]
    say(f"{hours:,.0f} GPU-hours{f' of {gpu.upper()}' if gpu else ''} at {share:.0%} MFU: {budget:.3g} FLOPs")
    return budget


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
    if isinstance(fit, FittedLaw) and fit.law.of_repetition:
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
