"""Fits of several losses as one page: side by side, their differences, one small panel each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._spelling import option
from quokka_laws._version import __version__
from quokka_laws.exceptions import ArgumentError, FitError
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.reporting.plot.losses import along, loss_panel
from quokka_laws.reporting.plot.svg import THEME, inline
from quokka_laws.reporting.tables import Table, as_csv
from quokka_laws.reporting.templating import render
from quokka_laws.reporting.text import beyond_runs, outside_runs, plan_cells
from quokka_laws.results.format import human, indent, left_aligned, right_aligned
from quokka_laws.results.intervals import LEVEL
from quokka_laws.results.loss_fits import LossFits
from quokka_laws.results.storage import data_hash
from quokka_laws.results.text import sentences_of
from quokka_laws.runs.quantities import as_numbers


def losses_answer(fits: LossFits, C: Any = ()) -> tuple[str, pd.DataFrame]:
    """What the losses say in a sentence or two, and the best models at budgets, where the law has some."""
    plan = pd.DataFrame()
    budgets = list(as_numbers(C))
    if budgets and fits[fits.first].law.of_N_and_D:
        plan = compute_optimal(list(fits.values()), budgets, level=LEVEL)
        plan.insert(0, "of", np.repeat(list(fits), len(budgets)))
        said = []
        for C_, rows in plan.groupby("C", sort=False):
            sizes = [f"{human(row['N'])} for {row['of']}" for _, row in rows.iterrows()]
            said.append(f"At C = {C_:.3g} the best size is {', '.join(sizes)}.")
        return "\n".join(said), plan
    if len(fits) < 2:
        return (
            f"{fits.first}: {fits[fits.first].law.label} fits with {100 * fits[fits.first].rms_residual:.2g} % rms.",
            plan,
        )
    table = fits.differences()
    apart = table[(table["lower"] > 0) | (table["upper"] < 0)]
    if table["stderr"].isna().all():
        return (
            f"{len(fits)} losses of the same runs; without refits, {option('bootstrap', 1000)}, no difference has an interval.",
            plan,
        )
    if apart.empty:
        return f"No coefficient of the other losses differs from {fits.first}'s by more than chance.", plan
    told = [f"{name} of {loss} ({row['difference']:+.3g})" for (loss, name), row in apart.iterrows()]
    return f"Different from {fits.first} beyond chance: {', '.join(told)}.", plan


def losses_known(fits: LossFits, C: Any = ()) -> list[str]:
    """What to know before relying on them: each sentence once, with the losses that it is about."""
    about: dict[str, list[str]] = {}
    for loss, fit in fits.items():
        outside = [
            f"C = {c:.3g} is {factor} {side}. {beyond_runs(fit)}."
            for c, factor, side in outside_runs(fit, as_numbers(C))
        ]
        for sentence in (*outside, *sentences_of(fit)):
            about.setdefault(sentence, []).append(loss)
    said = [s if len(losses) == len(fits) else f"{', '.join(losses)}: {s}" for s, losses in about.items()]
    return [*fits.remarks(), *said]


def losses_evidence(fits: LossFits, C: Any = ()) -> list[str]:
    """Tables as text: the plan, coefficients side by side, differences."""
    plan = losses_answer(fits, C)[1]
    parts = [] if plan.empty else [f"Compute-optimal\n{indent(right_aligned(_plan_table(plan)))}"]
    law = fits[fits.first].law
    parts.append(f"loss = {law.equation}, of the same runs\n{indent(left_aligned(fits.side_by_side()))}")
    if len(fits) > 1:
        parts.append(
            f"Difference from {fits.first}; * where its 95 % interval leaves out zero\n"
            f"{indent(left_aligned(fits.shown_differences()))}"
        )
    return parts


def losses_page(
    fits: LossFits, *, C: Any = (), form: str = "html", command: str = ""
) -> tuple[str, str, list[str], dict[str, pd.DataFrame]]:
    """The page, its answer, what to know before relying on it, and its numbers by the names of their files.

    Parameters
    ----------
    fits : LossFits
    C : float or sequence
        Budgets to allocate; ten times the largest run's for a law of N and D.
    form : {'html', 'md'}
    command : str
        What made the page, printed in it.
    """
    if form not in ("html", "md"):
        raise ArgumentError(f"form = {form!r}: a report is 'html' or 'md'")
    first = fits[fits.first]
    if not np.size(C) and first.law.of_N_and_D and "C" in first.fitted_range:
        C = 10 * first.fitted_range["C"][1]
    try:
        answer, plan = losses_answer(fits, C)
    except FitError as error:
        answer, plan = f"These fits name no best model: {error}.", pd.DataFrame()
    known = losses_known(fits, C)
    cells = [plan_cells(str(row["of"]), row) for _, row in plan.iterrows()]
    coefficients, differences = _rows(fits.side_by_side(), "loss"), []
    if several := len(fits) > 1:
        differences = _rows(fits.shown_differences(), "loss")
    meanings = [{"coefficient": c.name, "meaning": c.meaning} for c in first.law.coefficients]
    tables = [
        Table("allocations", cells, plan),
        Table("coefficients", coefficients, pd.DataFrame(coefficients)),
        Table("differences", differences, fits.differences().reset_index() if several else pd.DataFrame()),
        Table("meanings", meanings, pd.DataFrame(meanings)),
    ]
    numbers = {table.name: table.numbers for table in tables if len(table.numbers)}
    numbers |= {f"residuals-{i}": fit.residuals for i, fit in enumerate(fits.values())}
    context = {
        "title": f"{first.law.label}: {len(fits)} losses, {len(first.runs)} rows",
        "question": f"How do {_listed(list(fits))} scale?",
        "answer": answer,
        "law": {"equation": first.law.equation, "source": first.law.source},
        "plan": tables[0],
        "coefficients": tables[1],
        "differences": tables[2],
        "meanings": tables[3],
        "against": fits.first,
        "numbers": {name: text for name, table in numbers.items() if (text := as_csv(table))},
        "theme": THEME,
        "words": ("meaning",),
        "panels": [inline(loss_panel(fit, loss), f"{loss} and its fit") for loss, fit in fits.items()]
        if form == "html"
        else [],
        "along": along(first),
        "diagnostics": known,
        "facts": _facts(fits, command),
    }
    return render(f"losses.{form}.j2", context), answer, known, numbers


def _plan_table(plan: pd.DataFrame) -> pd.DataFrame:
    show: dict[str, Callable[[Any], str]] = {"C": "{:.3g}".format, "N": human, "D": human, "loss": "{:.3f}".format}
    table = pd.DataFrame({"loss of": plan["of"]})
    for name, form in show.items():
        table[name] = plan[name].map(form)
        if f"{name}_lower" in plan:
            ends = zip(plan[f"{name}_lower"], plan[f"{name}_upper"], strict=True)
            table[name] += [f" [{form(a)}, {form(b)}]" for a, b in ends]
    return table


def _rows(table: pd.DataFrame, index: str) -> list[dict[str, str]]:
    return [{index: str(name), **{str(k): str(v) for k, v in row.items()}} for name, row in table.iterrows()]


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _facts(fits: LossFits, command: str) -> list[tuple[str, str]]:
    first = fits[fits.first]
    spread = "; ".join(f"{k} {a:.3g} … {b:.3g}" for k, (a, b) in first.fitted_range.items() if k != "loss")
    return [
        ("command", command or "ql.report(fits)"),
        ("versions", ", ".join(f"{k} {v}" for k, v in {**first.versions, "page by quokka-laws": __version__}.items())),
        ("seed", str(first.seed)),
        ("rows fitted", f"{len(first.runs)}; {spread}"),
        ("conventions", first.conventions.describe()),
        *(
            (
                f"objective of {loss}",
                f"{fit.objective_value:.10g} ({fit.status.value}); data sha256 {data_hash(fit.runs)}",
            )
            for loss, fit in fits.items()
        ),
    ]
