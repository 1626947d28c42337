"""Plans as text."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.format import how_far, human, indent, right_aligned


def allocation_table(plan: pd.DataFrame, level: float | None = None) -> str:
    """A plan for people: one line a budget, intervals at ``level``."""
    shown = pd.DataFrame({"C": plan["C"].map("{:.3g}".format)})
    for name in ("N", "D"):
        shown[name] = plan[name].map(human)
        if f"{name}_lower" in plan:
            shown[f"{name} ({level:.0%})"] = _interval(plan, name, human)
    shown["D/N"] = plan["tokens_per_param"].map("{:.3g}".format)
    if plan["loss"].notna().any():
        shown["loss"] = plan["loss"].map("{:.3f}".format)
        if "loss_lower" in plan:
            shown[f"loss ({level:.0%})"] = _interval(plan, "loss", "{:.3f}".format)
        shown["N within 0.1 % loss"] = _interval(plan, "N_flat", human)
    shown["extrapolation"] = [how_far(f, b) for f, b in zip(plan["extrapolation"], plan["below_runs"], strict=True)]
    return indent(right_aligned(shown))


def outside_runs(fit: FitResult, budgets: Iterable[float]) -> list[tuple[float, str, str]]:
    """Budgets outside the fitted runs, each with the factor and the side."""
    lowest, highest = fit.fitted_range.get("C", (0.0, np.inf))
    above = [(c, f"×{c / highest:.3g}", "beyond the largest run") for c in budgets if c > highest]
    return above + [(c, f"×{lowest / c:.3g}", "below the smallest run") for c in budgets if c < lowest]


def _interval(plan: pd.DataFrame, name: str, form: object) -> list[str]:
    show = form if callable(form) else str
    return [f"{show(a)} … {show(b)}" for a, b in zip(plan[f"{name}_lower"], plan[f"{name}_upper"], strict=True)]
