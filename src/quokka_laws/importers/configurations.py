"""N and C of a table's runs, counted from their configurations in one convention."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from quokka_laws._spelling import BLANK, option
from quokka_laws._typing import Array
from quokka_laws.architectures import Architecture, count, read
from quokka_laws.exceptions import ArgumentError, RunsError
from quokka_laws.runs.columns import plain_name, recognise_runs, scaled
from quokka_laws.runs.files import flatten, read_table
from quokka_laws.runs.quantities import parse_quantities
from quokka_laws.runs.rows import labelled

Counts = Literal["total", "active", "non-embedding"]
CONTEXTS = (
    "seq_len",
    "seq_length",
    "sequence_length",
    "context",
    "context_length",
    "max_seq_len",
    "block_size",
    "seqlen",
)
CONTEXT = 2048
ROWS_NAMED = 8


def counted(
    source: Any,
    column: str = "config",
    *,
    columns: Mapping[str, str] | None = None,
    counts: Counts = "total",
    context: int | None = None,
) -> pd.DataFrame:
    """A table of runs whose N and C are counted from a column of configurations, whatever it said of them before.

    Parameters
    ----------
    source : path or DataFrame
        A table with D, a loss, and a configuration for each run.
    column : str
        Paths, from the folder of the table, of what :func:`quokka_laws.architectures.read` reads; or its content as JSON.
    columns : mapping, optional
        As for :func:`quokka_laws.read_runs`; those of N and C are replaced.
    counts : {'total', 'active', 'non-embedding'}
        What N holds. C is counted with attention over the active parameters, whichever it is.
    context : int, optional
        Tokens of a sequence; a column such as ``seq_len`` of the table, else 2048.

    Returns
    -------
    DataFrame
        With ``N``, ``C``, and for :func:`quokka_laws.read_runs` under ``flops="as given"``; ``D`` has to be in the table.

    Raises
    ------
    RunsError
        If the column is not there, or a configuration cannot be read: each row is named with the reason.
    """
    folder = Path(source).parent if isinstance(source, str | Path) else Path()
    table = labelled(source.copy() if isinstance(source, pd.DataFrame) else flatten(read_table(source)))
    names = [str(c) for c in table]
    if column not in names:
        raise RunsError(f"there is no column {column!r} of configurations; the table has {', '.join(names)}")
    given = {k: v for k, v in (columns or {}).items() if k not in ("N", "C")}
    plain, factors = scaled(given, names)
    found = recognise_runs(table.drop(columns=[column]), plain)
    D = _tokens(table, found.given("D"), {**found.factors, **factors}.get("D", 1.0))
    lengths = _contexts(table, context)
    shapes, faults = _shapes(table[column], folder)
    if faults:
        more = f"; and {len(faults) - ROWS_NAMED} more" if len(faults) > ROWS_NAMED else ""
        raise RunsError("; ".join(faults[:ROWS_NAMED]) + more)
    made = [count(shape, int(length)) for shape, length in zip(shapes, lengths, strict=True)]
    sizes = {"total": [m.total for m in made], "active": [m.total_active for m in made]}
    sizes["non-embedding"] = [m.non_embedding for m in made]
    replaced = [name for name, meaning in found.mapping.items() if meaning in ("N", "C")]
    kept = table.drop(columns=[*replaced, column, *[c for c in ("N", "C") if c in table and c not in replaced]])
    N = np.array(sizes[counts], dtype=float)
    return kept.assign(N=N, C=np.array([m.training_flops_per_token for m in made]) * D)


def _tokens(table: pd.DataFrame, name: str, factor: float) -> Array:
    if name not in table:
        raise RunsError(
            f"no column holds the tokens D of a run, which its FLOPs follow from; say {option('columns', {'D': BLANK})}"
        )
    values, _ = parse_quantities(table[name])  # a run without tokens is left out when the table is read
    return np.asarray(values, dtype=float) * factor


def _contexts(table: pd.DataFrame, context: int | None) -> Array:
    """Tokens of a sequence of each run."""
    if context is not None:
        if not context >= 1:
            raise ArgumentError(f"context = {context!r}: expected a number of tokens")
        return np.full(len(table), context)
    name = next((c for c in table if plain_name(c) in CONTEXTS), None)
    if name is None:
        return np.full(len(table), CONTEXT)
    values = pd.to_numeric(table[name], errors="coerce")
    return values.fillna(CONTEXT).clip(lower=1).to_numpy(dtype=int)


def _shapes(column: pd.Series, folder: Path) -> tuple[list[Architecture], list[str]]:
    """An architecture for each row, read once for each configuration; what cannot be read, by row."""
    known: dict[str, Architecture | str] = {}
    shapes, faults = [], []
    for label, cell in column.items():
        key = json.dumps(cell, sort_keys=True, default=str) if isinstance(cell, Mapping) else str(cell).strip()
        if key not in known:
            known[key] = _read(cell if isinstance(cell, Mapping) else key, folder)
        shape = known[key]
        if isinstance(shape, str):
            faults.append(f"row {label}: {shape}")
        else:
            shapes.append(shape)
    return shapes, faults


def _read(cell: Any, folder: Path) -> Architecture | str:
    """An architecture, or why there is none."""
    if isinstance(cell, str) and cell.lower() in ("", "nan", "none"):
        return "has no configuration"
    try:
        if isinstance(cell, str) and cell.startswith("{"):
            cell = json.loads(cell)
        elif isinstance(cell, str):
            path = folder / cell
            cell = path / "config.json" if path.is_dir() else path
        return read(cell)
    except json.JSONDecodeError as error:
        return f"not JSON ({error})"
    except ArgumentError as error:
        return str(error)
