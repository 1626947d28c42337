"""Fits of hyper-parameters on disk: JSON that reads back exactly, checked when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from quokka_laws.results.diagnostic import Diagnostic
from quokka_laws.results.hyperparameter_fit import CURVATURE, HyperparameterFit
from quokka_laws.results.schema import Columns, Finite, StoredDiagnostic, Strict, Word, refuse
from quokka_laws.results.storage import plain_json, read_stored, table_columns
from quokka_laws.writing import write_atomically

SCHEMA = "quokka-laws/hyperparameters"
SCHEMA_VERSION = 1
HOW = "it is written by `quokka-laws hyperparameters sweep.csv --over lr,batch -o hyper.json`"
TABLES = ("cells", "frontier", "under_tuned", "points")

Row = Annotated[list[Finite], Field(min_length=2, max_length=3)]


class StoredHyperparameters(Strict):
    """A fit of hyper-parameters as it lies on disk."""

    kind: Literal["quokka-laws/hyperparameters"] = Field(alias="schema")
    schema_version: Annotated[int, Field(ge=1, le=SCHEMA_VERSION)]
    over: Annotated[list[Word], Field(min_length=1, max_length=20)]
    kinds: dict[Word, Literal["lr", "batch_tokens", ""]]
    variables: Annotated[list[Literal["N", "D"]], Field(max_length=2)]
    values: dict[Word, Row]
    draws: dict[Word, Annotated[list[Row], Field(min_length=2, max_length=10**6)]]
    scatter: dict[Word, Finite]
    correlation: list[list[Finite]]
    noise: Finite
    level: Annotated[float, Field(gt=0, lt=1)]
    conventions: dict[Word, Word]
    diagnostics: list[StoredDiagnostic]
    cells: Columns
    frontier: Columns
    frontier_attrs: dict[Word, Any]
    under_tuned: Columns
    points: Columns


def to_json(fit: HyperparameterFit, path: str | Path | None = None) -> str:
    """Write (or return) it as JSON."""
    data = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "over": list(fit.over),
        "kinds": fit.kinds,
        "variables": list(fit.variables),
        "values": {k: v.tolist() for k, v in fit.values.items()},
        "draws": {k: v.tolist() for k, v in fit.draws.items()},
        "scatter": fit.scatter,
        "correlation": fit.correlation.tolist(),
        "noise": fit.noise,
        "level": fit.level,
        "conventions": fit.conventions,
        "diagnostics": [d.to_dict() for d in fit.diagnostics],
        "frontier_attrs": fit.frontier.attrs,
        **{name: table_columns(getattr(fit, name)) for name in TABLES},
    }
    text = plain_json(data) + "\n"
    if path is not None:
        write_atomically(path, text)
    return text


def read_hyperparameters(source: str | Path | Mapping[str, Any]) -> HyperparameterFit:
    """Read a fit of hyper-parameters written by :meth:`HyperparameterFit.to_json`.

    Raises
    ------
    FitFileError
        If it is not JSON, no such fit, damaged, or from a newer version: a line per fault.
    """
    stored, where = read_stored(source, StoredHyperparameters, schema=SCHEMA, what="fit of hyper-parameters", how=HOW)
    refuse(where, _disagreements(stored))
    tables = {name: pd.DataFrame(getattr(stored, name)) for name in TABLES}
    tables["frontier"].attrs = stored.frontier_attrs
    return HyperparameterFit(
        over=tuple(stored.over),
        kinds=dict(stored.kinds),
        variables=tuple(stored.variables),
        values={k: np.array(v) for k, v in stored.values.items()},
        draws={k: np.array(v) for k, v in stored.draws.items()},
        scatter=stored.scatter,
        correlation=np.array(stored.correlation),
        noise=stored.noise,
        level=stored.level,
        conventions=stored.conventions,
        diagnostics=tuple(Diagnostic.from_dict(d.model_dump()) for d in stored.diagnostics),
        **tables,
    )


def _disagreements(stored: StoredHyperparameters) -> list[str]:
    """Fields that are right by themselves and do not fit together."""
    faults = []
    for name in TABLES:
        lengths = {k: len(v) for k, v in getattr(stored, name).items()}
        if len(set(lengths.values())) > 1:
            faults.append(
                f"{name}: expected columns of one length, not {min(lengths.values())} and {max(lengths.values())}"
            )
    needed = ["cell", "runs", "state", "loss", "loss_error", "lowest", "bottom"]
    needed += [
        h + end for h in stored.over for end in ("", "_lower", "_upper", "_side", "_least", "_most", "_curvature")
    ]
    if missing := [k for k in needed if k not in stored.cells]:
        faults.append(f"cells: expected columns {', '.join(missing)}")
    if missing := [k for k in ("cell", "loss", "weight", *stored.over) if k not in stored.points]:
        faults.append(f"points: expected columns {', '.join(missing)}")
    count = len(stored.over)
    if [len(row) for row in stored.correlation] != [count] * count:
        faults.append(f"correlation: expected {count} rows of {count} numbers")
    wanted = {h + end for h in stored.over for end in ("", CURVATURE)} if stored.variables else set()
    rows = {"values": {k: [v] for k, v in stored.values.items()}, "draws": stored.draws}
    for name, of in rows.items():
        if set(of) != wanted:
            faults.append(
                f"{name}: expected {', '.join(sorted(wanted)) or 'nothing'}, not {', '.join(sorted(of)) or 'nothing'}"
            )
        if {len(row) for one in of.values() for row in one} - {1 + len(stored.variables)}:
            faults.append(f"{name}: expected {1 + len(stored.variables)} numbers for each, ln c and the exponents")
    if missing := [h for h in stored.over if h not in stored.kinds]:
        faults.append(f"kinds: expected {', '.join(missing)}")
    return faults
