"""What people hand to :func:`~quokka_laws.fit`, as a law and checked runs; a mistake gets one sentence with all faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from quokka_laws.exceptions import ArgumentError
from quokka_laws.laws import Law, as_law, is_named, names
from quokka_laws.runs.files import SUFFIXES
from quokka_laws.runs.read import as_runs

LEAST = {"bootstrap": 0, "seed": 0}
"""Smallest of counts that may be zero."""

_OF_A_LAW = "they are of a law: params=law.make_params(alpha={'min': 0, 'max': 1}), or ql.law(formula, min=…, max=…, start=…, fixed=…, tie=…)"
MEANT = {
    **dict.fromkeys(("data", "df", "table", "path", "X"), "the table is runs="),
    **dict.fromkeys(("model", "formula", "form", "laws"), "the law is law=; several: ql.compare(laws, runs)"),
    **dict.fromkeys(("bounds", "start", "p0", "init", "fixed", "fix", "tie", "min", "max"), _OF_A_LAW),
    **dict.fromkeys(("delta", "huber_delta"), "Huber's is objective=ql.LogHuber(1e-3)"),
    **dict.fromkeys(
        ("level", "alpha", "ci"),
        "intervals are asked at a level afterwards: fit.summary_at(0.9), fit.predict(…, level=0.9)",
    ),
    **dict.fromkeys(("n_bootstrap", "n_boot", "bootstraps", "refits"), "refits are bootstrap=1000"),
    **dict.fromkeys(("N", "D", "C", "U_D"), "numbers come in one table: {'N': …, 'D': …, 'loss': …}"),
    **dict.fromkeys(("keep", "flops", "best_of"), "it is of reading: ql.fit(ql.read_runs(runs, …))"),
}
"""Arguments that people give to ``fit``, and where what they mean is given."""


def refuse_unknown(unknown: Mapping[str, Any]) -> None:
    """Raise for arguments that ``fit`` does not have, with where what they mean is given."""
    if unknown:
        told = dict.fromkeys(MEANT.get(name, "help(ql.fit) lists what it has") for name in unknown)
        raise ArgumentError(f"fit has no argument {', '.join(unknown)}: {'; '.join(told)}")


def in_order(asked: str, given: Sequence[Any], law: Any, runs: Any) -> tuple[Any, Any]:
    """What was given by position, in either order, and by name: first what is a law, if there are two things.

    Raises
    ------
    ArgumentError
        If nothing was given, or more than two things.
    """
    count = len(given) + (law is not None) + (runs is not None)
    if not 0 < count <= 2:
        raise ArgumentError(
            f"{asked} takes a law and runs, and was given {count or 'nothing'}: ql.{asked}(law, runs), or ql.{asked}(runs)"
        )
    if law is not None:
        return law, (given[0] if given else runs)
    if runs is not None:
        return (given[0] if given else None), runs
    first, second = (*given, None)[:2]
    return first, second


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
    if laws := [one for one in (law, runs) if isinstance(one, list | tuple) and one and all(map(names_a_law, one))]:
        raise ArgumentError(f"fit takes one law, and was given {len(laws[0])}; ql.compare(laws, runs) compares them")
    if not names_a_law(law) and (names_a_law(runs) or (isinstance(runs, str) and not isinstance(law, str))):
        law, runs = runs, law
    found = as_law(law)
    if runs is None:
        raise ArgumentError(f"no runs were given: fit({found.name!r}, runs), with a DataFrame or the path of a table")
    return found, as_runs(runs, columns)


def only_runs(law: Any, runs: Any, columns: Mapping[str, str] | None = None) -> pd.DataFrame | None:
    """Runs that are checked, where they were given without a law; None where there is a law, or nothing."""
    given = law if runs is None else runs
    if given is None or (law is not None and runs is not None) or names_a_law(given):
        return None
    if isinstance(given, str) and not Path(given).exists() and Path(given).suffix.lower() not in SUFFIXES:
        return None  # a formula, or a name that is wrong
    return as_runs(given, columns)


def whole(**counts: Any) -> tuple[Any, ...]:
    """These as whole numbers, 1e3 too; None stays.

    Raises
    ------
    ArgumentError
        For all that are none, or too small.
    """
    faults, found = [], []
    for name, value in counts.items():
        least = LEAST.get(name, 1)
        try:
            good = value is None or (not isinstance(value, bool) and value == int(value) and value >= least)
        except (TypeError, ValueError):
            good = False
        if not good:
            faults.append(f"{name} = {value!r}: expected a whole number, {least} or more")
        found.append(int(value) if good and value is not None else None)
    if faults:
        raise ArgumentError("; ".join(faults))
    return tuple(found)


def names_a_law(given: Any) -> bool:
    """Whether something is a law, its class, its name or a formula."""
    return (
        isinstance(given, Law)
        or (isinstance(given, type) and issubclass(given, Law))
        or (isinstance(given, str) and is_named(given) and (given.lower() in names() or not Path(given).exists()))
    )
