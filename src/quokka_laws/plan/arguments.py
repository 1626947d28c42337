"""What planning functions are given, as arrays: numbers that must be positive, coefficients of many problems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from quokka_laws._typing import Array


def positive(**given: Any) -> list[Array]:
    """Numbers, or arrays of them, in raw units → flat arrays that were broadcast against one another.

    Raises
    ------
    ValueError
        Naming the first argument that holds anything but positive finite numbers.
    """
    arrays = []
    for name, value in given.items():
        try:
            array = np.atleast_1d(np.asarray(value, dtype=float))
        except (TypeError, ValueError):  # text, or None among numbers
            array = np.array([np.nan])
        if isinstance(value, str) or not (np.isfinite(array) & (array > 0)).all():
            raise ValueError(f"{name} = {value!r}: expected positive numbers")
        arrays.append(array)
    return [np.array(v).ravel() for v in np.broadcast_arrays(*arrays)]


def one_positive(**given: Any) -> None:
    """Check that every argument is a single positive finite number; :func:`positive` where arrays are welcome."""
    for name, value in given.items():
        if np.ndim(value):
            raise ValueError(f"{name} = {value!r}: expected one positive number")
        positive(**{name: value})


def as_columns(values: Mapping[str, Any]) -> dict[str, Array]:
    """Coefficients, one number or many of each → columns (problems, 1)."""
    return {k: np.atleast_1d(np.asarray(v, dtype=float))[:, None] for k, v in values.items()}
