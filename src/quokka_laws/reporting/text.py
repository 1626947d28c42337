"""Plans as text: an answer in a sentence, and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.format import how_far, human, indent, right_aligned, times
from quokka_laws.results.intervals import LEVEL

BEYOND_RUNS = "The interval assumes that the law is right; beyond your runs that is the larger risk"


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
    if not np.isfinite(row.get(f"{name}_lower", np.nan)):
        return ""
    level = 100 * row.get("level", LEVEL)
    return f" ({level:.3g} %: {show(row[f'{name}_lower'])} … {show(row[f'{name}_upper'])})"


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
    shown["weight"] = members["weight"].map("{:.2g}".format)
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
    """One row of an allocation for a page: heading → text."""
    cells = {"by": method}
    if "C" in row:
        cells["C (FLOPs)"] = f"{row['C']:.3g}"
    if "U_D" in row:
        cells["unique tokens"] = human(row["U_D"])
    for name, show in (("N", human), ("epochs", "{:.3g}".format), ("D", human), ("loss", "{:.3f}".format)):
        if name in row and np.isfinite(row[name]):
            cells[name] = str(show(row[name]))
            if found := between(row, name, show):
                cells[f"{name}, interval"] = found[2:-1].split(": ", 1)[1]
    if "tokens_per_param" in row:
        cells["D/N"] = f"{row['tokens_per_param']:.3g}"
    if np.isfinite(row.get("N_flat_lower", np.nan)):
        cells["N within 0.1 %"] = f"{human(row['N_flat_lower'])} … {human(row['N_flat_upper'])}"
    far = [v for k, v in row.items() if str(k).startswith("extrapolation") and np.isfinite(v)]
    cells["beyond runs"] = how_far(max(far, default=np.nan), row.get("below_runs", False))
    return cells
