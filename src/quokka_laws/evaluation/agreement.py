"""What other methods make of the same runs, and whether a fit's own interval holds their answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quokka_laws.evaluation.sensitivity_analysis import own_settings
from quokka_laws.exceptions import QuokkaError
from quokka_laws.fitting.diagnostics import LOW_RATIO
from quokka_laws.fitting.fit import fit as fit_law
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.format import human
from quokka_laws.results.intervals import LEVEL
from quokka_laws.results.isoflop_fit import IsoflopFit
from quokka_laws.runs.rows import subset


def second_opinions(
    fit: FitResult, iso: IsoflopFit | None, C: Sequence[float], *, level: float | None = LEVEL
) -> dict[str, pd.DataFrame]:
    """Allocations at the budgets C by IsoFLOP profiles, and by the fit without its runs of few tokens per parameter.

    The latter only where the fit says that those runs decide it, and without an interval; each as
    :func:`quokka_laws.plan.compute_optimal`.
    """
    found = {}
    if iso is not None:
        found[iso.label] = compute_optimal(iso, C, level=level)
    if any(d.code == "LOW_RATIO_RUNS" for d in fit.diagnostics):
        low = (fit.runs["D"] / fit.runs["N"] < LOW_RATIO).to_numpy()
        kept = subset(fit.runs, ~low)
        try:
            params = fit.law.make_params(**own_settings(fit))
            again = fit_law(fit.law, kept, objective=fit.objective, params=params, seed=fit.seed)
            found[f"{fit.label} without the {low.sum()} runs with D/N < {LOW_RATIO:g}"] = compute_optimal(
                again, C, level=None
            )
        except QuokkaError:  # its runs do not suffice, which is no second opinion
            pass
    return found


@dataclass(frozen=True)
class Disagreement:
    """Methods that place the optimum elsewhere.

    Parameters
    ----------
    sizes : dict of str to float
        N by each method that lies outside.
    outside : str
        Of what.
    lowest, highest : float
        N over all methods: the range to plan for.
    """

    sizes: dict[str, float]
    outside: str
    lowest: float
    highest: float

    @property
    def span(self) -> str:
        """The range to plan for, in words."""
        return f"{human(self.lowest)} to {human(self.highest)}"

    def __str__(self) -> str:
        said = " and ".join(f"{human(N)} by {method}" for method, N in self.sizes.items())
        return f"{said}, outside {self.outside}. The methods disagree: plan for the range {self.span}"


def disagreement(own: pd.Series, others: dict[str, pd.DataFrame], row: int = 0) -> Disagreement | None:
    """Which methods place the optimum outside the interval of ``own`` and what range to plan for; None if none does.

    Parameters
    ----------
    own : Series
        One row of :func:`quokka_laws.plan.compute_optimal`; without an interval the sizes within 0.1 % of its loss count.
    others : dict of str to DataFrame
        From :func:`second_opinions`.
    row : int
        Which of their budgets.
    """
    name = "N" if np.isfinite(own.get("N_lower", np.nan)) else "N_flat"
    low, high = own[f"{name}_lower"], own[f"{name}_upper"]
    sizes = {method: float(table["N"].iloc[row]) for method, table in others.items()}
    outside = {method: N for method, N in sizes.items() if not low <= N <= high}
    if not outside:
        return None
    every = [float(own["N"]), *sizes.values()]
    where = "the interval of N" if name == "N" else "the sizes within 0.1 % of its loss"
    return Disagreement(outside, where, min(every), max(every))
