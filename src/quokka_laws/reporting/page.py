"""A fit as one page: self-contained HTML with its figures, or Markdown for a repository."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._version import __version__
from quokka_laws.evaluation.agreement import disagreement, second_opinions
from quokka_laws.evaluation.forecasts import Forecast, outcomes
from quokka_laws.evaluation.reproducibility import checklist
from quokka_laws.exceptions import ArgumentError, FitError, RunsError
from quokka_laws.fitting.isoflop import fit_isoflops
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.plan.repeated import compute_and_data_optimal, data_optimal
from quokka_laws.progress import Progress
from quokka_laws.reporting.losses import losses_page
from quokka_laws.reporting.page_figures import figures, unseen
from quokka_laws.reporting.page_tasks import task_figures, task_rows
from quokka_laws.reporting.templating import render
from quokka_laws.reporting.text import BEYOND_RUNS, between, outside_runs, plan_cells
from quokka_laws.results.downstream import Downstream
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.format import human
from quokka_laws.results.intervals import LEVEL
from quokka_laws.results.isoflop_fit import IsoflopFit
from quokka_laws.results.loss_fits import LossFits
from quokka_laws.results.storage import data_hash
from quokka_laws.runs.quantities import as_numbers
from quokka_laws.writing import write_atomically

MOST_REFITS = 1000  # of the parabolas


FORMS = {".html": "html", ".htm": "html", ".md": "md", ".markdown": "md"}


@dataclass(frozen=True)
class Page:
    """A page, and what it says first."""

    text: str
    answer: str
    known: list[str]


def report(
    fit: FitResult | LossFits,
    output: str | Path | None = None,
    *,
    runs: pd.DataFrame | None = None,
    C: Any = (),
    U_D: Any = (),
    forecasts: Sequence[Forecast] = (),
    tasks: Downstream | None = None,
    form: str | None = None,
    command: str = "",
    progress: bool = False,
) -> str:
    """A fit as a page to hand to others.

    Parameters
    ----------
    fit : FitResult or LossFits
        Of several losses one page, with their differences.
    output : path, optional
        File to write, ``.html`` or ``.md``.
    runs : DataFrame, optional
        Runs to compare predictions with, such as later or larger ones; those that were fitted are left out.
    C : float or sequence
        Training FLOPs of one run; ten times the largest run's where none is given.
    U_D : float or sequence
        Unique tokens, for laws of repeated data, each at every budget; the largest fitted where none is given.
    forecasts : sequence of Forecast
        Written before runs that are now among the fitted ones, or among ``runs``; listed with what became of them.
    tasks : Downstream, optional
        Task accuracy behind the fit (:func:`quokka_laws.downstream`): predicted at the budgets, with a figure for each task.
    form : {'html', 'md'}, optional
        Markdown has the same words and tables without figures; by the ending of ``output``, else HTML.
    command : str
        What made the report, printed in it.
    progress : bool
        Show a bar on stderr for work that takes more than two seconds.

    Returns
    -------
    str
        HTML that loads nothing from anywhere, or Markdown.

    Raises
    ------
    ArgumentError
        For a form or an ending that is neither.
    FitError
        For a law without its runs.
    MissingDependencyError
        Without ``jinja2``.
    """
    if output is not None and not isinstance(output, str | Path):
        raise ArgumentError(f"output = {type(output).__name__}: expected a path; runs to compare with are runs=")
    ending = Path(output).suffix.lower() if output is not None else ".html"
    form = form or FORMS.get(ending, ending)
    if isinstance(fit, LossFits):
        if runs is not None or forecasts or tasks or np.size(U_D):
            raise ArgumentError("a page of several losses takes C, form and command; report one of them for the rest")
        made = Page(*losses_page(fit, C=C, form=form, command=command))
    else:
        made = page(
            fit,
            runs=runs,
            C=C,
            U_D=U_D,
            forecasts=forecasts,
            tasks=tasks,
            form=form,
            command=command,
            progress=progress,
        )
    if output is not None:
        write_atomically(output, made.text)
    return made.text


def page(
    fit: FitResult,
    *,
    runs: pd.DataFrame | None = None,
    C: Any = (),
    U_D: Any = (),
    forecasts: Sequence[Forecast] = (),
    tasks: Downstream | None = None,
    form: str = "html",
    command: str = "",
    progress: bool = False,
) -> Page:
    """As :func:`report`, with the answer and what to know before relying on it apart."""
    if form not in ("html", "md"):
        raise ArgumentError(f"form = {form!r}: a report is 'html' or 'md'")
    if not isinstance(fit, FitResult) or not len(fit.runs):
        raise FitError(
            f"{getattr(fit, 'label', fit)} holds no runs: a report is made of a fit, not of coefficients alone"
        )
    repeated = fit.law.of_repetition
    planned = fit.law.of_N_and_D or repeated
    budgets = tuple(as_numbers(C)) or ((10 * fit.fitted_range["C"][1],) if planned and not repeated else ())
    budgets = budgets if planned else ()
    limits = tuple(as_numbers(U_D)) if repeated else ()
    limits = limits or ((fit.fitted_range["U_D"][1],) if repeated else ())
    iso = "" if repeated or not planned else _profiles(fit)
    question, answer, plan = _advice(fit, iso, budgets, limits)
    known = [*_caution(fit, budgets), *map(str, fit.diagnostics)]
    new = None if runs is None else unseen(fit, runs)
    drawn = []
    with Progress("figures of the report", 8, enabled=progress) as bar:
        for figure in figures(fit, iso, new, budgets, limits):
            drawn.append(figure.drawn(form == "html"))
            bar.update(1)
    if tasks is not None:
        drawn += [figure.drawn(form == "html") for figure in task_figures(tasks)]
    context = {
        "title": f"{fit.label}: {len(fit.runs)} rows",
        "question": question,
        "answer": answer,
        "plan": plan,
        "level": f"{100 * LEVEL:.3g} %",
        "law": {"name": fit.law.name, "equation": fit.law.equation, "source": fit.law.source},
        "coefficients": _coefficients(fit),
        "has_draws": fit.has_intervals,
        "identified": fit.identified,
        "forecasts": _past_forecasts(forecasts, fit, runs),
        "tasks": [] if tasks is None else task_rows(tasks, budgets),
        "figures": drawn,
        "diagnostics": known,
        "checklist": checklist(fit).to_dict("records"),
        "facts": _facts(fit, command),
    }
    return Page(render(f"report.{form}.j2", context), answer, known)


# ---- words ----------------------------------------------------------------------------------------------------


def _profiles(fit: FitResult) -> IsoflopFit | str:
    refits = fit.bootstrap.get("refits", 0) if fit.draws is not None else 0
    try:
        return fit_isoflops(fit.runs, bootstrap=min(int(refits), MOST_REFITS), seed=fit.seed)
    except RunsError as error:
        return str(error)


def _advice(
    fit: FitResult, iso: IsoflopFit | str, budgets: Sequence[float], limits: Sequence[float]
) -> tuple[str, str, list[dict[str, str]]]:
    repeated = bool(limits)
    if not budgets and not repeated:
        return (
            f"How does the loss follow {', '.join(fit.law.variables)}?",
            f"As loss = {fit.law.equation} with the coefficients below.",
            [],
        )
    try:
        if not repeated:
            table = compute_optimal(fit, budgets, level=LEVEL)
            question = f"Which model size and how many tokens give the lowest loss at C = {budgets[0]:.3g} FLOPs?"
        elif budgets:
            C, data = (v.ravel() for v in np.meshgrid(budgets, limits, indexing="ij"))
            table = compute_and_data_optimal(fit, C, data, level=LEVEL)
            question = f"Which model, for how many epochs, with {human(limits[0])} unique tokens and C = {budgets[0]:.3g} FLOPs?"
        else:
            table = data_optimal(fit, limits, level=LEVEL)
            question = f"Which model, for how many epochs, gives the lowest loss from {human(limits[0])} unique tokens?"
    except FitError as error:
        return "What is the best model?", f"This fit gives no answer: {error}.", []
    first = table.iloc[0]
    size = f"{human(first['N'])} parameters{between(first, 'N', human)}"
    if repeated:
        tokens = f"{first['epochs']:.3g} epochs{between(first, 'epochs', '{:.3g}'.format)}"
    else:
        tokens = f"{human(first['D'])} tokens{between(first, 'D', human)}"
    loss = f"predicted loss {first['loss']:.3f}{between(first, 'loss', '{:.3f}'.format)}"
    rows = [plan_cells(fit.label, row) for _, row in table.iterrows()]
    answer = f"Train {size} on {tokens}: {loss}."
    if not repeated:
        profiles = iso if isinstance(iso, IsoflopFit) else None
        others = second_opinions(fit, profiles, budgets, level=LEVEL)
        rows += [plan_cells(method, row) for method, other in others.items() for _, row in other.iterrows()]
        rows = [{k: row.get(k, "–") for k in rows[0]} for row in rows]
        if said := disagreement(first, others):
            answer = f"{answer} But the best size is {said}."
    if not np.isfinite(first["N"]):
        answer = "This fit names no best model: a term of the law is missing, so larger or longer is always better."
    elif repeated and any(d.code == "NO_RISE" for d in fit.diagnostics):
        answer = f"These runs do not say when to stop, for none rises above its minimum. The law alone says: {answer}"
    return question, answer, rows


def _past_forecasts(forecasts: Sequence[Forecast], fit: FitResult, runs: pd.DataFrame | None) -> list[dict[str, str]]:
    """Forecasts with what became of them among the runs of the fit, or those beside it."""
    if not forecasts:
        return []
    seen = fit.runs if runs is None else pd.concat([fit.runs, unseen(fit, runs)], ignore_index=True)
    seen.attrs = fit.runs.attrs
    rows = []
    for _, row in outcomes(forecasts, seen).table.iterrows():
        done = np.isfinite(row["observed"])
        rows.append(
            {
                "forecast": str(row["question"]).rstrip(":"),
                "made": str(row["made"])[:10],
                "median": f"{row['median']:.4f}",
                "observed": f"{row['observed']:.4f}" if done else "no run yet",
                "error": f"{100 * row['error']:+.2g} %" if done else "–",
                "within": "–" if not done else f"{100 * row['within']:.0f} %" if row["within"] > 0 else "outside 95 %",
            }
        )
    return rows


def _coefficients(fit: FitResult) -> list[dict[str, str]]:
    meaning = {c.name: c.meaning for c in fit.law.coefficients}
    rows = []
    for name, row in fit.summary_at(LEVEL).iterrows():
        known = np.isfinite(row["stderr"])
        rows.append(
            {
                "coefficient": str(name),
                "value": f"{row['value']:.6g}" + (" (at its bound)" if row["at_bound"] else ""),
                "standard error": f"{row['stderr']:.2g}" if known else "–",
                f"{100 * LEVEL:.3g} % interval": f"{row['lower']:.4g} … {row['upper']:.4g}" if known else "–",
                "meaning": meaning[str(name)],
            }
        )
    return rows


def _caution(fit: FitResult, budgets: Sequence[float]) -> list[str]:
    return [f"C = {c:.3g} is {factor} {side}. {BEYOND_RUNS}." for c, factor, side in outside_runs(fit, budgets)]


def _facts(fit: FitResult, command: str) -> list[tuple[str, str]]:
    """What reproduces the numbers; the checklist says what they mean."""
    spread = "; ".join(f"{k} {a:.3g} … {b:.3g}" for k, (a, b) in fit.fitted_range.items())
    versions = {**fit.versions, "page by quokka-laws": __version__}
    return [
        ("command", command or "ql.report(fit)"),
        ("versions", ", ".join(f"{k} {v}" for k, v in versions.items())),
        ("seed", str(fit.seed)),
        ("data sha256", data_hash(fit.runs)),
        ("rows fitted", f"{len(fit.runs)}; {spread}"),
        ("conventions", fit.conventions.describe()),
        ("objective", f"{fit.objective_value:.10g} ({fit.status.value})"),
    ]
