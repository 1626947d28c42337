"""A sweep as a table: one run a row, written by hand or planned by the library."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pandas as pd

from reference_trainer.errors import TrainerError
from reference_trainer.model import Shape, counts
from reference_trainer.spec import RunSpec


def read_specs(path: str | Path, **defaults: Any) -> list[RunSpec]:
    """Specs from a CSV or JSON-lines table; see :func:`frame_to_specs`."""
    path = Path(path)
    try:
        if path.suffix == ".csv":
            table = pd.read_csv(path)
        else:
            table = pd.read_json(path, lines=True, precise_float=True)
    except (OSError, ValueError) as error:
        raise TrainerError(f"{path}: cannot be read as a sweep ({error})") from None
    return frame_to_specs(table, **defaults)


def frame_to_specs(table: pd.DataFrame, **defaults: Any) -> list[RunSpec]:
    """One spec per row; an empty cell means the default. Errors name the row.

    Parameters
    ----------
    table : DataFrame
        Columns are RunSpec fields (lists are written ``a;b;c``), or those of a plan of the library: ``N`` and ``D``,
        optionally ``U_D``; such a row gets the nearest shape of :func:`shape_near` and keeps N·D (with ``U_D``: D), and the plan's other columns
        (C, epochs, predicted losses …) are left alone.
    **defaults
        RunSpec fields for cells the table does not have, such as ``corpus``.
    """
    fields = {f.name: f.default for f in dataclasses.fields(RunSpec)}
    planned = "N" in table and "D" in table and "width" not in table
    specs = []
    for number, record in enumerate(table.to_dict("records"), start=1):
        given = dict(defaults)
        try:
            for name, value in record.items():
                if (planned and name not in fields) or (isinstance(value, float) and pd.isna(value)):
                    continue
                given[str(name)] = _cell(str(name), value, fields.get(name))
            if planned:
                given |= _planned(record)
            specs.append(RunSpec.from_dict(given))
        except (TrainerError, ValueError, TypeError) as error:
            raise TrainerError(f"row {number}: {error}") from None
    return specs


def _cell(name: str, value: Any, default: Any) -> Any:
    """A table's cell as the plain value of a field: tables hold counts as floats, or text such as 40k, and lists as text."""
    if name in ("cooled_at", "evaluated_at"):
        items = value if isinstance(value, list | tuple) else str(value).split(";")
        return [_count(name, v) for v in items]
    value = value.item() if hasattr(value, "item") else value
    if isinstance(default, int):
        return _count(name, value)
    if isinstance(default, float):
        try:
            return float(value)
        except (TypeError, ValueError):
            raise TrainerError(f"{name} = {value!r} is not a number") from None
    return value


def _count(name: str, value: Any) -> int:
    """A whole number, also written as 40k or 2M."""
    from quokka_laws.runs.quantities import parse_quantity

    try:
        number = parse_quantity(value) if isinstance(value, str) else float(value)
    except (TypeError, ValueError) as error:
        raise TrainerError(f"{name}: {error}") from None
    if not number.is_integer():
        raise TrainerError(f"{name} = {value} is not a whole number")
    return int(number)


def _planned(record: dict[Any, Any]) -> dict[str, Any]:
    """Fields of a planned row: the shape nearest to N, with D such that N·D, the plan's compute, stays.

    Where the plan gives unique tokens, D stays instead: it is epochs of them.
    """
    width, depth = shape_near(float(record["N"]))
    U = float(record.get("U_D", float("nan")))
    if not pd.isna(U):
        tokens = int(record["D"])
        return {"width": width, "depth": depth, "tokens": tokens, "unique_tokens": int(min(U, tokens))}
    N = counts(Shape(width, depth))["N_total"]
    return {"width": width, "depth": depth, "tokens": round(float(record["N"]) * float(record["D"]) / N)}


def shape_near(N: float, *, vocabulary: int = 256) -> tuple[int, int]:
    """Width (a multiple of 8) and depth (about width / 20) whose N_total is nearest to N, in ratio."""
    shapes = [Shape(w, max(1, round(w / 20)), vocabulary) for w in range(8, 2049, 8)]
    best = min(shapes, key=lambda s: abs(math.log(counts(s)["N_total"] / N)))
    return best.width, best.depth
