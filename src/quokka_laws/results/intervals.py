"""Intervals from draws, and the level they are asked at.

Every function that answers with intervals has ``level=0.95``: it gives them wherever the law has draws whose spread means
something (a fit with ``bootstrap=1000``), none where it has not (a published law), and none with ``level=None``. A column
``level`` says at which level the bounds of a table are.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError

LEVEL = 0.95
"""Confidence level of intervals, unless another is asked for."""


def usable_level(law: Any, level: float | None) -> float | None:
    """The level asked for, or None where the law has no draws whose spread means something."""
    if level is None:
        return None
    check_level(level)
    return level if getattr(law, "has_intervals", False) else None


def bounds(table: pd.DataFrame) -> list[str]:
    """Names of the columns that are ends of confidence intervals (``N_flat_lower`` is none: it is a range of equal loss)."""
    return [str(c) for c in table if str(c).endswith(("_lower", "_upper")) and "_flat_" not in str(c)]


def with_level(table: pd.DataFrame, level: float | None) -> pd.DataFrame:
    """The table with a column ``level`` after its last bound; as it is where it has no bounds."""
    if level is not None and "level" not in table and (ends := bounds(table)):
        table.insert(int(max(table.columns.get_loc(end) for end in ends)) + 1, "level", level)
    return table


def percentile_interval(draws: Array, level: float) -> tuple[Array, Array]:
    """Equal-tailed interval over the first axis, ignoring refits that failed (NaN)."""
    tail = 50.0 * (1.0 - level)
    # Without failures the same numbers at a tenth of the price: numpy looks for NaN column by column.
    percentile = np.nanpercentile if np.isnan(draws).any() else np.percentile
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)  # no refit is left: the interval is NaN
        lower, upper = percentile(draws, [tail, 100.0 - tail], axis=0)
    return lower, upper


ONE_SIGMA = 0.6827


def standard_error(draws: Array) -> Array:
    """Half the central 68 % over the first axis: the standard deviation of normal draws, which a few wild refits cannot inflate."""
    lower, upper = percentile_interval(draws, ONE_SIGMA)
    return np.asarray(0.5 * (upper - lower))


def check_level(level: float) -> None:
    """Raise unless ``level`` is a probability such as 0.9."""
    if not 0.0 < level < 1.0:
        raise ArgumentError(f"level = {level!r} is not between 0 and 1; 0.95 means a 95 % interval")


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
