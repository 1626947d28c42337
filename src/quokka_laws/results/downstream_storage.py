"""Task accuracy on disk: JSON that reads back exactly, with the law of the loss inside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from quokka_laws.laws.accuracy import AccuracyCurve, LogAccuracyPower, LossSigmoid
from quokka_laws.results.diagnostic import Diagnostic
from quokka_laws.results.downstream import Downstream, FittedCurve, TaskFit
from quokka_laws.results.schema import Columns, Finite, Number, StoredDiagnostic, Strict, Whole, Word, refuse
from quokka_laws.results.storage import from_dict, plain_json, read_stored, table_columns, to_dict
from quokka_laws.writing import make_folder, write_atomically

SCHEMA = "quokka-laws/downstream"
SCHEMA_VERSION = 1
HOW = "task accuracy is written by `quokka-laws downstream runs.csv --metric hellaswag -o downstream.json`"
Share = Annotated[float, Field(ge=0, le=1)]


class StoredCurve(Strict):
    """A curve with its refits."""

    kind: Literal["two-stage", "direct"]
    chance: Share
    of: Annotated[list[Literal["N", "D", "C"]], Field(max_length=2)]
    centers: Annotated[list[Finite], Field(min_length=1, max_length=2)]
    spread: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    ceiling: Share | None
    theta: Annotated[list[Finite], Field(min_length=2, max_length=4)]
    draws: list[list[Number]]
    scatter: list[Finite]
    beyond: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    rms: Finite


class StoredTask(Strict):
    """One task."""

    name: Word
    chance: Share
    runs: Columns
    curves: Annotated[list[StoredCurve], Field(min_length=1, max_length=2)]
    seeds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    seeds_from: Literal["repeats", "scatter"]
    diagnostics: list[StoredDiagnostic]


class StoredDownstream(Strict):
    """Tasks behind a law, as they lie on disk."""

    kind: Literal["quokka-laws/downstream"] = Field(alias="schema")
    schema_version: Annotated[int, Field(ge=1, le=SCHEMA_VERSION)]
    method: Literal["two-stage", "direct"]
    level: Annotated[float, Field(gt=0, lt=1)]
    paired: bool
    seed: Whole
    fit: dict[str, Any]
    tasks: Annotated[list[StoredTask], Field(min_length=1, max_length=1000)]
    held_out: Columns | None


def save(found: Downstream, path: str | Path) -> Path:
    """Write task accuracy to a file, ``downstream.json`` in a folder that is named."""
    path = Path(path)
    if path.is_dir() or not path.suffix:
        path = path / "downstream.json"
    make_folder(path.parent)
    write_atomically(path, to_json(found))
    return path


def to_json(found: Downstream) -> str:
    """As JSON; :func:`read_downstream` reads it back exactly."""
    return plain_json(
        {
            "schema": SCHEMA,
            "schema_version": SCHEMA_VERSION,
            "method": found.method,
            "level": found.level,
            "paired": found.paired,
            "seed": found.seed,
            "fit": to_dict(found.fit),
            "tasks": [_task(t) for t in found.tasks],
            "held_out": None if found.held_out is None else table_columns(found.held_out),
        }
    )


def _task(task: TaskFit) -> dict[str, Any]:
    return {
        "name": task.name,
        "chance": task.chance,
        "runs": table_columns(task.runs),
        "curves": [_curve(c) for c in task.curves],
        "seeds": task.seeds,
        "seeds_from": task.seeds_from,
        "diagnostics": [d.to_dict() for d in task.diagnostics],
    }


def _curve(fitted: FittedCurve) -> dict[str, Any]:
    c = fitted.curve
    return {
        "kind": c.kind,
        "chance": c.chance,
        "of": list(c.of) if isinstance(c, LogAccuracyPower) else [],
        "centers": list(c.centers) if isinstance(c, LogAccuracyPower) else [c.center],
        "spread": 1.0 if isinstance(c, LogAccuracyPower) else c.spread,
        "ceiling": None if isinstance(c, LogAccuracyPower) else c.ceiling,
        "theta": fitted.theta.tolist(),
        "draws": fitted.draws.tolist(),
        "scatter": fitted.scatter.tolist(),
        "beyond": fitted.beyond,
        "rms": fitted.rms,
    }


def is_downstream(source: str | Path) -> bool:
    """Whether a file holds task accuracy."""
    try:
        with Path(source).open(encoding="utf-8", errors="replace") as file:
            return SCHEMA in file.read(200)
    except OSError:
        return False


def read_downstream(source: str | Path) -> Downstream:
    """Read task accuracy written by :meth:`Downstream.save`.

    Parameters
    ----------
    source : path or JSON text

    Raises
    ------
    FitFileError
        If it is not JSON, no task accuracy, damaged, or from a newer version: a line per fault.
    """
    stored, where = read_stored(source, StoredDownstream, schema=SCHEMA, what="task accuracy", how=HOW)
    fit = from_dict(stored.fit, where)
    refuse(where, [fault for i, task in enumerate(stored.tasks) for fault in _faults(i, task, fit.draws)])
    return Downstream(
        fit,
        tuple(_rebuilt(t) for t in stored.tasks),
        stored.method,
        stored.level,
        stored.paired,
        stored.seed,
        None if stored.held_out is None else pd.DataFrame(stored.held_out),
    )


def _faults(number: int, task: StoredTask, draws: pd.DataFrame | None) -> list[str]:
    """Fields that are right by themselves and do not fit together."""
    place, refits = f"tasks.{number}", 0 if draws is None else len(draws)
    found = []
    if missing := [k for k in ("loss", "accuracy", "questions") if k not in task.runs]:
        found.append(f"{place}.runs: expected columns loss, accuracy, questions; missing: {', '.join(missing)}")
    if len({len(v) for v in task.runs.values()}) > 1:
        found.append(f"{place}.runs: expected columns of one length")
    for j, stored in enumerate(task.curves):
        coordinates = len(stored.theta)
        expected = 2 * len(stored.of) if stored.kind == "direct" else 2 if stored.ceiling is not None else 3
        if coordinates != expected:
            found.append(f"{place}.curves.{j}.theta: expected {expected} numbers, not {coordinates}")
        if len(stored.draws) != refits:
            found.append(
                f"{place}.curves.{j}.draws: expected {refits}, as many as the law has refits, not {len(stored.draws)}"
            )
        elif any(len(d) != coordinates for d in stored.draws):
            found.append(f"{place}.curves.{j}.draws: expected {coordinates} numbers in each")
        if stored.kind == "direct" and len(stored.centers) != len(stored.of):
            found.append(f"{place}.curves.{j}.centers: expected {len(stored.of)} numbers, not {len(stored.centers)}")
        if not stored.scatter:
            found.append(f"{place}.curves.{j}.scatter: expected numbers; there are none")
    return found


def _rebuilt(stored: StoredTask) -> TaskFit:
    return TaskFit(
        stored.name,
        stored.chance,
        pd.DataFrame(stored.runs),
        tuple(_fitted(c) for c in stored.curves),
        stored.seeds,
        stored.seeds_from,
        tuple(Diagnostic.from_dict(d.model_dump()) for d in stored.diagnostics),
    )


def _fitted(c: StoredCurve) -> FittedCurve:
    curve: AccuracyCurve = (
        LogAccuracyPower(c.chance, tuple(c.of), tuple(c.centers))
        if c.kind == "direct"
        else LossSigmoid(c.chance, c.centers[0], c.spread, c.ceiling)
    )
    return FittedCurve(curve, np.array(c.theta), np.array(c.draws), np.array(c.scatter), c.beyond, c.rms)
