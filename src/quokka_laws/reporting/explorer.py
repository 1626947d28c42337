"""An explorer page: sliders for compute, data and a law's own variables; several laws with their bands and runs.

The page is one HTML file that runs offline. Its curves are the laws' own formulas (:mod:`quokka_laws.reporting.javascript`) at
the fitted coefficients and their bootstrap draws, so they agree with the library to rounding.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._version import __version__
from quokka_laws.exceptions import FitError
from quokka_laws.laws import Formula
from quokka_laws.reporting.javascript import law_source
from quokka_laws.reporting.templating import render
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.runs.rows import subset
from quokka_laws.writing import write_atomically

MOST_DRAWS, ALL_DRAWS = 400, 1200
"""Of one law, and of all laws of a page together: a page stays small enough to send."""
MOST_RUNS, ALL_RUNS = 300, 900
DIGITS = 8
DATA = ("D", "U_D", "epochs")
SIZES = ("N", "N_active", "N_total", "N_dense", "N_nonvocab")
"""What a law may call its size, first come first served; the axis of the page."""
SPARSITY = "sparsity"
"""Share of the parameters that does not compute, where the size is all of them."""


def explorer(laws: Sequence[FittedLaw], *, title: str = "Scaling-law explorer") -> str:
    """The explorer page of several laws.

    Parameters
    ----------
    laws : sequence of FittedLaw
        Own fits and published laws; each a law of N and D, or of N, U_D and epochs. Their conventions should agree:
        the page names them but converts nothing.
    title : str

    Returns
    -------
    str
        HTML that loads nothing from anywhere.

    Raises
    ------
    FitError
        If a law is not one of model size and data, or there is none.
    MissingDependencyError
        Without ``jinja2``.

    Notes
    -----
    C is the total budget: training and inference together, ``C = k·N·D + 2·N·T`` with T inference tokens and
    k·N·D the fit's own FLOP rule; of N_total with a variable ``sparsity`` only the share 1 − sparsity computes. A law without epochs takes every token as fresh, and is marked where that means more
    than four epochs; a law with epochs is asked at ``epochs = D / U_D``. Bands are percentiles
    (5 and 95 %) over at most 400 evenly chosen draws of each law.
    """
    if not laws:
        raise FitError("an explorer page needs at least one law")
    for law in laws:
        if not _size(law) or not set(DATA) & set(law.law.variables):
            raise FitError(
                f"{law.label} is a law of {', '.join(law.law.variables)}; the explorer draws laws of N and data"
            )
    laws = [each for law in laws for each in _by_level(law)]
    own = max(1, sum(isinstance(law, FitResult) for law in laws))
    records = [_record(law, own) for law in laws]
    sizes = {_size(law) for law in laws}
    units = {law.conventions.loss_unit for law in laws}
    data = {
        "laws": records,
        "controls": _controls(laws),
        "size": f"parameters {sizes.pop()}" if len(sizes) == 1 else "parameters",
        "loss": f"loss ({units.pop()})" if len(units) == 1 else "loss",
    }
    return render(
        "explore.html.j2",
        {
            "title": title,
            "data": data,
            "sources": [law_source(law.law) for law in laws],
            "laws": records,
            "version": __version__,
        },
    )


def _by_level(law: FittedLaw) -> Iterator[FittedLaw]:
    """A law with coefficients by the level of a column as one law for each level: the page has sliders for numbers."""
    if not isinstance(law.law, Formula) or not law.law.groups:
        yield law
        return
    columns = dict(law.law.levels)
    for combination in itertools.product(*(columns[name] for name in law.law.groups)):
        chosen = dict(zip(law.law.groups, map(str, combination), strict=True))
        one = law.law.at_levels(chosen)
        parts: dict[str, Any] = {"law": one, "values": {k: law.values[k] for k in one.names}}
        if law.draws is not None:
            parts["draws"] = law.draws[list(one.names)]
        if isinstance(law, FitResult):
            here = np.all([law.runs[name].astype(str) == level for name, level in chosen.items()], axis=0)
            parts["runs"] = subset(law.runs, here)
        yield replace(law, name=f"{law.label}, {', '.join(chosen.values())}", **parts)


def _controls(laws: Sequence[FittedLaw]) -> list[dict[str, Any]]:
    """Sliders: compute, unique and inference tokens, and every variable that a law has beside them."""
    ranges = [law.fitted_range for law in laws]
    largest = max((r["C"][1] for r in ranges if "C" in r), default=1e22)
    seen = [law.fitted_range["C"][1] for law in laws if isinstance(law, FitResult) and "C" in law.fitted_range]
    smallest = min((r["C"][0] for r in ranges if "C" in r), default=1e18)
    unique = [r["U_D"] for r in ranges if "U_D" in r] or [r["D"] for r in ranges if "D" in r] or [(1e8, 1e12)]
    least, most = min(u[0] for u in unique), max(u[1] for u in unique)
    controls: list[dict[str, Any]] = [
        _by_decades("C", "Compute C (FLOPs)", smallest, largest, 3, max(seen, default=largest)),
        _by_decades("U_D", "Unique tokens U_D", least, most, 2, most),
        {"name": "T", "label": "Inference tokens T", "low": 0, "high": 15, "start": 0, "log": True, "none": True},
    ]
    own = [_own(law) for law in laws]
    for name in dict.fromkeys(k for variables in own for k in variables):
        ranges_of = [variables[name] for variables in own if name in variables]
        low, high = min(v["low"] for v in ranges_of), max(v["high"] for v in ranges_of)
        log = low > 0 and high > 10 * low
        ends = [float(np.log10(v)) if log else float(v) for v in (low, high)]
        controls.append(
            {
                "name": name,
                "label": name,
                "low": ends[0],
                "high": ends[1],
                "start": ranges_of[0]["middle"],
                "log": log,
                "none": low <= 0,
            }
        )
    return controls


def _by_decades(name: str, label: str, low: float, high: float, beyond: int, start: float) -> dict[str, Any]:
    ends = {"low": float(np.floor(np.log10(low))), "high": float(np.ceil(np.log10(high))) + beyond}
    return {"name": name, "label": label, **ends, "start": start, "log": True, "none": False}


def _size(law: FittedLaw) -> str:
    """The variable that is the model's size; empty where there is none."""
    return next((name for name in SIZES if name in law.law.variables), "")


