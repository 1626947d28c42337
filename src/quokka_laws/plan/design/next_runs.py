"""Which runs to train next: the set that a budget buys and that leaves a target best known, should the law be wrong too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._spelling import either
from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, FitError
from quokka_laws.plan.arguments import one_positive, positive
from quokka_laws.plan.design.believed import NOISE, believe, last_points, laws_of, only_candidates
from quokka_laws.plan.design.exchange import best_set, in_order
from quokka_laws.plan.design.expected_error import Trained
from quokka_laws.plan.design.local import Knowledge
from quokka_laws.plan.design.pool import affordable, given, grid
from quokka_laws.plan.design.question import Question, Target
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.format import times
from quokka_laws.runs.conventions import Conventions
from quokka_laws.runs.quantities import parse_quantity

RUNS_PER_COEFFICIENT = 4.0
"""Fewer runs than this, with those trained, leave a fit to chance that the reckoning near one law does not see (``benchmarks/design.py``)."""


def next_runs(
    fit: FitResult | pd.DataFrame | None,
    budget: float,
    *,
    target_C: float | None = None,
    target: Target | None = None,
    U_D: Any = None,
    candidates: pd.DataFrame | None = None,
    cost: str = "C",
    share: tuple[float, float] = (0.02, 0.25),
) -> pd.DataFrame:
    """The runs that leave a target best known, within a budget.

    Parameters
    ----------
    fit : FitResult, DataFrame or None
        Of a law of N and D, or of repeated data. Before there is one: the few runs trained so far, or None; published laws
        stand in then, and ``candidates`` are needed.
    budget : float
        For all new runs together, in the unit of ``cost``: FLOPs by the fit's own rule, unless ``cost`` says otherwise.
    target_C : float, optional
        Ask for the compute-optimal ``log N`` at this budget (and the largest ``U_D``).
    target : mapping or DataFrame, optional
        Ask for the log-loss at this point instead: ``{"N": 7e9, "D": 1.4e12}``, with ``U_D`` for repeated data; or at
        every row of a table, such as the dear runs that nobody wants to train.
    U_D : float or sequence, optional
        Unique tokens that new runs may use; needed by a law of repeated data.
    candidates : DataFrame, optional
        Runs to choose from, with columns N and D (and U_D for repeated data); each may be chosen once. By default a grid a
        factor √2 apart: N from the smallest fitted one, D/N within the fitted runs' and at least 4, epochs from 1 to the most
        fitted, each run within ``share``.
    cost : str
        Column of the candidates that the budget is counted in, such as GPU-hours; by default their FLOPs.
    share : (float, float)
        Smallest and largest cost of a grid run, as a share of the budget: below, the answer would be a thousand
        tiny runs where no law holds; above, one failed run would be all of it.

    Returns
    -------
    DataFrame
        In order of usefulness, with the candidates' labels: ``N, D, C`` (``U_D, epochs``, the cost), ``sd_before`` and
        ``sd_after`` (expected standard deviation of the target, a relative error, before and after each run, if the fit's law is
        right) and ``C_so_far`` (or the cost so far). ``attrs``: ``target``, ``noise`` of one run, ``error_before`` and
        ``error_after`` (expected root mean square error of the target, the law's own error in it), ``notes``. Without a
        fit, ``sd_before`` and ``sd_after`` are those errors.

    Raises
    ------
    FitError
        If the law, the fit's ties or its runs do not allow the calculation.
    ArgumentError
        If an argument is missing or out of range, or the budget buys no candidate.

    Notes
    -----
    The set is chosen as a whole: greedily, with the gain over cost to several powers, then by dropping and exchanging runs, so
    that the mean squared error of the target is least, averaged over laws (:mod:`quokka_laws.plan.design.believed`) and with a
    smooth error that no law knows (:mod:`quokka_laws.plan.design.expected_error`). Spend the budget at once: a third first,
    and the rest by a law fitted to so few runs, predicts worse (``benchmarks/design.py``).

    Checkpoints of one run count as one observation, a new run by its last. Noise is taken to be normal, of the scale
    of the fit's mean absolute residual, n − p of n.

    Examples
    --------
    >>> import pandas as pd, quokka_laws as ql
    >>> pool = pd.DataFrame({"N": [2e7, 5e7, 1e8, 2e8, 4e8] * 3, "D": [4e9] * 5 + [1e9] * 5 + [2e10] * 5})
    >>> chosen = ql.plan.next_runs(None, 2e19, target={"N": 4e9, "D": 8e10}, candidates=pool)
    >>> bool(chosen["C"].sum() <= 2e19)
    True
    """
    (budget,) = one_positive(budget=budget)
    fitted = _checked(fit)
    repeated = fitted.law.of_repetition if fitted is not None else _has_repetition(fit, candidates)
    if fitted is None and candidates is None:
        raise ArgumentError(
            "without a fit there is no range for a grid of candidates; "
            f"give candidates, or begin with {either('ql.plan.ladder', '`quokka-laws ladder`')}"
        )
    if cost != "C" and candidates is None:
        raise ArgumentError(f"cost = {cost!r} is a column of candidates, and none were given")
    if repeated and U_D is None and candidates is None:
        raise ArgumentError(f"{_label(fitted)} is a law of repeated data: give U_D, the unique tokens new runs may use")
    laws, weights = laws_of(fitted, repeated=repeated)
    unique = _unique(U_D, candidates, fitted, repeated)
    question = Question.asked(laws[0], target_C, target, unique)
    k = fitted.conventions.flops_per_ND if fitted is not None else Conventions().flops_per_ND
    if candidates is None:
        assert fitted is not None
        pool = grid(fitted, budget, unique, share)
    else:
        pool = given(candidates, repeated=repeated, flops_per_ND=k, cost=cost)
    pool = affordable(pool, budget, cost)
    known = None if fitted is None else Knowledge.of(fitted, pool)
    noise = NOISE if known is None else known.noise
    trained = _trained(fit, fitted, repeated)
    now = only_candidates(believe(laws, weights, pool, trained, question, noise), len(pool))
    fewest = int(np.ceil(RUNS_PER_COEFFICIENT * max(len(law.law.coefficients) for law in laws))) - len(trained)
    end = best_set(now, pool[cost].to_numpy(), budget, fewest=max(fewest, 0))
    order = in_order(now, end)
    if not order:  # nothing helps: the one that harms least
        order = [int(np.argmin(now.errors(1.0, np.arange(len(pool)))))]
    return _answer(pool, order, now, known, laws[0], question, cost, noise, fitted)


def _answer(
    pool: pd.DataFrame,
    order: list[int],
    now: Trained,
    known: Knowledge | None,
    law: Any,
    question: Question,
    cost: str,
    noise: float,
    fitted: FitResult | None,
) -> pd.DataFrame:
    errors = [now.error()]
    for i in order:
        now = now.change(i, 1.0)
        errors.append(now.error())
    deviations = np.sqrt(np.maximum(errors, 0.0))
    if known is not None:
        by_target = [known.deviations(gradient, order) for gradient in question.gradient(law)]
        shown = np.sqrt(np.mean(np.square(by_target), axis=0))
    else:
        shown = deviations
    table = pool.iloc[order].copy()
    if (
        known is not None
        and not len(pool.index.difference(pd.RangeIndex(len(pool))))
        and pool.index.is_monotonic_increasing
    ):
        table = table.reset_index(drop=True)
    table["sd_before"], table["sd_after"] = shown[:-1], shown[1:]
    table[f"{cost}_so_far"] = table[cost].cumsum()
    notes = [] if known is None else [*known.notes]
    if known is None:
        notes.append(
            "no fit yet: published laws stand in, and the deviations are expected errors with the laws' own in them"
        )
    table.attrs = {
        "target": question.text,
        "noise": noise,
        "error_before": float(deviations[0]),
        "error_after": float(deviations[-1]),
        "notes": [*notes, *_cautions(fitted, table)],
    }
    return table


def _checked(fit: Any) -> FitResult | None:
    if fit is None or isinstance(fit, pd.DataFrame):
        return None
    if not isinstance(fit, FitResult) or not len(fit.runs):
        raise FitError(
            f"{getattr(fit, 'label', fit)!s} is no fit of a law to runs at hand, so the noise of a new run is not known; "
            f"fit your own with {either('ql.fit', '`quokka-laws fit`')}"
        )
    if set(fit.law.variables) not in ({"N", "D"}, {"N", "U_D", "epochs"}):
        raise FitError(f"{fit.label} is a law of {', '.join(fit.law.variables)}; runs are chosen for laws of N and D")
    return fit


def _label(fitted: FitResult | None) -> str:
    return fitted.label if fitted is not None else "the published law"


def _has_repetition(runs: pd.DataFrame | None, candidates: pd.DataFrame | None) -> bool:
    return any(table is not None and "U_D" in table for table in (runs, candidates))


def _unique(U_D: Any, candidates: pd.DataFrame | None, fitted: FitResult | None, repeated: bool) -> Array | None:
    if not repeated:
        return None
    if U_D is None and candidates is not None and "U_D" in candidates:
        U_D = candidates["U_D"].map(parse_quantity).to_numpy(dtype=float)
    if U_D is None:
        raise ArgumentError(f"{_label(fitted)} is a law of repeated data: give U_D, the unique tokens new runs may use")
    return positive(U_D=U_D)[0]


def _trained(fit: Any, fitted: FitResult | None, repeated: bool) -> pd.DataFrame:
    """N and D of the runs that are trained, one row each."""
    names = ["N", "D", *(["U_D", "epochs"] if repeated else [])]
    if fit is None:
        return pd.DataFrame(columns=names, dtype=float)
    runs = last_points(fitted.runs if fitted is not None else fit)
    if repeated and "epochs" not in runs:
        runs = runs.assign(epochs=runs["D"] / runs["U_D"])
    if repeated and "U_D" not in runs:
        runs = runs.assign(U_D=runs["D"] / runs["epochs"])
    if missing := [k for k in names if k not in runs]:
        raise ArgumentError(f"the runs trained so far lack {', '.join(missing)}; columns: {', '.join(map(str, runs))}")
    return runs[names].map(parse_quantity).astype(float).reset_index(drop=True)


def _cautions(fitted: FitResult | None, table: pd.DataFrame) -> list[str]:
    said = []
    if (before := table["sd_before"].iloc[0]) > 1.0:
        said.append(
            f"A standard deviation of {before:.3g} in a logarithm is more than a local calculation can handle: these runs say little "
            "about the target. Ask nearer to them, or train a wider ladder first."
        )
    largest = fitted.fitted_range.get("C", (0.0, np.inf))[1] if fitted is not None else np.inf
    if (most := table["C"].max() / largest) > 1:
        said.append(f"the dearest run is {times(most)} beyond the fitted runs' largest C")
    return said
