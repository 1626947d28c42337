"""What a fit answers when a row, a run or a group of rows is left out: one warm refit each, all in one batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.exceptions import FitError
from quokka_laws.fitting.answer import Answer
from quokka_laws.fitting.bootstrap import unit_codes
from quokka_laws.fitting.budgets import BUDGET_TOLERANCE, group_budgets
from quokka_laws.fitting.linearised import coordinates
from quokka_laws.fitting.solver import solve
from quokka_laws.results.fit_result import FitResult
from quokka_laws.runs.read import row_names

FEW_TOKENS = 4.0  # per parameter


def influence(fit: FitResult, C: float | None = None) -> pd.DataFrame:
    """How much each row, run and group of rows moves the answer of a fit.

    Parameters
    ----------
    fit : FitResult
    C : float, optional
        Budget in FLOPs of the best N that is asked for; ten times the largest run's by default.

    Returns
    -------
    DataFrame
        One row for each thing left out, the most influential first: ``left_out`` (``row``, ``run`` or ``group``), ``name``,
        ``rows`` how many, ``residual`` in units of the robust scatter of the runs (positive: above the law; of a group the
        mean), ``share`` of the objective, ``answer`` with everything, ``without`` it, and ``change`` = ln(without / answer). The
        answer is the best N at ``C``, or the loss ten times beyond the runs of a law without a closed form for N
        (``attrs["answer"]`` says which).

    Notes
    -----
    Influence alone does not make a row bad: the largest run of a sweep has much of it by right. Rows that also stand out from
    the law are named by ``fit.diagnostics`` (code ``OUTLYING_ROWS``).

    Raises
    ------
    FitError
        For a law that has no budget, such as one of C alone or of repeated data.

    Examples
    --------
    >>> import quokka_laws as ql
    >>> fit = ql.fit(ql.laws.Chinchilla(), ql.datasets.load_quokka_isoflops())
    >>> table = ql.influence(fit, C=1.1e23)
    >>> table.loc[table["left_out"] == "group", "name"].iloc[0]
    'D/N < 4'
    """
    answer = Answer.of(fit, C)
    if answer is None:
        raise FitError(f"{fit.label} has no budget to optimise, so there is no answer that rows could move")
    space, data, u, off = coordinates(fit)
    names, masks = zip(*_left_out(fit.runs), strict=True)
    weights = 1.0 - np.stack([np.zeros(len(fit.runs)), *masks])
    start, terms = (np.repeat(v, len(weights), axis=0) for v in (u, off))
    solved = solve(space.problem(data, fit.objective), start, weights * data.weights, off=terms, begin="warm")
    found = np.exp(answer(space.batch_values(solved.u, solved.off)))
    found[~solved.converged] = np.nan
    above = -fit.log_residuals()
    scatter = 1.4826 * float(np.median(np.abs(above - np.median(above)))) or np.nan
    cost = fit.objective.value(above) * data.weights
    table = pd.DataFrame(names, columns=["left_out", "name"])
    table["rows"] = [int(mask.sum()) for mask in masks]
    table["residual"] = [float((above * mask).sum() / mask.sum() / scatter) for mask in masks]
    table["share"] = [float((cost * mask).sum() / cost.sum()) for mask in masks]
    table["answer"], table["without"] = found[0], found[1:]
    table["change"] = np.log(table["without"] / table["answer"])
    table.attrs = {"answer": answer.name, "C": answer.C}
    return table.sort_values("change", key=np.abs, ascending=False, kind="stable", ignore_index=True)


def _left_out(runs: pd.DataFrame) -> Iterator[tuple[tuple[str, str], Array]]:
    """What can be left out, by kind and name, with a mask of its rows; never so much that nothing is left."""
    every = np.ones(len(runs), dtype=bool)
    if "run_id" in runs and not runs["run_id"].is_unique:
        codes = unit_codes(runs["run_id"])
        for code in np.unique(codes):
            yield ("run", str(runs["run_id"][codes == code].iloc[0])), codes == code
    else:
        for k, name in enumerate(row_names(runs, every)):
            yield ("row", name), np.arange(len(runs)) == k
    groups = {f"D/N < {FEW_TOKENS:g}": (runs["D"] / runs["N"] < FEW_TOKENS).to_numpy()}
    for name, end, chosen in (("N", "smallest", runs["N"].min()), ("N", "largest", runs["N"].max())):
        groups[f"{end} {name} = {chosen:.3g}"] = (runs[name] == chosen).to_numpy()
    budgets = group_budgets(runs["C"].to_numpy(), BUDGET_TOLERANCE)
    groups[f"lowest budget, C = {budgets.min():.3g}"] = budgets == budgets.min()
    for name, mask in groups.items():
        if 1 < mask.sum() <= len(runs) // 2:
            yield ("group", name), mask
