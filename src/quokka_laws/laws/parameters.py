"""Settings of coefficients, checked before ``lmfit.Parameters`` see them.

lmfit moves a value into its bounds without a word and evaluates ties with an interpreter that knows loops and files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lmfit
import numpy as np

from quokka_laws._arithmetic import as_tie, check_no_circle
from quokka_laws.exceptions import ArgumentError

SETTINGS = ("value", "min", "max", "vary", "expr", "start")


def checked(params: lmfit.Parameters, settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Settings of coefficients as ``Parameter.set`` takes them, and ``start``, which it does not know.

    Parameters
    ----------
    params : lmfit.Parameters
        The coefficients with their own bounds.
    settings : mapping
        Coefficient → start value, or a mapping of ``value``, ``min``, ``max``, ``vary``, ``expr``, ``start``.

    Raises
    ------
    ArgumentError
        With every fault: an unknown setting, a value that is no finite number or lies outside its bounds, a tie that
        cannot be read or leads back to itself.
    """
    options = {k: dict(v) if isinstance(v, Mapping) else {"value": v} for k, v in settings.items()}
    if faults := [fault for name, given in options.items() for fault in _faults(params, name, given)]:
        raise ArgumentError("; ".join(faults))
    known = {k: options.get(k, {}).get("value", p.value) for k, p in params.items()}
    ties = {k: as_tie(o["expr"], known, k) for k, o in options.items() if o.get("expr")}
    check_no_circle(ties)
    return {k: {**o, "expr": ties[k]} if k in ties else o for k, o in options.items()}


def rebuilt(entries: Sequence[Mapping[str, Any]]) -> lmfit.Parameters:
    """Parameters from plain entries of ``name``, ``value``, ``vary``, ``min``, ``max``, ``expr``, as a fit stores them.

    Raises
    ------
    ArgumentError
        For a tie that cannot be read.
    """
    params = lmfit.Parameters()
    for entry in entries:  # expressions last: they refer to the others
        params.add(**{k: entry[k] for k in ("name", "value", "vary", "min", "max")})
    ties = {e["name"]: as_tie(e["expr"], params.valuesdict(), e["name"]) for e in entries if e["expr"]}
    check_no_circle(ties)
    for name, tie in ties.items():
        params[name].set(expr=tie)
    return params


def _faults(params: lmfit.Parameters, name: str, options: Mapping[str, Any]) -> list[str]:
    """What lmfit would change in silence, or stumble over."""
    if unknown := sorted(set(options) - set(SETTINGS)):
        return [f"{name} has no setting {', '.join(unknown)}; settings are {', '.join(SETTINGS)}"]
    given = {k: v for k, v in options.items() if k in ("value", "min", "max") and v is not None}
    if bad := [f"{k} = {v!r}" for k, v in given.items() if not _is_number(v)]:
        return [f"{name}: {', '.join(bad)}: expected a number"]
    low, high = given.get("min", params[name].min), given.get("max", params[name].max)
    if not low < high:
        return [f"{name}: min = {low:g} is not below max = {high:g}; to hold a value: value and vary=False"]
    if (between := options.get("start")) is not None and not _is_range(between):
        return [f"{name}: start = {between!r}: expected a range (low, high) of two finite numbers, low below high"]
    value = given.get("value")
    if value is not None and not (np.isfinite(value) and low <= value <= high):
        return [f"{name} = {value:g} lies outside its bounds, {low:g} to {high:g}"]
    return []


def _is_range(given: Any) -> bool:
    if not isinstance(given, tuple | list) or len(given) != 2 or not all(map(_is_number, given)):
        return False
    return bool(np.isfinite(given).all() and given[0] < given[1])


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float | np.number) and not isinstance(given, bool) and not np.isnan(given)