def _sparse(law: FittedLaw) -> str:
    """The variable that says which share of the size computes; empty where all of it does."""
    return SPARSITY if SPARSITY in law.law.variables and _size(law) == "N_total" else ""


def _own(law: FittedLaw) -> dict[str, dict[str, float]]:
    """Variables of a law beside size and data, with the range of its runs and the middle of that."""
    found = {}
    for name in law.law.variables:
        if name in (*DATA, "C", _size(law)):
            continue
        low, high = law.fitted_range.get(name, (0.1, 10.0))
        middle = float(np.sqrt(low * high)) if low > 0 else 0.5 * (low + high)
        found[name] = {"low": float(low), "high": float(high) if high > low else float(low) + 1.0, "middle": middle}
    return found


def write_explorer(laws: Sequence[FittedLaw], path: str | Path) -> Path:
    """:func:`explorer`, written to a file."""
    return write_atomically(path, explorer(laws))


def _record(law: FittedLaw, own: int) -> dict[str, Any]:
    """A law for the page, one of so many fits."""
    draws: list[list[float]] = []
    total = 0
    if law.has_intervals and law.draws is not None and len(usable := law.draws.dropna()):
        total = len(usable)
        every = _evenly(total, min(MOST_DRAWS, ALL_DRAWS // own))
        draws = [[_short(v) for v in row] for row in usable[list(law.law.names)].to_numpy()[every].tolist()]
    runs = _as_points(law) if isinstance(law, FitResult) else pd.DataFrame()
    return {
        "label": law.label,
        "equation": law.law.equation,
        "conventions": law.conventions.describe(),
        "family": law.conventions.family,
        "flops": law.conventions.flops_per_ND,
        "names": list(law.law.names),
        "values": [float(law.values[k]) for k in law.law.names],
        "draws": draws,
        "all_draws": total,
        "size": _size(law),
        "sparse": _sparse(law),
        "repeats": law.law.of_repetition,
        "range": {k: list(v) for k, v in law.fitted_range.items()},
        "own": _own(law),
        "runs": _runs(runs, list(_own(law)), min(MOST_RUNS, ALL_RUNS // own)),
        "all_runs": len(runs),
    }


def _as_points(fit: FitResult) -> pd.DataFrame:
    """The fitted rows with their size as N, and their compute by the page's own count where they have none."""
    runs = fit.runs.copy()
    runs["N"] = runs[_size(fit)]
    if "C" not in runs and "D" in runs:
        share = 1.0 - runs[SPARSITY] if _sparse(fit) else 1.0
        runs["C"] = fit.conventions.flops_per_ND * share * runs["N"] * runs["D"]
    return runs


def _runs(runs: pd.DataFrame, own: Sequence[str], most: int) -> list[dict[str, Any]]:
    """Fitted rows as points, evenly chosen where there are many, by the names their owner gave them."""
    if not {"N", "C", "loss"} <= set(runs.columns):
        return []
    part = runs.iloc[_evenly(len(runs), most)]
    numbers = [k for k in ("N", "C", "U_D", "loss", *own) if k in part]
    names = part["run_id"] if "run_id" in part else [f"row {i}" for i in part.index]
    values = part[numbers].astype(float).to_numpy().tolist()
    return [
        {"name": str(name)[:80], **{k: _short(v) for k, v in zip(numbers, row, strict=True)}}
        for name, row in zip(names, values, strict=True)
    ]


def _evenly(count: int, most: int) -> Any:
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int)) if count else []


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
