"""Held-out extrapolation: fit on the cheap runs, predict the expensive ones.

Interpolation says nothing about extrapolation, and a law is bought for extrapolation. A split at ×f fits the runs whose
compute is at most ``max(C)/f`` and predicts the others, which lie up to f times beyond; checkpoints of one run stay
together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, QuokkaError, RunsError
from quokka_laws.fitting.arguments import in_order, names_a_law
from quokka_laws.fitting.bootstrap import independent_runs, unit_codes
from quokka_laws.fitting.fit import fit
from quokka_laws.laws import Law, as_law
from quokka_laws.laws.chinchilla import Chinchilla, Skaling
from quokka_laws.laws.kaplan import Kaplan
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.runs.columns import inputs_of
from quokka_laws.runs.read import as_runs


@dataclass(frozen=True)
class Candidate:
    """A law with the settings it is fitted with.

    Parameters
    ----------
    law : Law
    settings : mapping
        For :meth:`Law.make_params`: ``{"beta": {"value": 1.0, "vary": False}}``.
    name : str
        For tables; the law's own by default.
    """

    law: Law
    settings: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""

    @property
    def label(self) -> str:
        """Name for tables."""
        return self.name or self.law.label

    @property
    def free(self) -> int:
        """Coefficients that are fitted."""
        return sum(p.vary and not p.expr for p in self.law.make_params(**self.settings).values())


KAPLAN_WITH_FLOOR = Candidate(Skaling(), {"beta": {"value": 1.0, "vary": False}}, "skaling, beta = 1")
"""The form of Kaplan et al. with an irreducible loss."""


def default_candidates() -> list[Candidate]:
    """Chinchilla, Skaling, Kaplan's form with a floor, and without."""
    return [Candidate(Chinchilla()), Candidate(Skaling()), KAPLAN_WITH_FLOOR, Candidate(Kaplan())]


def as_candidates(laws: Sequence[Law | Candidate | str]) -> list[Candidate]:
    """Laws, also by name or as formulas → candidates, with names that differ."""
    forms = [law if isinstance(law, Candidate) else as_law(law) for law in laws]
    given = [law if isinstance(law, Candidate) else Candidate(law) for law in forms]
    if len({c.label for c in given}) < len(given):
        raise ArgumentError(f"give candidates different names; got {', '.join(c.label for c in given)}")
    return given


def laws_and_runs(asked: str, given: Sequence[Any], laws: Any, runs: Any) -> tuple[Any, pd.DataFrame]:
    """Laws (None where none were named) and checked runs, by position in either order or by name.

    Raises
    ------
    ArgumentError
        If there are no runs.
    """
    laws, runs = in_order(asked, given, laws, runs)
    if not (laws is None or isinstance(laws, list | tuple | Candidate) or names_a_law(laws)):
        laws, runs = runs, laws
    if runs is None:
        raise ArgumentError(f"no runs were given: ql.{asked}(laws, runs), or ql.{asked}(runs) for a choice of laws")
    return (laws if laws is None or isinstance(laws, list | tuple) else [laws]), as_runs(runs)


@dataclass(frozen=True)
class Split:
    """Which rows are fitted and which predicted."""

    label: str
    fitted: Array
    held_out: Array


def splits(runs: pd.DataFrame, holdout: Sequence[float] | Array, *, need: int) -> tuple[list[Split], list[str]]:
    """Splits of runs, and a sentence for each that is not possible.

    Parameters
    ----------
    runs : DataFrame
        With C.
    holdout : sequence of float, or boolean array (rows,)
        Distances, or the user's own held-out rows.
    need : int
        Fewest runs to fit.
    """
    C = reach_of_runs(runs)
    rows = np.atleast_1d(holdout)
    if rows.dtype == bool:
        if rows.shape != (len(runs),) or rows.all() or not rows.any():
            raise ArgumentError(f"holdout: a mask needs one value per row ({len(runs)}), some true and some false")
        return [Split("own", np.flatnonzero(~rows), np.flatnonzero(rows))], []
    found, refused = [], []
    for factor in rows.tolist():
        if not factor > 1:
            raise ArgumentError(f"holdout = {factor:g}: a distance is a factor above 1, such as 3, 10, 30")
        cheap = C.max() / factor * (1 + 1e-6) >= C
        if _count(runs, cheap) < need or _count(runs, ~cheap) < 3:
            refused.append(
                f"×{factor:g}: {_count(runs, cheap)} runs to fit, {_count(runs, ~cheap)} to predict; too few"
            )
        else:
            found.append(Split(f"×{factor:g}", np.flatnonzero(cheap), np.flatnonzero(~cheap)))
    return found, refused


def reach_of_runs(runs: pd.DataFrame) -> Array:
    """The largest compute of each row's run, so that checkpoints of one run stay together."""
    if "C" not in runs:
        raise RunsError("held-out budgets need C, or N and D, of every run")
    if "run_id" in runs:
        return runs.groupby(unit_codes(runs["run_id"]))["C"].transform("max").to_numpy(dtype=float)
    return runs["C"].to_numpy(dtype=float)


def _count(runs: pd.DataFrame, mask: Array) -> int:
    return independent_runs(runs[mask])


def fit_candidate(candidate: Candidate, runs: pd.DataFrame, **settings: Any) -> FitResult:
    """Fit a candidate with its settings, under its name; ``settings`` go to :func:`fit`."""
    held = candidate.law.make_params(**candidate.settings) if candidate.settings else None
    return replace(fit(candidate.law, runs, params=held, **settings), name=candidate.label)


def try_family(
    candidates: Sequence[Candidate], runs: pd.DataFrame, **settings: Any
) -> tuple[dict[str, FitResult], list[str]]:
    """Fits of several laws to the same runs, and why others are not possible.

    A law that contains one before it also starts from that one's optimum, which makes a few automatic starts enough.
    """
    fits: dict[str, FitResult] = {}
    refused = []
    for candidate in candidates:
        inside = [replace(f, values={**f.values, "k": 1.0}) for f in fits.values() if _contains(candidate.law, f.law)]
        found = try_fold(candidate, runs, near=inside, **settings)
        if isinstance(found, str):
            refused.append(found)
        else:
            fits[candidate.label] = found
    return fits, refused


def _contains(wide: Law, narrow: Law) -> bool:
    """Whether a law is another with a coupling k that the other holds at 1."""
    return set(wide.names) - set(narrow.names) == {"k"}


def try_fold(
    candidate: Candidate, runs: pd.DataFrame, *, near: Sequence[FittedLaw] = (), **settings: Any
) -> FitResult | str:
    """A fit, or why there is none; ``near`` are fits to all of the runs, or of a law it contains."""
    try:
        return fit_candidate(candidate, runs, near=near, **settings)
    except QuokkaError as error:
        return f"{candidate.label}: {error}"


def log_errors(fitted: FittedLaw, rows: pd.DataFrame) -> Array:
    """ln(predicted / observed) of rows."""
    return np.asarray(np.log(fitted(**inputs_of(rows, fitted.law.takes))) - np.log(rows["loss"].to_numpy(dtype=float)))
