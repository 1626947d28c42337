"""Rows by the names their owner gave them: the index of a DataFrame, else their numbers in the source, from 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._typing import Array

NUMBERED = "_row"  # name of an index that only counts the rows of the source
ROW = "row"  # what conditions call the number of a row in the source, where no column has this name


def labelled(table: pd.DataFrame) -> pd.DataFrame:
    """The table with an index that names its rows in messages: the owner's, or numbers from 1 where there is none."""
    if not default_index(table):
        return table
    return table.set_axis(pd.Index(row_numbers(table), name=NUMBERED), axis=0)


def unlabelled(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the owner's index, or 0 … n−1 where there is none."""
    return table.reset_index(drop=True) if table.index.name == NUMBERED else table


def default_index(table: pd.DataFrame) -> bool:
    """Whether the index tells no rows apart: 0 … n−1 without a name, or labels that repeat, as of tables put together."""
    index = table.index
    return not index.is_unique or (
        index.name is None and index.nlevels == 1 and index.equals(pd.RangeIndex(len(table)))
    )


def row_numbers(runs: pd.DataFrame) -> Array:
    """The number of each row in its source, from 1; rows that were left out on the way, by the record in ``attrs``, are passed over."""
    gone = sorted({int(row) for record in runs.attrs.get("excluded", []) if str(row := record.get("row")).isdecimal()})
    place = np.arange(1, len(runs) + 1)
    return place + np.searchsorted(np.array(gone) - np.arange(len(gone)), place, side="right")


def subset(runs: pd.DataFrame, rows: Any) -> pd.DataFrame:
    """Rows of checked runs, by positions or a mask, with everything recorded about them and the owner's index."""
    kept = runs.iloc[np.flatnonzero(rows) if np.asarray(rows).dtype == bool else np.asarray(rows)]
    kept = kept.reset_index(drop=True) if default_index(runs) else kept.copy()
    kept.attrs = runs.attrs
    return kept


def plain_label(label: Any) -> Any:
    """A label as JSON can hold it."""
    return label.item() if hasattr(label, "item") else label if isinstance(label, str | int | float) else str(label)


class _SharedList(list[Any]):
    def __deepcopy__(self, memo: Any) -> _SharedList:
        return self


class _SharedDict(dict[Any, Any]):
    def __deepcopy__(self, memo: Any) -> _SharedDict:
        return self


def shared(attrs: Mapping[Any, Any]) -> dict[Any, Any]:
    """What is recorded about a table, so that pandas does not copy it with every column that is taken from the table."""
    kinds: dict[type, Callable[[Any], Any]] = {list: _SharedList, dict: _SharedDict}
    return {k: kinds[type(v)](v) if type(v) in kinds else v for k, v in attrs.items()}
