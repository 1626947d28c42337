"""A result from what the solver found: all that follows from the runs is filled in here."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

import lmfit
import pandas as pd

from quokka_laws._version import __version__
from quokka_laws.laws import Law
from quokka_laws.results.fit_result import FitResult, draws_to_parameters
from quokka_laws.runs.columns import INPUTS
from quokka_laws.runs.conventions import Conventions


def result_of(
    law: Law,
    runs: pd.DataFrame,
    params: lmfit.Parameters,
    values: dict[str, float],
    draws: pd.DataFrame | None,
    **evidence: Any,
) -> FitResult:
    """A result with all that follows from the runs; ``evidence`` is what the solver found and how."""
    return FitResult(
        law=law,
        values=values,
        conventions=Conventions.from_dict(runs.attrs.get("conventions", {})),
        fitted_range=_ranges(runs, law.variables),
        draws=draws,
        runs=runs,
        excluded=pd.DataFrame(runs.attrs.get("excluded", [])),
        params=draws_to_parameters(_solved_parameters(params, values), draws),
        versions=_versions(),
        **evidence,
    )


def _ranges(runs: pd.DataFrame, variables: Sequence[str]) -> dict[str, tuple[float, float]]:
    columns = dict.fromkeys([*INPUTS, "loss", *variables])
    return {k: (float(runs[k].min()), float(runs[k].max())) for k in columns if k in runs}


def _solved_parameters(params: lmfit.Parameters, values: dict[str, float]) -> lmfit.Parameters:
    """The fit's own parameters, made or copied at its door, with what was found: a copy costs as much as a small fit."""
    for name, par in params.items():
        if name in values and not par.expr:
            par.value = values[name]
    return params


@cache
def _versions() -> dict[str, str]:
    return {"quokka-laws": __version__, **_libraries(), "python": platform.python_version()}


@cache
def _libraries() -> dict[str, str]:
    """Asked once: each answer is a file that is read and parsed, and fits are made by the dozen."""
    return {name: version(name) for name in ("numpy", "scipy", "pandas", "lmfit")}
