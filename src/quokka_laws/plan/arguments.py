"""What planning functions are given, as arrays: numbers that must be positive, coefficients of many problems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError
from quokka_laws.runs.quantities import as_numbers


def positive(**given: Any) -> list[Array]:
    """Numbers, text such as ``"1e22 FLOPs"`` or ``"1e22, 1e23"``, or arrays of them → flat arrays, broadcast.

    Raises
    ------
    ArgumentError
        Naming every argument that holds anything but positive finite numbers.
    """
    arrays, faults = [], []
    for name, value in given.items():
        try:
            array = as_numbers(value)
        except ArgumentError as error:
            faults.append(f"{name}: {error}")
            continue
        if not (np.isfinite(array) & (array > 0)).all():
            faults.append(f"{name} = {value!r}: expected positive numbers")
        arrays.append(array)
    if faults:
        raise ArgumentError("; ".join(faults))
    try:
        return [np.array(v).ravel() for v in np.broadcast_arrays(*arrays)]
    except ValueError:
        sizes = ", ".join(f"{len(v)} of {k}" for k, v in zip(given, arrays, strict=True))
        raise ArgumentError(f"{sizes}: give as many of each, or one of all but one") from None


def one_positive(**given: Any) -> list[float]:
    """Single positive finite numbers, as numbers; :func:`positive` where arrays are welcome."""
    found = []
    for name, value in given.items():
        (array,) = positive(**{name: value})
        if np.ndim(value) or len(array) > 1:
            raise ArgumentError(f"{name} = {value!r}: expected one positive number")
        found.append(float(array[0]))
    return found


def as_columns(values: Mapping[str, Any]) -> dict[str, Array]:
    """Coefficients, one number or many of each → columns (problems, 1)."""
    return {k: np.atleast_1d(np.asarray(v, dtype=float))[:, None] for k, v in values.items()}
