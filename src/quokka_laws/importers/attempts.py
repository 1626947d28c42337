"""Which rows of a long table of logs are one run: its ID, else its name and settings; a run that was restarted stays one.

Rows of one name whose steps start again are a run that was resumed, if what came before broke off; if each stretch goes
to the end, they are runs of their own, as several seeds logged under one name are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.importers.axis import numbers
from quokka_laws.runs import identity
from quokka_laws.runs.remarks import Remark
from quokka_laws.runs.words import is_loss, words

WHOLE = 0.97  # of the last step of a name: a stretch that got as far went to the end
EARLY = 0.1  # of the last step: where a stretch that starts again starts


def labelled(table: pd.DataFrame, name: str, place: str, run: str | None) -> tuple[pd.Series, list[Remark]]:
    """A label for each row, the same for rows of one run, and what is to be said.

    Parameters
    ----------
    name : str
        What the run is called where the table does not say, from the file.
    place : str
        The column of steps or tokens.
    run : str or None
        A column that was said to name runs.
    """
    id_ = None if run else identity.id_column(table)
    called = run or identity.name_column(table) or id_ or _model_column(table)
    if called is None:
        names = pd.Series(name, index=table.index)
    elif id_ is not None and called != id_:
        names = identity.told_apart(table[called], table[id_], pd.DataFrame(index=table.index))
    else:
        names = table[called].astype(str)
    at = numbers(table[place])
    if id_ is None and called is not None:
        keys = [names.rename("_run")]
        places = [pd.Series(at, index=table.index, name="_at")]
        if settings := identity.telling(table, keys, places):
            names = identity.told_apart(names, None, table[settings])
    losses = [c for c in table if is_loss(str(c))]
    logged = table[losses].notna().any(axis=1).to_numpy() if losses else np.ones(len(table), dtype=bool)
    values = numbers(table[losses[0]]) if losses else at
    numbered = names.to_numpy(dtype=object).copy()
    notes = []
    for label, rows in names.groupby(names, sort=False).indices.items():
        part = _stretches(at[rows], logged[rows], values[rows])
        if part.max(initial=0) > 0:
            numbered[rows] = [f"{label}#{k + 1}" if k else label for k in part]
            runs = [f"{label}#{k + 1}" if k else str(label) for k in range(int(part.max()) + 1)]
            notes.append(Remark("renamed", {"name": str(label), "n": len(runs), "names": runs}))
    return pd.Series(numbered, index=table.index), notes


def _model_column(table: pd.DataFrame) -> str | None:
    """A column of texts that calls models by a name: what tells runs of a log apart where nothing else does."""
    texts = [str(c) for c in table if words(str(c)) in (("model",), ("model", "name"), ("model", "id"))]
    return next((c for c in texts if not pd.api.types.is_numeric_dtype(table[c]) and table[c].notna().all()), None)


def _stretches(at: Array, logged: Array, values: Array) -> Any:
    """The number of the run each row belongs to: 0 throughout for one run, resumed or not."""
    one = np.zeros(len(at), dtype=int)
    steps = np.where(np.isfinite(at), at, -np.inf)
    if len(at) < 4:
        return one
    if not np.isfinite(at).any():
        return one
    falls = np.flatnonzero(steps[1:] < steps[:-1]) + 1
    last = float(steps.max())
    if len(falls):
        starts, ends = steps[np.append(0, falls)], steps[np.append(falls - 1, len(at) - 1)]
        if (starts <= EARLY * last).all() and (ends >= WHOLE * last).all():
            return np.searchsorted(falls, np.arange(len(at)), side="right")
        return one
    again = pd.Series(steps[logged]).groupby(steps[logged]).transform("size").to_numpy()
    if len(again) and again[0] > 1 and (again == again[0]).all() and logged.all():
        number = pd.Series(steps).groupby(steps).cumcount().to_numpy()
        if any(np.ptp(values[steps == step]) > 0 for step in np.unique(steps)[:5]):
            return number
    return one
