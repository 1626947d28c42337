"""Plans as text: an answer in a sentence, and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._spelling import either
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.format import how_far, human, indent, right_aligned, times
from quokka_laws.results.intervals import LEVEL

PLAN_COLUMNS: dict[str, tuple[str, Callable[[float], str]]] = {
    "C": ("C (FLOPs)", "{:.3g}".format),
    "U_D": ("unique tokens", human),
    "N": ("N", human),
    "epochs": ("epochs", "{:.3g}".format),
    "D": ("D", human),
    "loss": ("loss", "{:.3f}".format),
}
"""Columns of an allocation on a page, in order: heading, and how a number is written."""


def beyond_runs(law: Any, *, interval: bool = False) -> str:
    """What an answer beyond the runs of a law rests on: with an interval, what that leaves out; ``interval`` where it is not the law's own."""
    runs = "your runs" if isinstance(law, FitResult) else "its runs"
    if interval or getattr(law, "has_intervals", False):
        return f"The interval assumes that the law is right; beyond {runs} that is the larger risk"
    return f"Beyond {runs} nothing shows that the law is right"


def repeats(plan: pd.DataFrame, U_D: Iterable[float]) -> list[str]:
    """Where a plan of a law of N and D sees data more than once, which such a law knows nothing of."""
    said = []
    for unique in U_D:
        for _, row in plan[plan["D"] > unique].iterrows() if "D" in plan else ():
            C, U = f"{row['C']:.3g}", human(unique)
            ask = either(
                f"ql.plan.compute_and_data_optimal('muennighoff-2023', C={C}, U_D={unique:.3g})",
                f"`quokka-laws plan -C {C} -U {U}`",
            )
            said.append(
                f"At C = {C} the {human(row['D'])} tokens are {row['D'] / unique:.3g} epochs of {U}, and a law of N and D counts a "
                f"repeated token as a fresh one. Ask a law of repeated data: {ask}."
            )
    return said


def plan_answer(row: pd.Series, where: str, what: str = "D") -> str:
    """One row of a plan as advice: ``At C = 1e+23: train 44.2B parameters (95 %: …) on 377B tokens (…), loss 2.06 (…)``.

    Parameters
    ----------
    row : Series
        Of :func:`quokka_laws.plan.compute_optimal` or :func:`~quokka_laws.plan.compute_and_data_optimal`.
    where : str
        What was asked, such as ``C = 1e+23``.
    what : {"D", "epochs"}
        What goes with the parameters.
    """
    if not np.isfinite(row["N"]):
        return f"At {where}: no best model, because a term of the law is missing, so larger or longer is always better"
    if what == "D":
        length = f"{human(row['D'])} tokens{between(row, 'D', human)}"
    else:
        length = f"{length_of_epochs(row['epochs'])}{between(row, 'epochs', '{:.3g}'.format)}"
    said = f"At {where}: train {human(row['N'])} parameters{between(row, 'N', human)} on {length}"
    if np.isfinite(row["loss"]):
        said += f", predicted loss {row['loss']:.3f}{between(row, 'loss', '{:.3f}'.format)}"
    return said


def length_of_epochs(epochs: float) -> str:
    """``12.3 epochs``, ``1 epoch``."""
    return f"{epochs:.3g} epoch{'' if epochs == 1 else 's'}"


def between(row: pd.Series, name: str, show: Callable[[float], str]) -> str:
    """The interval of a number in brackets; nothing where there is none."""
    ends = _ends(row, name, show)
    return f" ({100 * row.get('level', LEVEL):.3g} %: {ends})" if ends else ""


def _ends(row: pd.Series, name: str, show: Callable[[float], str]) -> str:
    """``3.2B … 12B``; nothing where there is no interval."""
    if not np.isfinite(row.get(f"{name}_lower", np.nan)):
        return ""
    return f"{show(row[f'{name}_lower'])} … {show(row[f'{name}_upper'])}"


def allocation_table(plan: pd.DataFrame) -> str:
    """A plan for people: one line a budget."""
    level = plan["level"].iloc[0] if "level" in plan else LEVEL
    shown = pd.DataFrame({"C": plan["C"].map("{:.3g}".format)})
    for name in ("N", "D"):
        shown[name] = plan[name].map(human)
        if f"{name}_lower" in plan:
            shown[f"{name} ({100 * level:.3g} %)"] = _interval(plan, name, human)
    shown["D/N"] = plan["tokens_per_param"].map("{:.3g}".format)
    if plan["loss"].notna().any():
        shown["loss"] = plan["loss"].map("{:.3f}".format)
        if "loss_lower" in plan:
            shown[f"loss ({100 * level:.3g} %)"] = _interval(plan, "loss", "{:.3f}".format)
        shown["N within 0.1 % loss"] = _interval(plan, "N_flat", human)
    shown["extrapolation"] = [how_far(f, b) for f, b in zip(plan["extrapolation"], plan["below_runs"], strict=True)]
    return indent(right_aligned(shown))


def members_table(members: pd.DataFrame, level: float) -> str:
    """What each method of a consensus says by itself."""
    shown = pd.DataFrame({"C": members["C"].map("{:.3g}".format), "method": members["method"]})
    shown["weight"] = members["weight"].map("{:.2f}".format)
    shown["N"] = members["N"].map(human)
    shown[f"N ({100 * level:.3g} %)"] = _interval(members, "N", human)
    shown["loss"] = ["–" if v != v else f"{v:.3f}" for v in members["loss"]]
    return indent(right_aligned(shown))


def outside_runs(fit: FitResult, budgets: Iterable[float]) -> list[tuple[float, str, str]]:
    """Budgets outside the fitted runs, each with the factor and the side."""
    lowest, highest = fit.fitted_range.get("C", (0.0, np.inf))
    above = [(c, times(c / highest), "beyond your largest run") for c in budgets if c > highest]
    return above + [(c, times(lowest / c), "below your smallest run") for c in budgets if c < lowest]


def _interval(plan: pd.DataFrame, name: str, form: object) -> list[str]:
    show = form if callable(form) else str
    return [f"{show(a)} … {show(b)}" for a, b in zip(plan[f"{name}_lower"], plan[f"{name}_upper"], strict=True)]


def plan_cells(method: str, row: pd.Series) -> dict[str, str]:
    """One row of an allocation for a page: heading → text, what the row does not have left out."""
    cells = {"by": method}
    if np.isfinite(row.get("weight", np.nan)):
        cells["weight"] = f"{row['weight']:.2f}"
    for name, (heading, show) in PLAN_COLUMNS.items():
        if np.isfinite(row.get(name, np.nan)):
            cells[heading] = show(row[name])
            if ends := _ends(row, name, show):
                cells[f"{name}, interval"] = ends
    if "tokens_per_param" in row:
        cells["D/N"] = f"{row['tokens_per_param']:.3g}"
    if ends := _ends(row, "N_flat", human):
        cells["N within 0.1 %"] = ends
    far = [v for k, v in row.items() if str(k).startswith("extrapolation") and np.isfinite(v)]
    if far:
        cells["beyond runs"] = how_far(max(far), bool(row.get("below_runs", False)))
    return cells
