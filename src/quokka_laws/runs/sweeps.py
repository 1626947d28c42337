"""Tables with a sweep at each N and D, of learning rates or batches: seen, said, and reduced to the best of each.

A law of N and D describes runs that are tuned. Where each pair of N and D holds many runs whose losses spread far over
their noise, :func:`best` keeps the lowest of each and says where it lies at the edge of its sweep. The lowest of k noisy
runs is too low on average; by how much is simulated from the noise that repeated runs, or the scatter about a parabola
through each sweep, show.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from quokka_laws._numeric.levels import levels
from quokka_laws._typing import Array
from quokka_laws.exceptions import RunsError
from quokka_laws.runs.checks import OWN
from quokka_laws.runs.identity import settings
from quokka_laws.runs.remarks import Remark
from quokka_laws.runs.rows import default_index, plain_label
from quokka_laws.runs.words import of_seed, was_swept, words

SAME_LEVEL = 0.01  # relative distance up to which N, or D, of two rows are meant to be one
SPREAD = 0.01  # relative, within a pair of N and D: far over the noise of a run
FEWEST = 3  # runs of a pair that make a sweep
SHARE = 0.3  # of all rows in pairs that are sweeps
POINTS = 5  # of a sweep, for a parabola and its scatter
DRAWS = 2000
LONG = {
    "lr": ("learning", "rate"),
    "bs": ("batch", "size"),
    "gbs": ("global", "batch", "size"),
    "wd": ("weight", "decay"),
}


def cells(runs: pd.DataFrame) -> list[str]:
    """What a law can take and a sweep does not vary: rows that agree in these are one cell."""
    return [k for k in ("N", "D", "U_D") if k in runs]


def cell_numbers(runs: pd.DataFrame) -> pd.Series:
    """The cell of each row, from 0, in the order of the table.

    Tokens rounded to whole batches differ a little from batch to batch and are one level, up to ``SAME_LEVEL``; but not
    where rows are checkpoints, whose tokens lie as close and are not alike.
    """
    checkpoints = "run_id" in runs and runs["run_id"].duplicated().any()
    keys = [levels(runs[k].to_numpy(), 0.0 if checkpoints else SAME_LEVEL) for k in cells(runs)]
    one = np.ravel_multi_index(keys, [int(k.max()) + 1 for k in keys]) if keys else np.zeros(len(runs), dtype=int)
    return pd.Series(pd.factorize(one)[0], index=runs.index, name="cell")


def seen(runs: pd.DataFrame) -> Remark | None:
    """A remark where many rows share N and D, differ in settings, and spread far over the noise of a run."""
    if not {"N", "D", "loss"} <= set(runs) or len(runs) < 2 * FEWEST:
        return None
    cell = cell_numbers(runs)
    groups = runs.groupby(cell, sort=False)["loss"]
    size, spread = groups.transform("size"), groups.transform("max") / groups.transform("min") - 1
    wide = (size >= FEWEST) & (spread > SPREAD)
    if wide.mean() < SHARE:
        return None
    varied = [c for c in settings(runs) if not of_seed(c) and varies_inside(runs[wide], c, cell[wide])]
    if not varied:
        return None
    kinds = {c: sorted(set(runs[c].dropna().astype(str))) for c in varied if not pd.api.types.is_numeric_dtype(runs[c])}
    facts = {"columns": varied, "cells": int(cell[wide].nunique()), "of": int(groups.ngroups)}
    numbers = tuple(c for c in varied if c not in kinds)
    advice = ({"best_of": numbers},) if numbers else ()
    return Remark("sweep", facts | {"spread": float(spread.max()), "kinds": kinds}, advice=advice)


def varies_inside(runs: pd.DataFrame, column: str, cell: pd.Series) -> bool:
    """Whether a column has several values in most cells."""
    return bool((runs.groupby(cell)[column].nunique() > 1).mean() > 0.5)


def best(runs: pd.DataFrame, by: str | Sequence[str]) -> pd.DataFrame:
    """The lowest loss of each N and D over what was swept.

    Parameters
    ----------
    runs : DataFrame
        A checked table of runs.
    by : str or sequence of str
        The swept columns, ``"lr"`` or ``("lr", "batch")``. Seeds are no sweep: runs that differ by their seed alone are
        averaged before the lowest is taken, and the average is kept.

    Returns
    -------
    DataFrame
        One row for each cell. ``attrs["notes"]`` gains where the lowest lies at the edge of its sweep and how much too low
        the lowest of k noisy runs is; ``attrs["excluded"]`` the rows that were not the lowest.

    Raises
    ------
    RunsError
        If a column is missing or does not vary.

    Examples
    --------
    >>> import pandas as pd, quokka_laws as ql
    >>> table = pd.DataFrame({"N": 1e8, "D": 2e9, "lr": [1e-4, 3e-4, 1e-3], "loss": [3.5, 3.4, 3.6]})
    >>> ql.runs.best(ql.read_runs(table), by="lr")["lr"].tolist()
    [0.0003]
    """
    wanted = [_called(c, runs) for c in ([by] if isinstance(by, str) else by)]
    if missing := [c for c in wanted if c not in runs]:
        there = ", ".join(str(c) for c in runs if c not in OWN)
        raise RunsError(f"best of {', '.join(missing)}: no such column; the table has {there}")
    if not cells(runs) or "loss" not in runs:
        raise RunsError("best needs columns N, D and loss")
    cell = ["_cell"]
    setting = [*cell, *wanted]
    named = not default_index(runs)
    labels, runs = runs.index, runs.assign(_cell=cell_numbers(runs)).reset_index(drop=True)
    mean = runs.groupby(setting, sort=False)["loss"].transform("mean")
    first = ~runs.duplicated(setting)
    table = runs.assign(loss=mean)[first]
    kept = table.loc[sorted(table.groupby(cell, sort=False)["loss"].idxmin())]
    notes = [Remark("best_of", {"by": wanted, "kept": len(kept), "of": len(runs)})]
    notes += [edge for column in wanted if (edge := _edges(table, kept, cell, column)) is not None]
    notes.append(_bias(runs, table, cell, setting))
    gone = runs.drop(kept.index)
    told = [k for k in ("_label", "run_id", *cells(runs), "C", "loss", *wanted) if k in runs]
    told_as = gone[told].rename(columns={"_label": "name"}).assign(row=[plain_label(labels[i]) for i in gone.index])
    excluded = [
        {k: v for k, v in row.items() if k != "name" or v} | {"code": "not_best", "reason": str(Remark("not_best"))}
        for row in told_as.to_dict("records")
    ]
    kept.attrs = {
        **runs.attrs,
        "notes": [*runs.attrs.get("notes", []), *(n.to_dict() for n in notes)],
        "excluded": [*runs.attrs.get("excluded", []), *excluded],
    }
    attrs = kept.attrs
    kept = kept.drop(columns="_cell")
    kept = kept.set_axis(labels[kept.index], axis=0) if named else kept.reset_index(drop=True)
    kept.attrs = attrs
    return kept


def _called(name: str, runs: pd.DataFrame) -> str:
    """A swept column by a usual name of it, if only one can be meant: ``lr`` for ``learning_rate``, ``batch`` for ``batch_size``."""
    if name in runs:
        return name
    said = _spelled(name)
    near = [str(c) for c in runs if was_swept(str(c)) and said <= _spelled(str(c))]
    return near[0] if len(near) == 1 else name


def _spelled(name: str) -> set[str]:
    """Words of a name, the usual abbreviations written out."""
    return {part for word in words(name) for part in LONG.get(word, (word,))}


def _edges(table: pd.DataFrame, kept: pd.DataFrame, cell: list[str], column: str) -> Remark | None:
    """Cells whose lowest has the least or the largest value of a swept column, of those with three or more values."""
    if not pd.api.types.is_numeric_dtype(table[column]):
        return None
    groups = table.groupby(cell, sort=False)[column]
    low, high, count = (groups.transform(what).loc[kept.index] for what in ("min", "max", "nunique"))
    swept = count >= FEWEST
    edge = swept & ((kept[column] == low) | (kept[column] == high))
    if not edge.any():
        return None
    where = [", ".join(f"{k} = {row[k]:.3g}" for k in cells(kept)) for _, row in kept[edge].head(3).iterrows()]
    shown = "; ".join(where) + (" …" if edge.sum() > 3 else "")
    return Remark("best_at_edge", {"column": column, "n": int(edge.sum()), "of": int(swept.sum()), "where": shown})


def _bias(runs: pd.DataFrame, table: pd.DataFrame, cell: list[str], setting: list[str]) -> Remark:
    """How much too low the lowest of each cell is, on average, with normal noise about smooth sweeps."""
    noise = _noise(runs, table, cell, setting)
    if not np.isfinite(noise):
        return Remark("best_noise_unknown")
    rng = np.random.default_rng(0)
    groups = [losses.to_numpy(dtype=float) for _, losses in table.groupby(cell, sort=False)["loss"] if len(losses) > 1]
    if not groups:
        return Remark("best_noise_unknown")
    # Noise widens every sweep: the simulated truth is drawn together until the two spread as the losses do.
    scatter = float(np.mean([values.var(ddof=1) for values in groups]))
    shrink = np.sqrt(max(scatter - noise**2, 0.0) / scatter) if scatter > 0 else 0.0
    bias = []
    for values in groups:
        truth = values.mean() + (values - values.mean()) * shrink
        drawn = truth + noise * rng.standard_normal((DRAWS, len(values)))
        bias.append(float(truth.min() - drawn.min(axis=1).mean()))
    size = [len(values) for values in groups]
    return Remark("best_bias", {"k": float(np.median(size)), "bias": float(np.mean(bias)), "noise": noise})


def _noise(runs: pd.DataFrame, table: pd.DataFrame, cell: list[str], setting: list[str]) -> float:
    """Standard deviation of one run: from runs that differ by seed alone, else from the scatter about parabolas; or NaN."""
    other = [c for c in map(str, runs) if was_swept(c) and not of_seed(c)]
    repeated = runs.groupby([*setting, *(c for c in other if c not in setting)])["loss"]
    degrees = int((repeated.size() - 1).clip(lower=0).sum())
    if degrees >= FEWEST:
        squares = float((repeated.var(ddof=1).fillna(0) * (repeated.size() - 1)).sum())
        return float(np.sqrt(squares / degrees))
    swept = [c for c in setting if c not in cell and pd.api.types.is_numeric_dtype(table[c]) and (table[c] > 0).all()]
    squares = 0.0
    if len(swept) == 1:
        for _, rows in table.groupby(cell, sort=False):
            if len(rows) >= POINTS:
                left = _scatter(np.log(rows[swept[0]].to_numpy(dtype=float)), rows["loss"].to_numpy(dtype=float))
                squares, degrees = squares + left, degrees + len(rows) - 3
    return float(np.sqrt(squares / degrees)) if degrees and squares else float("nan")


def _scatter(x: Array, y: Array) -> float:
    """Sum of squares left by a parabola."""
    basis = np.vander((x - x.mean()) / (np.ptp(x) or 1.0), 3)
    solution = np.linalg.lstsq(basis, y, rcond=None)[0]
    return float(((y - basis @ solution) ** 2).sum())
