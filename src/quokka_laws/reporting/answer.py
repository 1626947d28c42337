"""What a page says first: the question, the answer of all methods and of the fit, and every method beside the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from quokka_laws.evaluation.agreement import disagreement, second_opinions
from quokka_laws.evaluation.consensus import Consensus, consensus
from quokka_laws.exceptions import FitError, QuokkaError
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.plan.repeated import compute_and_data_optimal, data_optimal
from quokka_laws.reporting.tables import Table
from quokka_laws.reporting.text import PLAN_COLUMNS, between, length_of_epochs, plan_cells
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.format import human
from quokka_laws.results.intervals import LEVEL
from quokka_laws.results.isoflop_fit import IsoflopFit

TOGETHER = "all methods together"


@dataclass(frozen=True)
class Answer:
    """A question, the answers to it (the one to follow first), and the allocations behind them."""

    question: str
    answers: list[str]
    plan: Table = field(default_factory=lambda: Table("allocations", [], pd.DataFrame()))
    refused: str = ""
    """Why there is no answer of all methods together, where there might have been one."""


def answer(fit: FitResult, iso: IsoflopFit | None, budgets: Sequence[float], limits: Sequence[float]) -> Answer:
    """What to train at the budgets, or with so many unique tokens, by the fit and by all methods together.

    Parameters
    ----------
    fit : FitResult
    iso : IsoflopFit or None
        Profiles of the same runs.
    budgets : sequence of float
        Training FLOPs of one run.
    limits : sequence of float
        Unique tokens, for laws of repeated data.
    """
    if not budgets and not limits:
        return Answer(
            f"How does the loss follow {', '.join(fit.law.variables)}?",
            [f"As loss = {fit.law.equation} with the coefficients below."],
        )
    try:
        question, own = _own(fit, budgets, limits)
    except FitError as error:
        return Answer("What is the best model?", [f"This fit gives no answer: {error}."])
    said = _own_sentence(fit, own.iloc[0], bool(limits))
    if limits:
        return Answer(question, [said], _table([(fit.label, own)]))
    joint, refused = _together(fit, budgets)
    if joint is not None and fit.choice is not None and joint.alone == fit.label:  # one interval: that of its refits
        joint = None
    others = second_opinions(fit, iso, budgets, level=LEVEL)
    if apart := disagreement(own.iloc[0], others):
        said = f"{said} But the best size is {apart}."
    if joint is None:
        return Answer(question, [said], _table([(fit.label, own), *others.items()]), refused)
    common = f"Train {_size(joint.table.iloc[0])}: {_loss(joint.table.iloc[0])}"
    weights = ", ".join(_members(joint, budgets[0]))
    if fit.choice is None:  # the law was asked for by name, so it answers first
        answers = [said, f"All methods together: {common[0].lower()}{common[1:]}. Each alone: {weights}."]
    else:
        answers = [f"{common}.", f"This is the answer of all methods together. Each alone: {weights}."]
    rows = [(TOGETHER, joint.table), *_each(joint, fit), (f"{fit.label} (this fit)", own)]
    rows += [
        (method, table) for method, table in others.items() if not isinstance(iso, IsoflopFit) or method != iso.label
    ]
    return Answer(question, answers, _table(rows))


def _own(fit: FitResult, budgets: Sequence[float], limits: Sequence[float]) -> tuple[str, pd.DataFrame]:
    """The question, and the fit's own plan."""
    if not limits:
        question = f"Which model size and how many tokens give the lowest loss at C = {budgets[0]:.3g} FLOPs?"
        return question, compute_optimal(fit, budgets, level=LEVEL)
    data = f"{human(limits[0])} unique tokens"
    if budgets:
        C, unique = (v.ravel() for v in np.meshgrid(budgets, limits, indexing="ij"))
        question = f"Which model, for how many epochs, with {data} and C = {budgets[0]:.3g} FLOPs?"
        return question, compute_and_data_optimal(fit, C, unique, level=LEVEL)
    question = f"Which model, for how many epochs, gives the lowest loss from {data}?"
    return question, data_optimal(fit, limits, level=LEVEL)


def _own_sentence(fit: FitResult, first: pd.Series, repeated: bool) -> str:
    said = f"Train {_size(first)}: {_loss(first)}."
    if not np.isfinite(first["N"]):
        return "This fit names no best model: a term of the law is missing, so larger or longer is always better."
    if repeated and any(d.code == "NO_RISE" for d in fit.diagnostics):
        return f"These runs do not say when to stop, for none rises above its minimum. The law alone says: {said}"
    return said


def _size(row: pd.Series) -> str:
    size = f"{human(row['N'])} parameters{between(row, 'N', human)}"
    if "epochs" in row:
        return f"{size} on {length_of_epochs(row['epochs'])}{between(row, 'epochs', '{:.3g}'.format)}"
    return f"{size} on {human(row['D'])} tokens{between(row, 'D', human)}"


def _loss(row: pd.Series) -> str:
    return f"predicted loss {row['loss']:.3f}{between(row, 'loss', '{:.3f}'.format)}"


def _together(fit: FitResult, budgets: Sequence[float]) -> tuple[Consensus | None, str]:
    """The answer of laws and profiles together, or why these runs give none."""
    try:
        return consensus(fit.runs, budgets, level=LEVEL, seed=fit.seed), ""
    except QuokkaError as error:
        return None, str(error)


def _members(joint: Consensus, C: float) -> Iterator[str]:
    members = joint.members[joint.members["C"] == C].sort_values("weight", ascending=False)
    for row in members.to_dict("records"):
        yield f"{row['method']} {human(row['N'])} (weight {row['weight']:.2f})"


def _each(joint: Consensus, fit: FitResult) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each method's own rows, with the tokens that the budget leaves for its size."""
    for method, rows in joint.members.groupby("method", sort=False):
        D = rows["C"] / (fit.conventions.flops_per_ND * rows["N"])
        yield str(method), rows.drop(columns="method").assign(D=D, tokens_per_param=D / rows["N"])


def _table(blocks: Sequence[tuple[str, pd.DataFrame]]) -> Table:
    """Plans one below the other, as people read them and as numbers."""
    numbers = pd.concat([table.assign(by=by) for by, table in blocks], ignore_index=True)
    rows = [plan_cells(by, row) for by, table in blocks for _, row in table.iterrows()]
    keys = list(dict.fromkeys(sorted((k for row in rows for k in row), key=_place)))
    numbers = numbers[["by", *(k for k in numbers if k != "by")]].dropna(axis=1, how="all")
    return Table("allocations", [{k: row.get(k, "–") for k in keys} for row in rows], numbers)


def _place(heading: str) -> int:
    order = ["by", "weight"]
    for name, (title, _) in PLAN_COLUMNS.items():
        order += [title, f"{name}, interval"]
    return [*order, "D/N", "N within 0.1 %", "beyond runs"].index(heading)
