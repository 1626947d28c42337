"""Which columns of a table are hyper-parameters, as positive numbers, and a batch in tokens; a mistake gets one sentence with all faults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._expression_tree import quoted
from quokka_laws._expressions import nearest
from quokka_laws._spelling import option
from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, RunsError
from quokka_laws.results.diagnostic import Diagnostic, Option, Severity
from quokka_laws.runs.columns import INPUTS
from quokka_laws.runs.quantities import as_numbers
from quokka_laws.runs.read import row_names
from quokka_laws.runs.rows import subset
from quokka_laws.runs.sweeps import cell_numbers, varies_inside
from quokka_laws.runs.words import leaf, of_batch, of_learning_rate, of_seed, of_sequence_length, was_swept

LARGEST_IN_SEQUENCES = 2**14
"""A median batch from here on is one of tokens."""
NAMED = 4  # rows in a message


def wanted_columns(runs: pd.DataFrame, over: str | Sequence[str] | None) -> tuple[tuple[str, ...], list[Diagnostic]]:
    """The columns that are meant."""
    numeric = [str(c) for c in runs if pd.api.types.is_numeric_dtype(runs[c]) and c not in (*INPUTS, "loss", "weight")]
    if over is None:
        cell = cell_numbers(runs)
        found = tuple(c for c in numeric if was_swept(c) and not of_seed(c) and varies_inside(runs, c, cell))
        if not found:
            shown = f"; name them: over=[…], of {', '.join(numeric)}" if numeric else ""
            raise RunsError(f"no setting varies within the pairs of N and D{shown}")
        return found, [Diagnostic("SWEPT_COLUMNS", Severity.NOTE, {"columns": list(found)})]
    wanted = (over,) if isinstance(over, str) else tuple(map(str, over))
    if not wanted or len(set(wanted)) < len(wanted):
        raise ArgumentError(f"over = {over!r}: expected the names of one or more columns, each once")
    faults = []
    renamed = runs.attrs.get("renamed", {})
    for h in wanted:
        if h in (*INPUTS, "loss", "run_id", "weight") or h in renamed:
            faults.append(f"{h} is no hyper-parameter" + (f": it was read as {renamed[h]}" if h in renamed else ""))
        elif h not in runs:
            near = nearest(h, [str(c) for c in runs])
            faults.append(
                f"there is no column {h!r}"
                + (f"; did you mean {near!r}?" if near else ".")
                + f" The table has {', '.join(numeric) or 'no other numbers'}"
            )
    if faults:
        raise ArgumentError("over: " + "; ".join(faults))
    return wanted, []


def positive_settings(runs: pd.DataFrame, over: tuple[str, ...]) -> tuple[pd.DataFrame, list[Diagnostic]]:
    """The runs whose hyper-parameters are positive numbers; empty cells are left out, anything else is refused."""
    faults, empty = [], np.zeros(len(runs), dtype=bool)
    numbers = {}
    for h in over:
        cells = runs[h]
        blank = (cells.isna() | (cells.astype(str).str.strip() == "")).to_numpy()
        values = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=float)
        text = np.isnan(values) & ~blank
        if text.any():
            first = cells[text].iloc[0]
            faults.append(
                f"column {h} holds text ({first!r} in {_rows(runs, text)}); a hyper-parameter is a number, such as 3e-4"
            )
        elif (bad := ~blank & ~((values > 0) & np.isfinite(values))).any():
            faults.append(
                f"column {h} is {values[bad][0]:g} in {_rows(runs, bad)}: its logarithm is taken, so it must be positive; "
                f"leave such rows out: {option('drop', f'{quoted(h)} <= 0')}"
            )
        numbers[h] = values
        empty |= blank
    if faults:
        raise RunsError("; ".join(faults))
    if empty.all():
        raise RunsError(f"no row has a value of {' and '.join(over)}")
    attrs = runs.attrs
    runs = runs.assign(**numbers)
    runs.attrs = attrs
    if not empty.any():
        return runs, []
    note = Diagnostic("SETTING_EMPTY", Severity.NOTE, {"columns": list(over)}, row_names(runs, empty))
    return subset(runs, ~empty), [note]


def _rows(runs: pd.DataFrame, mask: Array) -> str:
    """Rows as the owner counts them: by name, else from 1."""
    named = runs.index if runs.index.name or not isinstance(runs.index, pd.RangeIndex) else np.arange(1, len(runs) + 1)
    names = [str(n) for n in np.asarray(named)[mask]]
    return f"row{'s' if len(names) > 1 else ''} {', '.join(names[:NAMED])}" + (
        f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    )


def in_tokens(
    runs: pd.DataFrame, over: tuple[str, ...], sequence_length: float | str | None
) -> tuple[pd.DataFrame, tuple[str, ...], dict[str, str], list[Diagnostic]]:
    """The batch in tokens where the length of a sequence is known, what published rules call each column, and what was done."""
    kinds = {h: "lr" if of_learning_rate(h) else "" for h in over}
    batches = [h for h in over if not kinds[h] and of_batch(h)]
    if sequence_length is not None and not batches:
        raise ArgumentError(f"sequence_length is for a batch, and none of {', '.join(over)} is one by its name")
    said: list[Diagnostic] = []
    for h in batches:
        values = pd.to_numeric(runs[h], errors="coerce")
        if "tokens" in leaf(h):
            kinds[h] = "batch_tokens"
            continue
        if sequence_length is None and values.median() >= LARGEST_IN_SEQUENCES:
            kinds[h] = "batch_tokens"
            said.append(
                Diagnostic(
                    "BATCH_TAKEN_AS_TOKENS", Severity.NOTE, {"column": h}, advice=(Option("sequence_length", 2048),)
                )
            )
            continue
        length, source = _length(runs, sequence_length)
        if length is None:
            advice = (Option("sequence_length", 2048),)
            said.append(Diagnostic("BATCH_UNIT_UNKNOWN", Severity.NOTE, {"column": h}, advice=advice))
            continue
        attrs = runs.attrs
        name = "batch_tokens" if "batch_tokens" not in runs else f"{h}_tokens"
        runs = runs.assign(**{name: values * length})
        runs.attrs = attrs
        over = tuple(name if k == h else k for k in over)
        kinds = {name if k == h else k: v for k, v in kinds.items()} | {name: "batch_tokens"}
        said.append(Diagnostic("BATCH_IN_TOKENS", Severity.NOTE, {"column": h, "name": name, "length": source}))
    return runs, over, kinds, said


def _length(runs: pd.DataFrame, given: float | str | None) -> tuple[Any, str]:
    """Tokens of a sequence, one number or a column, and what to call them; None where nothing says."""
    if isinstance(given, str) and given in runs:
        values = pd.to_numeric(runs[given], errors="coerce")
        if not (values > 0).all():
            raise RunsError(f"sequence_length: column {given} does not hold a positive number in every row")
        return values, given
    if given is not None:
        number = as_numbers(given)
        if number.size != 1 or not (np.isfinite(number) & (number > 0)).all():
            raise ArgumentError(
                f"sequence_length = {given!r}: expected a positive number, or a column of {', '.join(map(str, runs))}"
            )
        return float(number.ravel()[0]), f"{float(number.ravel()[0]):g}"
    for column in map(str, runs):
        numeric = pd.api.types.is_numeric_dtype(runs[column])
        if of_sequence_length(column) and numeric and (runs[column] > 0).all():
            return runs[column], column
    return None, ""


def check_varied(runs: pd.DataFrame, over: tuple[str, ...], cell: Array) -> None:
    """Raise :class:`RunsError` naming every hyper-parameter that is the same in all rows, or in all rows of each cell."""
    faults = []
    for h in over:
        if runs[h].nunique() < 2:
            faults.append(f"{h} is {runs[h].iloc[0]:g} in every row: there is nothing to choose from")
        elif (runs.groupby(cell)[h].nunique() < 2).all():
            faults.append(
                f"{h} does not vary within any pair of N and D, only between them: what is best at one cannot be told"
            )
    if faults:
        raise RunsError("; ".join(faults))
