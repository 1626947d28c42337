"""Several losses of the same runs: which columns are meant, the rows that have them all, and one fit of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._expressions import nearest
from quokka_laws.exceptions import ArgumentError, FitError, QuokkaError, RunsError
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.loss_fits import LossFits
from quokka_laws.runs.read import check_runs, read_runs
from quokka_laws.runs.rows import subset
from quokka_laws.runs.sources import table_of

FEWEST_ROWS = 3
_ROW = "row that several losses share"  # a column only while losses are read one by one
_PATTERN = re.compile(r"[*?\[]")


def is_pattern(name: str) -> bool:
    """Whether a name stands for several, ``eval/*``."""
    return bool(_PATTERN.search(name))


def one_column(name: str) -> str:
    """The name of one column.

    Raises
    ------
    ArgumentError
        For a pattern, which stands for several.
    """
    if is_pattern(name):
        raise ArgumentError(f"loss = {name!r}: a pattern stands for several losses; give a list, [{name!r}]")
    return name


def loss_columns(asked: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Columns that names and patterns such as ``eval/*`` mean, in the order asked and then of the table.

    Raises
    ------
    ArgumentError
        Listing every name and pattern that matches nothing.
    """
    found: list[str] = []
    faults = []
    for one in asked:
        matches = [one] if one in columns else [c for c in columns if is_pattern(one) and fnmatchcase(c, one)]
        if not matches:
            what = f"no column matches {one!r}" if is_pattern(one) else f"there is no column {one!r}"
            near = nearest(one, columns)
            faults.append(what + (f" (did you mean {near!r}?)" if near else ""))
        found += [c for c in matches if c not in found]
    if faults:
        raise ArgumentError(f"{'; '.join(faults)}. The table has {', '.join(columns)}")
    return found


def runs_by_loss(
    source: Any, asked: Sequence[str], read: Callable[[pd.DataFrame, str], pd.DataFrame]
) -> tuple[dict[str, pd.DataFrame], dict[str, str], dict[str, int]]:
    """Runs of each loss on the rows that have every loss, losses that have none, and how many rows each lacks.

    Parameters
    ----------
    source : DataFrame, path or data
        As for :func:`~quokka_laws.read_runs`.
    asked : sequence of str
        Names and patterns.
    read : callable
        Reads a table whose loss is in that column.
    """
    table = table_of(source)
    names = loss_columns(asked, [str(c) for c in table])
    known = table.rename(columns=str)
    known[_ROW] = np.arange(1, len(known) + 1)  # the reader leaves rows out and renumbers the others
    known.attrs = table.attrs
    runs: dict[str, pd.DataFrame] = {}
    left_out: dict[str, str] = {}
    for name in names:
        try:
            runs[name] = read(known, name)
        except QuokkaError as error:
            left_out[name] = str(error)
    if not runs:
        raise RunsError("no loss can be fitted. " + " ".join(f"{name}: {why}" for name, why in left_out.items()))
    rows = {name: set(found[_ROW]) for name, found in runs.items()}
    while len(runs) > 1 and len(set.intersection(*(rows[name] for name in runs))) < FEWEST_ROWS:
        fewest = min(runs, key=lambda name: len(rows[name]))
        left_out[fewest] = f"it is in {len(rows[fewest])} rows, of which hardly any have the other losses too"
        del runs[fewest]
    every = set.union(*(rows[name] for name in runs))
    shared = set.intersection(*(rows[name] for name in runs))
    lacking = {name: len(every - rows[name]) for name in runs if every - rows[name]}
    return {name: _on(found, shared) for name, found in runs.items()}, left_out, lacking


def read_each(columns: Mapping[str, str] | None) -> Callable[[pd.DataFrame, str], pd.DataFrame]:
    """Reads a table with one loss: as :func:`~quokka_laws.check_runs` does where it has been read before."""

    def read(table: pd.DataFrame, name: str) -> pd.DataFrame:
        if "conventions" in table.attrs and not columns:
            other = table.drop(columns=["loss"] if "loss" in table and name != "loss" else [])
            named = other.rename(columns={name: "loss"})
            named.attrs = {k: v for k, v in table.attrs.items() if k != "remarks"}
            return check_runs(named)
        return read_runs(table, columns={**(columns or {}), "loss": name})

    return read


def fit_each(
    fit: Callable[..., FitResult],
    runs: Mapping[str, pd.DataFrame],
    left_out: Mapping[str, str] | None = None,
    incomplete: Mapping[str, int] | None = None,
) -> LossFits:
    """One fit of each loss; what cannot be fitted is left out, and said.

    Parameters
    ----------
    fit : callable
        ``fit(runs)``, with the same seed for all, so that draw k of each is from the same resample.
    runs : mapping of str to DataFrame
        As from :func:`runs_by_loss`.
    left_out, incomplete
        As from :func:`runs_by_loss`.

    Raises
    ------
    FitError, RunsError
        If none can be fitted: the first loss's error.
    """
    fits: dict[str, FitResult] = {}
    refused = dict(left_out or {})
    first: QuokkaError | None = None
    for name, table in runs.items():
        try:
            fits[name] = replace(fit(table), name=name)
        except (FitError, RunsError) as error:
            first = first or error
            refused[name] = str(error)
    if not fits:
        assert first is not None  # there was a loss, and it was refused
        raise first
    return LossFits(fits, refused, dict(incomplete or {}))


def _on(runs: pd.DataFrame, rows: set[int]) -> pd.DataFrame:
    kept = subset(runs, runs[_ROW].isin(rows).to_numpy())
    attrs = kept.attrs
    kept = kept.drop(columns=[_ROW])
    kept.attrs = attrs
    return kept
