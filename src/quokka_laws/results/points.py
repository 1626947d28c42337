"""Points at which a law is asked, as pandas holds them: the columns of a table that the law takes, and their index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from quokka_laws.exceptions import ArgumentError
from quokka_laws.laws import Law
from quokka_laws.runs.columns import ALIASES, recognise


def columns_for(law: Law, given: Sequence[Any]) -> dict[str, Any]:
    """What a law takes, of one table that was given instead of numbers by name: its columns by their usual names.

    Raises
    ------
    ArgumentError
        For anything but one table.
    """
    if not given:
        return {}
    if len(given) > 1 or not isinstance(given[0], pd.DataFrame | Mapping):
        example = ", ".join(f"{name}=…" for name in law.takes)
        raise ArgumentError(f"predict takes numbers by name, predict({example}), or one table with such columns")
    (table,) = given
    names = [str(name) for name in table]
    canonical, *_ = recognise(names, {}, {k: v for k, v in ALIASES.items() if k in law.takes and k not in names})
    return {canonical.get(k, k): table[k] for k in names if k in (*law.takes, *law.own_names) or k in canonical}


def index_of(data: Mapping[str, Any], rows: int) -> pd.Index | None:
    """The index of the Series among the data, which the answer keeps, so that it can be put back beside them.

    Raises
    ------
    ArgumentError
        If two of them have different ones: by position and by index they are different questions.
    """
    series = {k: v for k, v in data.items() if isinstance(v, pd.Series) and len(v) == rows}
    first = next(iter(series), None)
    if first is None:
        return None
    for name, other in series.items():
        if not other.index.equals(series[first].index):
            raise ArgumentError(
                f"{first} and {name} have different indexes; to pair them by position give {name}.to_numpy()"
            )
    return series[first].index
