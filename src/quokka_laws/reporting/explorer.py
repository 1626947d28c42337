"""An explorer page: sliders for compute, unique tokens and inference tokens; several laws with their bands.

The page is one HTML file that runs offline. Its curves are the laws' own formulas (:mod:`quokka_laws.reporting.javascript`) at
the fitted coefficients and their bootstrap draws, so they agree with the library to rounding.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from quokka_laws._version import __version__
from quokka_laws.exceptions import FitError
from quokka_laws.reporting.javascript import law_source
from quokka_laws.reporting.templating import plain, render
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.writing import write_atomically

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MOST_DRAWS = 400


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
    k·N·D the fit's own FLOP rule. A law without epochs takes every token as fresh, and is marked where that means more
    than four epochs; a law with epochs is asked at ``epochs = D / U_D``. Bands are percentiles (5 and 95 %) over at most 400 evenly chosen draws of each law.
    """
    if not laws:
        raise FitError("an explorer page needs at least one law")
    for law in laws:
        usable = {"N", "D", "U_D", "epochs"}
        if not {"N"} < set(law.law.variables) <= usable:
            raise FitError(
                f"{law.label} is a law of {', '.join(law.law.variables)}; the explorer draws laws of N and data"
            )
    records = [_record(law, COLORS[i % len(COLORS)]) for i, law in enumerate(laws)]
    ranges = [law.fitted_range for law in laws]
    largest = max((r["C"][1] for r in ranges if "C" in r), default=1e22)
    smallest = min((r["C"][0] for r in ranges if "C" in r), default=1e18)
    unique = [r["U_D"] for r in ranges if "U_D" in r] or [r["D"] for r in ranges if "D" in r] or [(1e8, 1e12)]
    bounds = {
        "C": [np.floor(np.log10(smallest)), np.ceil(np.log10(largest)) + 3],
        "U_D": [np.floor(np.log10(min(u[0] for u in unique))), np.ceil(np.log10(max(u[1] for u in unique))) + 2],
        "start_C": np.log10(largest),
        "start_U_D": np.log10(max(u[1] for u in unique)),
    }
    data = json.dumps(plain({"laws": records, "bounds": bounds}), allow_nan=False)
    data = (
        data.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    )  # a script element ends at no text
    sources = [law_source(law.law) for law in laws]
    return render(
        "explore.html.j2",
        {"title": title, "data": data, "sources": sources, "laws": records, "version": __version__},
    )


def write_explorer(laws: Sequence[FittedLaw], path: str | Path) -> Path:
    """:func:`explorer`, written to a file."""
    return write_atomically(path, explorer(laws))


def _record(law: FittedLaw, color: str) -> dict[str, Any]:
    draws: list[list[float]] = []
    total = 0
    if law.has_intervals and law.draws is not None and len(usable := law.draws.dropna()):
        total = len(usable)
        every = np.unique(np.linspace(0, total - 1, min(total, MOST_DRAWS)).astype(int))
        draws = usable[list(law.law.names)].to_numpy()[every].tolist()
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
        "repeats": law.law.of_repetition,
        "range": {k: list(v) for k, v in law.fitted_range.items()},
        "color": color,
    }
