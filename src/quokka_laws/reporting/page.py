"""A fit as one page: self-contained HTML with its figures, or Markdown for a repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._spelling import BLANK, either, option
from quokka_laws._version import __version__
from quokka_laws.evaluation.forecasts import Forecast, outcomes
from quokka_laws.evaluation.reproducibility import CONVENTIONS, checklist
from quokka_laws.exceptions import ArgumentError, FitError, RunsError
from quokka_laws.fitting.isoflop import fit_isoflops
from quokka_laws.progress import Progress
from quokka_laws.reporting.answer import answer
from quokka_laws.reporting.losses import losses_page
from quokka_laws.reporting.page_figures import figures, held_out, sensitivity_figure, unseen
from quokka_laws.reporting.page_tasks import task_figures, task_rows
from quokka_laws.reporting.plot.axes import QUANTITIES
from quokka_laws.reporting.plot.svg import THEME
from quokka_laws.reporting.tables import Table, as_csv
from quokka_laws.reporting.templating import render
from quokka_laws.reporting.text import beyond_runs, outside_runs, repeats
from quokka_laws.results.downstream import Downstream
from quokka_laws.results.fit_result import FitResult, check_fit
from quokka_laws.results.intervals import LEVEL
from quokka_laws.results.isoflop_fit import IsoflopFit
from quokka_laws.results.loss_fits import LossFits
from quokka_laws.results.storage import data_hash
from quokka_laws.runs.proposals import is_empty
from quokka_laws.runs.quantities import as_numbers, parse_quantity
from quokka_laws.runs.read import as_runs
from quokka_laws.writing import write_atomically

MOST_REFITS = 1000  # of the parabolas
FORMS = {".html": "html", ".htm": "html", ".md": "md", ".markdown": "md"}
MOST_BUDGETS = 4  # named one by one where they lie outside the runs
MOST_LISTED = 30  # rows that were left out
MOST_OF_A_REASON = 20  # above which their number is enough: most are what a condition left out
STEPS = 10  # of the bar; a page has about as many figures
WORDS = ("meaning", "by", "law", "forecast", "run_id", "reason")  # columns whose cells wrap


@dataclass(frozen=True)
class Page:
    """A page, what it says first, and its tables as numbers, by the names of their files."""

    text: str
    answer: str
    known: list[str]
    numbers: dict[str, pd.DataFrame]


def report(
    fit: FitResult | LossFits,
    output: str | Path | None = None,
    *,
    runs: pd.DataFrame | None = None,
    C: Any = (),
    U_D: Any = (),
    compare: bool = False,
    forecasts: Sequence[Forecast] = (),
    answers: Mapping[str, str] | None = None,
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
    compare : bool
        Also hold out the largest runs and predict them by this law and another, and refit under other choices; takes some
        seconds more.
    forecasts : sequence of Forecast
        Written before runs that are now among the fitted ones, or among ``runs``; listed with what became of them.
    answers : mapping of str to str, optional
        Answers to what a reader will ask for and the fit does not know, by the keys of :func:`quokka_laws.checklist`.
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
        if runs is not None or forecasts or tasks or answers or compare or np.size(U_D):
            raise ArgumentError("a page of several losses takes C, form and command; report one of them for the rest")
        made = Page(*losses_page(fit, C=C, form=form, command=command))
    else:
        made = page(
            fit,
            runs=runs,
            C=C,
            U_D=U_D,
            compare=compare,
            forecasts=forecasts,
            tasks=tasks,
            answers=answers,
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
    compare: bool = False,
    forecasts: Sequence[Forecast] = (),
    answers: Mapping[str, str] | None = None,
    tasks: Downstream | None = None,
    form: str = "html",
    command: str = "",
    progress: bool = False,
) -> Page:
    """As :func:`report`, with the answer, what to know before relying on it and the numbers apart."""
    if form not in ("html", "md"):
        raise ArgumentError(f"form = {form!r}: a report is 'html' or 'md'")
    check_fit(fit, "a report")
    if not isinstance(fit, FitResult) or not len(fit.runs):
        raise FitError(f"{fit.label} holds no runs: a report is made of a fit, not of coefficients alone")
    asked_for = checklist(fit, answers=answers)
    runs = None if runs is None else as_runs(runs)
    repeated = fit.law.of_repetition
    planned = fit.law.of_N_and_D or repeated
    budgets = tuple(as_numbers(C)) or ((10 * fit.fitted_range["C"][1],) if planned and not repeated else ())
    budgets = budgets if planned else ()
    limits = tuple(as_numbers(U_D)) if repeated else ()
    limits = limits or ((fit.fitted_range["U_D"][1],) if repeated else ())
    with Progress("writing the report", STEPS, enabled=progress) as bar:
        iso = "" if repeated or not planned else _profiles(fit)
        first = answer(fit, iso if isinstance(iso, IsoflopFit) else None, budgets, limits)
        seen_again = [] if repeated else repeats(first.plan.numbers.head(len(budgets)), as_numbers(U_D))
        known = [*_caution(fit, budgets), *seen_again, *map(str, fit.diagnostics)]
        bar.update(2)
        new = None if runs is None else unseen(fit, runs)
        made = []
        for figure in figures(fit, iso, new, budgets, limits):
            made.append((figure, figure.drawn(form == "html")))
            bar.update(1)
        for figure in () if tasks is None else task_figures(tasks):
            made.append((figure, figure.drawn(form == "html")))
        apart = held_out(fit) if compare else None
        if compare and budgets and not limits:
            figure = sensitivity_figure(fit, budgets[0])
            made.append((figure, figure.drawn(form == "html")))
    past = Table("forecasts", *_past_forecasts(forecasts, fit, runs))
    coefficients = Table("coefficients", _coefficients(fit), fit.summary_at(LEVEL).reset_index())
    accuracy = [] if tasks is None else task_rows(tasks, budgets)
    by_task = Table("tasks", accuracy, pd.DataFrame(accuracy))
    left_out = Table("left-out-rows", _left_out(fit), fit.excluded)
    tables = [first.plan, coefficients, past, by_task, left_out, *([] if apart is None else [apart.table])]
    numbers = {t.name: t.numbers for t in tables if len(t.numbers)}
    numbers |= {figure.name: figure.numbers for figure, _ in made if figure.numbers is not None}
    context = {
        "title": f"{fit.label}: {len(fit.runs)} rows",
        "question": first.question,
        "answers": first.answers,
        "plan": first.plan,
        "about_plan": _about_plan(fit, first.refused, compare),
        "comparison": None if apart is None else apart.figure.drawn(form == "html"),
        "held_out": None if apart is None else apart.table,
        "law": {"name": fit.law.name, "equation": fit.law.equation, "source": fit.law.source},
        "coefficients": coefficients,
        "forecasts": past,
        "left_out": left_out,
        "left_out_in_all": len(fit.excluded),
        "figures": [drawn for _, drawn in made],
        "tasks": by_task,
        "diagnostics": known,
        "checklist": [_asked(item) for item in asked_for.to_dict("records")],
        "given": int(asked_for["known"].sum()),
        "facts": _facts(fit, command),
        "numbers": {name: text for name, table in numbers.items() if (text := as_csv(table))},
        "theme": THEME,
        "words": WORDS,
    }
    return Page(render(f"report.{form}.j2", context), " ".join(first.answers), known, numbers)


# ---- words ----------------------------------------------------------------------------------------------------


def _profiles(fit: FitResult) -> IsoflopFit | str:
    refits = fit.bootstrap.get("refits", 0) if fit.draws is not None else 0
    try:
        return fit_isoflops(fit.runs, bootstrap=min(int(refits), MOST_REFITS), seed=fit.seed)
    except RunsError as error:
        return str(error)


def _about_plan(fit: FitResult, refused: str, compared: bool) -> str:
    """What the intervals of the allocations hold, and what the table lacks."""
    if fit.has_intervals:
        said = (
            f"{100 * LEVEL:.3g} % intervals. Those of this fit, from bootstrap refits, hold the uncertainty of the coefficients under "
            "this law; neither the noise of a new run nor the chance that the law is wrong."
        )
    elif fit.identified:
        said = f"No intervals of this fit: it has no bootstrap draws (fit with {option('bootstrap', 1000)})."
    else:
        said = "No intervals of this fit: the runs do not determine the coefficients."
    if refused:
        said += f" No answer of all methods together: {refused}."
    if not compared:
        how = either("compare=True", "--compare")
        said += f" With {how} the page also says which law predicts the largest runs best, and what other choices would change."
    return said


def _flag(name: str, stated: bool) -> str:
    """What gives an answer: a convention when the runs are read, a sentence when the page is made."""
    if stated:
        return either(f'{name}="{BLANK}"', f"--state {name}={BLANK}")
    return either(f'answers={{"{name}": "{BLANK}"}}', f"--answer {name}={BLANK}")


def _asked(item: dict[str, Any]) -> dict[str, Any]:
    """An item of the checklist with the options that would give what is missing."""
    missing = [name for name in item["missing"].split(", ") if name]
    stated = item["key"] in CONVENTIONS
    how = [_flag(name, stated) for name in missing]
    return {
        "question": item["question"],
        "answer": "" if item["missing"] == item["key"] else item["answer"],
        "how": how,
    }


def _past_forecasts(
    forecasts: Sequence[Forecast], fit: FitResult, runs: pd.DataFrame | None
) -> tuple[list[dict[str, str]], pd.DataFrame]:
    """Forecasts with what became of them among the runs of the fit, or those beside it."""
    if not forecasts:
        return [], pd.DataFrame()
    seen = fit.runs if runs is None else pd.concat([fit.runs, unseen(fit, runs)], ignore_index=True)
    seen.attrs = fit.runs.attrs
    rows = []
    table = outcomes(forecasts, seen).table
    for _, row in table.iterrows():
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
    return rows, table


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


def _left_out(fit: FitResult) -> list[dict[str, str]]:
    """The first of the rows that were not fitted, with the reason; many of one reason only as their number."""
    if not len(fit.excluded):
        return []
    shown = [k for k in ("run_id", *QUANTITIES, "loss", "reason") if k in fit.excluded]
    counts = fit.excluded["reason"].value_counts(sort=False)
    many = counts[counts > MOST_OF_A_REASON]
    few = fit.excluded[~fit.excluded["reason"].isin(many.index)].head(MOST_LISTED)
    listed = [{k: _as_listed(k, v) for k, v in row.items()} for row in few[shown].to_dict("records")]
    empty = dict.fromkeys(shown, "–")
    return listed + [empty | {shown[0]: f"{n} rows", "reason": str(reason)} for reason, n in many.items()]


def _as_listed(column: str, cell: Any) -> str:
    """A cell of a row that was left out: a number where it is one, also as text; else as the table has it."""
    if column not in (*QUANTITIES, "loss"):
        return str(cell)
    try:
        value = parse_quantity(cell)
    except ValueError:
        return "–" if is_empty(cell) else str(cell)
    return QUANTITIES[column][1](value) if column in QUANTITIES else f"{value:.4g}"


def _caution(fit: FitResult, budgets: Sequence[float]) -> list[str]:
    outside = outside_runs(fit, budgets)
    said = [f"C = {c:.3g} is {factor} {side}" for c, factor, side in outside]
    if len(outside) > MOST_BUDGETS:
        c, factor, side = max(outside)
        said = [
            f"{len(outside)} of {len(budgets)} budgets lie outside your runs, the largest, C = {c:.3g}, {factor} {side}"
        ]
    return [f"{'; '.join(said)}. {beyond_runs(fit)}."] if said else []


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
