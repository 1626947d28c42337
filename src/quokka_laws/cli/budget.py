"""A budget as it is thought of: FLOPs, GPUs for days, GPU-hours or money."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

from quokka_laws.cli.common import QUANTITY, Real, say
from quokka_laws.plan.hardware import PEAK_FLOPS, flops

DEFAULT_MFU = 0.4


def budget_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """One budget, in FLOPs, days, GPU-hours or money."""
    options = [
        click.option("-C", "--budget", "C", type=QUANTITY, help="Training FLOPs of one run."),
        click.option("--gpus", help=f"Instead of -C: 64xH100, with --days. Known: {', '.join(PEAK_FLOPS)}."),
        click.option("--days", type=Real(0, 1e5), help="With --gpus: how long."),
        click.option("--gpu-hours", type=QUANTITY, help="Instead of -C, with --gpu."),
        click.option("--dollars", type=QUANTITY, help="Instead of -C, with --gpu and --price."),
        click.option("--price", type=Real(0, 1e6), help="With --dollars: what you pay for a GPU-hour."),
        click.option("--gpu", help="With --gpu-hours or --dollars: its name."),
        click.option("--peak", type=QUANTITY, help="Peak FLOP/s of one GPU whose name is not known."),
        click.option(
            "--mfu", type=Real(0, 1.000001), help=f"Model FLOPs utilisation of the machine.  [default: {DEFAULT_MFU}]"
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def budget_of(
    *,
    C: float | None,
    gpus: str | None,
    days: float | None,
    gpu_hours: float | None,
    dollars: float | None,
    price: float | None,
    gpu: str | None,
    peak: float | None,
    mfu: float | None,
) -> float:
    """The budget in FLOPs; options that contradict one another are a usage error."""
    ways = {"--budget": C, "--gpus": gpus, "--gpu-hours": gpu_hours, "--dollars": dollars}
    given = [name for name, value in ways.items() if value is not None]
    if len(given) != 1:
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
        assert C is not None
        return C
    share = DEFAULT_MFU if mfu is None else mfu
    if gpus is not None:
        match = re.fullmatch(r"\s*(\d+)\s*[x×]?\s*([\w -]*?)\s*", gpus)
        if not match or days is None:
            raise click.UsageError(f"--gpus {gpus}: write it as 64xH100, together with --days")
        name = None if peak is not None else match[2]
        if not match[2] and peak is None:
            raise click.UsageError(f"--gpus {gpus}: which? write 64xH100, or give the peak of one, --peak 989e12")
        budget = flops(gpu=name, peak=peak, count=int(match[1]), hours=24 * days, mfu=share)
        say(f"{match[1]} {match[2] or 'GPUs'} for {days:g} days at {share:.0%} MFU: {budget:.3g} FLOPs")
        return budget
    if (gpu is None) == (peak is None):
        raise click.UsageError(f"{given[0]} needs either --gpu, a name, or --peak, FLOP/s")
    if dollars is not None and price is None:
        raise click.UsageError("--dollars needs --price: what you pay for a GPU-hour")
    budget = flops(gpu=gpu, peak=peak, gpu_hours=gpu_hours, dollars=dollars, price=price, mfu=share)
    hours = gpu_hours if gpu_hours is not None else dollars / price  # type: ignore[operator]
    say(f"{hours:,.0f} GPU-hours{f' of {gpu}' if gpu else ''} at {share:.0%} MFU: {budget:.3g} FLOPs")
    return budget
