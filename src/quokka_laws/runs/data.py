"""Data at hand as a table: columns, records, arrays whose columns have names, tables of other libraries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws.exceptions import RunsError
from quokka_laws.runs.json_tables import value_table

ACCEPTED = "give a path, a DataFrame (pandas, polars, pyarrow), a dict of columns or a list of dicts"


def data_table(data: Any) -> pd.DataFrame:
    """A table from data that is no file and no DataFrame of pandas.

    Raises
    ------
    RunsError
        If it is no table, or its columns have no names; with what to give instead.
    """
    if hasattr(data, "to_pandas"):
        try:
            return pd.DataFrame(data.to_pandas())
        except ImportError:  # polars goes through pyarrow
            return pd.DataFrame(data.to_dict(as_series=False))
    if isinstance(data, Mapping):
        return _columns(data)
    if isinstance(data, np.ndarray) and data.dtype.names:
        return pd.DataFrame.from_records(data)
    if isinstance(data, Iterator):
        data = list(data)
    rows = [_record(row) for row in data] if isinstance(data, Sequence) and not isinstance(data, str) else []
    if rows and all(isinstance(row, Mapping) for row in rows):
        return pd.DataFrame.from_records(rows)
    raise RunsError(f"{type(data).__name__} is no table of runs: {_instead(data)}")


def _columns(data: Mapping[Any, Any]) -> pd.DataFrame:
    if len(data) > 1 and all(isinstance(record, Mapping) for record in data.values()):
        return value_table(dict(data), "the table", [])
    lengths = {str(name): len(column) for name, column in data.items() if np.ndim(column)}
    if len(set(lengths.values())) > 1:
        counted = ", ".join(f"{n} of {name}" for name, n in lengths.items())
        raise RunsError(f"the columns given do not make a table ({counted}); give one value per run for each")
    try:
        return pd.DataFrame(
            {name: column if isinstance(column, pd.Series) else _flat(column) for name, column in data.items()}
        )
    except ValueError as error:
        raise RunsError(
            f"the columns given do not make a table ({error}); give a list of one value per run for each"
        ) from None


def _flat(column: Any) -> Any:
    """A column of one number a row, as ``array[:, None]`` or a one-column table has it, without its second axis."""
    if hasattr(column, "ndim") and column.ndim == 2 and column.shape[1] == 1:
        return np.ma.asarray(column)[:, 0] if isinstance(column, np.ma.MaskedArray) else np.asarray(column)[:, 0]
    return column


def _record(row: Any) -> Any:
    """A row with the names of its values, where they have any."""
    if hasattr(row, "_asdict"):  # a named tuple
        return row._asdict()
    return asdict(row) if is_dataclass(row) and not isinstance(row, type) else row


def _instead(data: Any) -> str:
    if isinstance(data, Sequence | np.ndarray) and not isinstance(data, str) and len(data) and np.ndim(data[0]) == 1:
        return "its columns have no names; give a dict of columns, {'N': …, 'D': …, 'loss': …}"
    if hasattr(data, "collect"):  # polars' LazyFrame
        return "it is not computed yet; give runs.collect()"
    if hasattr(data, "get_group"):
        return "it is several tables; fit each, {name: ql.fit(part) for name, part in groups}, or give one"
    return ACCEPTED
