"""The command line and the Python that give what the page shows, from the same choices."""

from __future__ import annotations

import shlex
from typing import Any

from quokka_laws.app.choices import DEFAULT_REFITS, IMPORTED, Question, Reading

REPORT, FIT = "report.html", "fit.json"


def command_line(choice: Reading, question: Question, *, logs: bool = False) -> str:
    """Commands for a POSIX shell that read, fit and write ``fit.json`` and ``report.html``."""
    lines = []
    columns = _columns(choice)
    sources = [_path(name) for name in choice.sources]
    if logs:
        given = [*columns]
        if choice.names:
            given += ["--name", choice.names]
        if choice.tokens_per_step:
            given += ["--tokens-per-step", choice.tokens_per_step]
        lines.append(["quokka-laws", "import", *sources, *given, "-o", IMPORTED])
        sources, columns = [IMPORTED], []
    fit = ["quokka-laws", "fit", *sources, *columns, *_reading(choice)]
    if question.outliers:
        fit += ["--drop", "outliers"]
    if question.law:
        fit += ["--law", question.law]
    if question.objective:
        fit += ["--objective", question.objective]
    if question.refits != DEFAULT_REFITS:
        fit += ["--bootstrap", str(question.refits)]
    if question.seed:
        fit += ["--seed", str(question.seed)]
    asked = [*_quantities("-C", question.C), *_quantities("-U", question.U_D)]
    lines += [[*fit, *asked, "-o", FIT], ["quokka-laws", "report", FIT, *asked, "-o", REPORT]]
    return "\n".join(map(shlex.join, lines)) + "\n"


def python(
    choice: Reading,
    question: Question,
    *,
    logs: bool = False,
    budgets: tuple[float, ...] = (),
    unique: tuple[float, ...] = (),
    together: bool = False,
) -> str:
    """A script that does the same.

    Parameters
    ----------
    logs : bool
        Whether the files are logs, with a row a step.
    budgets, unique : tuple of float
        Those of the answer.
    together : bool
        Whether the answer is that of all methods together.
    """
    sources: Any = choice.sources if len(choice.sources) > 1 else choice.sources[0]
    columns = {"columns": dict(choice.columns)} if choice.columns else {}
    lines = ["import quokka_laws as ql", ""]
    if logs:
        given = {**columns, "name": choice.names or None, "tokens_per_step": choice.tokens_per_step or None}
        lines.append(_call("table = ql.import_runs", repr(sources), **given))
        lines.append(_call("runs = ql.read_runs", "table", **choice.options))
    else:
        lines.append(_call("runs = ql.read_runs", repr(sources), **columns, **choice.options))
    law = [repr(question.law)] if question.law else []
    lines.append(
        _call(
            "fit = ql.fit",
            *law,
            "runs",
            objective=question.objective or None,
            drop="outliers" if question.outliers else None,
            bootstrap=question.refits,
            seed=question.seed,
        )
    )
    at = repr(list(budgets)) if len(budgets) != 1 else repr(budgets[0])
    if budgets and together:
        lines.append(f"print(ql.consensus(fit.runs, C={at}, seed={question.seed}))")
    elif budgets and unique:
        data = repr(list(unique)) if len(unique) != 1 else repr(unique[0])
        lines.append(f"print(ql.plan.compute_and_data_optimal(fit, C={at}, U_D={data}).to_string())")
    elif budgets:
        lines.append(f"print(ql.plan.compute_optimal(fit, C={at}).to_string())")
    lines.append("print(fit.report())")
    lines.append(f"fit.save({FIT!r})")
    asked: dict[str, Any] = {"C": list(budgets) or None, "U_D": list(unique) or None}
    lines.append(_call("ql.report", "fit", repr(REPORT), **asked))
    return "\n".join(lines) + "\n"


def _call(function: str, *arguments: str, **named: Any) -> str:
    given = [*arguments, *(f"{name}={value!r}" for name, value in named.items() if value is not None)]
    line = f"{function}({', '.join(given)})"
    if len(line) <= 100:
        return line
    return f"{function}(\n" + "".join(f"    {one},\n" for one in given) + ")"


def _columns(choice: Reading) -> list[str]:
    """Each mapping as an option of its own, since a column's name may hold a comma."""
    return [part for name, column in choice.columns for part in ("--columns", f"{name}={column}")]


def _reading(choice: Reading) -> list[str]:
    given = []
    if choice.flops != "6ND":
        given += ["--flops", choice.flops]
    for condition in choice.conditions:
        given += ["--drop", condition]
    if choice.keep:
        given += ["--keep", choice.keep]
    if choice.best_of:
        given += ["--best-of", ",".join(choice.best_of)]
    if choice.bytes_per_token is not None:
        given += ["--bytes-per-token", f"{choice.bytes_per_token:g}"]
    if choice.loss_unit:
        given += ["--state", f"loss_unit={choice.loss_unit}"]
    return given


def _quantities(option: str, text: str) -> list[str]:
    return [option, text.strip()] if text.strip() else []


def _path(name: str) -> str:
    """A file's name that is not taken for an option."""
    return f"./{name}" if name.startswith("-") else name
