"""What the worker of a session does: look at files, answer, set laws side by side, write the report.

Each task takes what was chosen and gives plain values; the last runs and the last fit are kept, so that the next task begins there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import pandas as pd

from quokka_laws.app import charts
from quokka_laws.app.choices import Question, Reading
from quokka_laws.app.look import look, runs_of
from quokka_laws.app.picking import named
from quokka_laws.app.shown import Answer, Finding, Offer, SideBySide
from quokka_laws.evaluation.comparison import compare
from quokka_laws.evaluation.holdout import default_candidates
from quokka_laws.laws import BoundedMemorization, QuokkaRepeated, from_name
from quokka_laws.objective import BY_NAME, LogHuber
from quokka_laws.progress import Progress
from quokka_laws.reporting.page import page
from quokka_laws.reporting.study import Study, study
from quokka_laws.results.diagnostic import Diagnostic


@lru_cache(maxsize=1)
def _read(choice: Reading) -> tuple[pd.DataFrame, str]:
    """The runs, and whether the files were a table or logs."""
    with Progress("reading the files", 1, enabled=True) as bar:
        runs, kind, _ = runs_of(choice)
        bar.update(1)
    return runs, kind


@lru_cache(maxsize=1)
def fitted(choice: Reading, question: Question) -> Study:
    """The study of runs and question, as ``quokka-laws fit`` makes it."""
    law = from_name(question.law) if question.law else None
    objective: Any = BY_NAME[question.objective] if question.objective else None
    if objective is None and law is not None:
        objective = LogHuber(1e-3)
    return study(
        law,
        _read(choice)[0],
        C=question.budgets,
        U_D=question.unique,
        bootstrap=question.refits,
        seed=question.seed,
        objective=objective,
        drop="outliers" if question.outliers else None,
        progress=True,
    )


def answer(choice: Reading, question: Question) -> Answer:
    """Fit and answer.

    Raises
    ------
    QuokkaError
        As the command line has it.
    """
    done = fitted(choice, question)
    findings = tuple(
        Finding(text, found.severity.value if found else "note", offers(found, choice, question) if found else ())
        for text, found in done.findings()
    )
    return Answer(
        done.answer,
        findings,
        tuple(part for part in done.evidence() if part),
        tuple(charts.of_study(done, choice.rows)),
        done.fit.to_json(),
        done.budgets,
        done.unique,
        done.fit.label,
        done.fit.law.of_repetition,
        done.together is not None,
        _read(choice)[1] == "logs",
    )


def offers(found: Diagnostic, choice: Reading, question: Question) -> tuple[Offer, ...]:
    """What a diagnostic advises, as buttons: rows to leave out, a law, an objective."""
    made = []
    for option in found.advice:
        if option.name == "drop" and option.value == "outliers" and not question.outliers:
            made.append(Offer(f"Fit without {named(found.rows)}", {"question": replace(question, outliers=True)}))
        elif option.name == "drop" and option.value != "outliers" and option.value not in choice.drop:
            label = f"Fit without the rows where {option.value}"
            made.append(Offer(label, {"reading": choice.without(str(option.value))}))
        elif option.name == "law" and option.value != question.law:
            made.append(Offer(f"Fit the law {option.value}", {"question": replace(question, law=str(option.value))}))
        elif option.name == "objective" and option.value != question.objective:
            changed = replace(question, objective=str(option.value))
            made.append(Offer(f"Fit with the objective {option.value}", {"question": changed}))
    return tuple(made)


def side_by_side(choice: Reading, laws: tuple[str, ...], question: Question) -> SideBySide:
    """Several laws fitted to the cheaper runs and judged on the dearer, as ``quokka-laws compare`` does it."""
    runs = _read(choice)[0]
    named: Any = [from_name(name) for name in laws] or default_laws(choice, question)
    found = compare(named, runs, seed=question.seed, progress=True)
    return SideBySide(
        found.answer, found.refused, found.evidence(), tuple(charts.of_comparison(found, runs)), found.table
    )


def default_laws(choice: Reading, question: Question) -> Any:
    """Those of ``compare``; laws of repetition where the fit's is one."""
    if fitted(choice, question).fit.law.of_repetition:
        return [QuokkaRepeated(), BoundedMemorization()]
    return default_candidates()


def report(choice: Reading, question: Question, command: str) -> str:
    """The report of the fit as one page of HTML."""
    done = fitted(choice, question)
    return page(done.fit, C=done.budgets, U_D=done.unique, command=command, progress=True).text


TASKS: Mapping[str, Callable[..., Any]] = {
    "look": look,
    "answer": answer,
    "side_by_side": side_by_side,
    "report": report,
}
