"""Intervals from draws, and the level they are asked at."""

from __future__ import annotations

import numpy as np

from quokka_laws._typing import Array


def percentile_interval(draws: Array, level: float) -> tuple[Array, Array]:
    """Equal-tailed interval over the first axis, ignoring refits that failed (NaN)."""
    tail = 50.0 * (1.0 - level)
    lower, upper = np.nanpercentile(draws, [tail, 100.0 - tail], axis=0)
    return lower, upper


def check_level(level: float) -> None:
    """Raise unless ``level`` is a probability such as 0.9."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"interval = {level!r} is not between 0 and 1; 0.9 means a 90 % interval")


def interval_with_never(values: Array, level: float) -> tuple[Array, Array]:
    """Equal-tailed interval over the first axis where inf means "never": order statistics, never averaged with inf."""
    count = np.maximum((~np.isnan(values)).sum(axis=0), 1)
    tail = 0.5 * (1.0 - level)
    ends = (
        np.floor(tail * (count - 1) + 1e-9).astype(int),
        np.ceil((1.0 - tail) * (count - 1) - 1e-9).astype(int),
    )
    ordered = np.partition(values, np.unique(ends), axis=0)  # NaN last
    lower, upper = (np.take_along_axis(ordered, end[None], axis=0)[0] for end in ends)
    return lower, upper
