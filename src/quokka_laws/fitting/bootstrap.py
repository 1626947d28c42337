"""How sure a fit is: resampling of rows or runs, and profiles of the same objective.

=========================  ==================================================================================
what the rows are          what to resample
=========================  ==================================================================================
one row a run              rows (the default)
checkpoints of runs        runs: ``cluster="run_id"``; rows of one run are one observation, not thousands
few budgets, many sizes    rows within each budget: ``strata="C"`` (C alike within 10 % is one budget)
=========================  ==================================================================================

A resample is integer weights on the same rows. Percentile intervals of a coefficient at a bound (an amplitude
that is zero in many resamples) do not have their nominal coverage; the fit says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._spelling import either
from quokka_laws._typing import Array
from quokka_laws.exceptions import RunsError
from quokka_laws.fitting.budgets import BUDGET_TOLERANCE, group_budgets


@dataclass(frozen=True)
class Multiplicities:
    """Row weights of many resamples, kept as what they are: how often each unit occurs in each.

    A million rows of 500 runs and 1,000 resamples are 1 MB so, and 8 GB as rows.

    Parameters
    ----------
    multiplicity : array (resamples, units) of int
    unit : array (rows,) of int
        The unit of each row.
    weights : array (rows,)
        What each row weighs in the fit itself.
    """

    multiplicity: Array
    unit: Array
    weights: Array
    ndim = 2

    def __getitem__(self, which: Any) -> Multiplicities:
        """Some of the resamples."""
        return Multiplicities(self.multiplicity[which], self.unit, self.weights)

    def of_rows(self) -> Array:
        """Weights (resamples, rows)."""
        return self.multiplicity[:, self.unit] * self.weights

    def on(self, rows: Array, weights: Array) -> Multiplicities:
        """The same resamples of some of the rows, which weigh something else."""
        return Multiplicities(self.multiplicity, self.unit[rows], weights)


def resample_weights(
    rows: int,
    count: int,
    *,
    seed: int,
    cluster: Array | None = None,
    strata: Array | None = None,
) -> Array:
    """Bootstrap multiplicities of rows, (count, rows): :func:`multiplicities`, written out."""
    return multiplicities(np.ones(rows), count, seed=seed, cluster=cluster, strata=strata).of_rows()


def multiplicities(
    weights: Array,
    count: int,
    *,
    seed: int,
    cluster: Array | None = None,
    strata: Array | None = None,
) -> Multiplicities:
    """Bootstrap multiplicities.

    Parameters
    ----------
    weights : array (rows,)
        Of the rows in the fit itself.
    count : int
        Multiplicities wanted.
    seed : int
    cluster : array (rows,) of int, optional
        Rows that are drawn together.
    strata : array (rows,) of int, optional
        Draw as many units from each stratum as it has.

    Returns
    -------
    Multiplicities
        How often each row occurs in each resample; every row of weights sums to ``rows`` unless clusters
        differ in size.
    """
    rng = np.random.default_rng(seed)
    unit = np.arange(len(weights)) if cluster is None else np.unique(cluster, return_inverse=True)[1]
    units = int(unit.max()) + 1
    stratum_of_unit = np.zeros(units, dtype=int)
    if strata is not None:
        stratum_of_unit[unit] = np.unique(strata, return_inverse=True)[1]
    counts = np.zeros((count, units), dtype=np.uint16)
    for s in range(int(stratum_of_unit.max()) + 1):
        members = np.flatnonzero(stratum_of_unit == s)
        counts[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), size=count)
    return Multiplicities(counts, unit, weights)


def draws_whole_runs(cluster: Array | None, groups: Array) -> bool:
    """Whether rows of one run are always resampled together."""
    if cluster is None:
        return False
    return len(np.unique(np.stack([cluster, groups], axis=1), axis=0)) == len(np.unique(groups))


def unit_codes(column: pd.Series) -> Array:
    """Which rows are one unit: those of an equal value; a row without a value is a unit of its own."""
    missing = (column.isna() | (column.astype(str).str.strip() == "")).to_numpy()
    codes = pd.factorize(column.mask(missing))[0]
    codes[missing] = codes.max(initial=-1) + 1 + np.arange(missing.sum())
    return np.asarray(codes)


def independent_runs(runs: pd.DataFrame) -> int:
    """How many runs the rows come from: by ``run_id`` where there is one, else every row is a run."""
    return len(np.unique(unit_codes(runs["run_id"]))) if "run_id" in runs else len(runs)


def resampling_units(
    runs: pd.DataFrame, cluster: str | None, strata: str | None
) -> tuple[dict[str, Array | None], dict[str, Any]]:
    """Which rows are resampled together and within what, and a description of it.

    Raises
    ------
    RunsError
        If a column is missing, or resampling by it would draw the same data again and again.
    """
    shared = independent_runs(runs) < len(runs)
    if cluster == "auto":
        cluster = "run_id" if shared else None
    for column in (cluster, strata):
        if column is not None and column not in runs:
            raise RunsError(f"there is no column {column!r} to resample by; columns: {', '.join(runs)}")
    unit = np.arange(len(runs)) if cluster is None else unit_codes(runs[cluster])
    count = len(np.unique(unit))
    if cluster is not None and count < 2:
        raise RunsError(
            f"column {cluster} is {runs[cluster].iloc[0]!r} in every row: a single unit cannot be resampled. Give every run "
            f"its own {cluster}, or say {either('cluster=None', '--cluster row')} if each row is a run"
        )
    stratum = None if strata is None else _strata(runs[strata])
    strata_count = 1
    if stratum is not None:
        pairs = np.unique(np.stack([stratum, unit], axis=1), axis=0)
        if len(pairs) > count:
            raise RunsError(
                f"{cluster} is resampled as a whole but lies in several {strata}: stratify by what a unit has once"
            )
        sizes = np.bincount(pairs[:, 0])
        strata_count = len(sizes)
        if 2 * (sizes == 1).sum() > strata_count:
            raise RunsError(
                f"{(sizes == 1).sum()} of {strata_count} strata of {strata} hold a single unit, which every resample draws "
                "again: intervals would be far too narrow. Stratify by a column with a few values (a budget, rounded), or not"
            )
    how = {
        "cluster": cluster,
        "strata": strata,
        "strata_count": strata_count,
        "units": count,
        "rows_share_runs": shared,
    }
    return {"cluster": None if cluster is None else unit, "strata": stratum}, how


def _strata(column: pd.Series) -> Array:
    """Codes of the strata; measured numbers are grouped as budgets are, since no two of them are equal."""
    if pd.api.types.is_float_dtype(column) and (column > 0).all():
        return np.unique(group_budgets(column.to_numpy(), BUDGET_TOLERANCE), return_inverse=True)[1]
    return np.unique(unit_codes(column), return_inverse=True)[1]
