"""What people hand to :func:`~quokka_laws.fit`, as a law and checked runs; a mistake gets one sentence with all faults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from quokka_laws.exceptions import ArgumentError
from quokka_laws.laws import Law, as_law, is_named, names
from quokka_laws.runs.files import SUFFIXES
from quokka_laws.runs.read import check_runs, read_runs


def law_and_runs(law: Any, runs: Any, columns: Mapping[str, str] | None = None) -> tuple[Law, pd.DataFrame]:
    """A law and runs that are checked, from either order of the two.

    Parameters
    ----------
    law : Law, class or str
    runs : DataFrame, path or data
        A table that has the canonical columns is checked only; any other is read by :func:`~quokka_laws.read_runs`.
    columns : mapping, optional
        As for :func:`~quokka_laws.read_runs`.
    """
    if names_a_law(runs) and not names_a_law(law):
        law, runs = runs, law
    found = as_law(law)
    if runs is None:
        raise ArgumentError(f"no runs were given: fit({found.name!r}, runs), with a DataFrame or the path of a table")
    if isinstance(runs, pd.DataFrame) and not columns and _is_read(runs, found):
        return found, check_runs(runs)
    return found, read_runs(runs, columns=columns)


def only_runs(law: Any, runs: Any, columns: Mapping[str, str] | None = None) -> pd.DataFrame | None:
    """Runs that are checked, where they were given without a law; None where there is a law, or nothing."""
    given = law if runs is None else runs
    if given is None or (law is not None and runs is not None) or names_a_law(given):
        return None
    if isinstance(given, str) and not Path(given).exists() and Path(given).suffix.lower() not in SUFFIXES:
        return None  # a formula, or a name that is wrong
    if isinstance(given, pd.DataFrame) and not columns and {"N", "D", "loss"} <= set(given):
        return check_runs(given)
    return read_runs(given, columns=columns)


def check_counts(*, bootstrap: Any, n_starts: Any, seed: Any) -> None:
    """Raise unless these are whole numbers of the kind they have to be."""
    faults = [
        f"{name} = {value!r}: expected a whole number, {least} or more"
        for name, value, least in (("bootstrap", bootstrap, 0), ("n_starts", n_starts, 1), ("seed", seed, 0))
        if value is not None and (isinstance(value, bool) or value != int(value) or value < least)
    ]
    if faults:
        raise ArgumentError("; ".join(faults))


def _is_read(runs: pd.DataFrame, law: Law) -> bool:
    """Whether a table needs no reading: its columns are named as the law wants them, or were read under other names."""
    return {"loss", *law.variables} <= {*runs, *runs.attrs.get("renamed", {})}


def names_a_law(given: Any) -> bool:
    """Whether something is a law, its class, its name or a formula."""
    return (
        isinstance(given, Law)
        or (isinstance(given, type) and issubclass(given, Law))
        or (isinstance(given, str) and is_named(given) and (given in names() or not Path(given).exists()))
    )
