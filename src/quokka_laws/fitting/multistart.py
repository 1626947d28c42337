"""The best optimum of a law on its rows: starts, local solves, rivals."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.exceptions import FitError
from quokka_laws.fitting import starts
from quokka_laws.fitting.local import Problem
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.fitting.solver import MAX_ITERATIONS, Solution, objective_values, solve
from quokka_laws.laws import Formula, Law
from quokka_laws.objective import Objective
from quokka_laws.progress import Progress

log = logging.getLogger("quokka_laws")

THIN_ROWS = 2_000
SAME_OPTIMUM = 1e-6
NEAR_STARTS = 16
FIRST_STARTS = 5
BRIEF_STARTS = 3
PATIENCE = (30, 6)
"""Steps of one descent of a formula's start, at least and for each coefficient: what has not arrived by then is not where the others
meet."""
FEW_STARTS = (8, 12, 24)
EXACT = 1e-9
"""Log-residuals that are nothing but rounding."""
AGREEMENT = (0.85, 0.3)  # share that is enough, of the first and of all


@dataclass(frozen=True)
class Optimum:
    """The best solution, in free coordinates, and how it was found; ``began`` holds the most promising starts."""

    u: Array
    off: Array
    value: float
    converged: bool
    gradient_norm: float
    condition_number: float
    starts: dict[str, int]
    rivals: pd.DataFrame
    began: tuple[Array, Array]


def optimise(
    law: Law,
    data: Data,
    space: Space,
    objective: Objective,
    *,
    n_starts: int | None,
    seed: int,
    progress: bool = False,
    near: tuple[Array, Array] | None = None,
    briefly: bool = False,
) -> Optimum:
    """The best optimum from automatic starts: solved on a few rows of each run where there are many, finished on all.

    ``near``, free coordinates (starts, free) and terms at zero (starts, terms), are starts besides the automatic ones: optima of
    similar problems, such as the same law on more runs. ``briefly``: a few automatic starts, once each, and no search
    for rivals.
    """
    rows, counts = starts.thin(len(data.loss), data.groups, data.order, limit=THIN_ROWS, seed=seed)
    sample = data.take(rows, counts) if len(rows) < len(data.loss) else data
    problem = space.problem(sample, objective)
    searched = int(sum(space.free[j] and c.kind != "amplitude" for j, c in enumerate(law.coefficients)))
    brief = 1 if near else BRIEF_STARTS
    keep = n_starts or (brief if briefly else FIRST_STARTS if searched <= 2 else 64)
    u, off = _ranked_starts(law, sample, space, problem, keep=keep, seed=seed)
    formula = isinstance(law, Formula)
    patience = max(PATIENCE[0], PATIENCE[1] * u.shape[1]) if formula else MAX_ITERATIONS
    exact = float((objective.value(np.full(1, EXACT)) * sample.weights).sum())
    parts: list[Solution] = []
    if near and briefly:  # optima of similar problems: Newton at once
        parts.append(solve(problem, near[0], sample.weights, off=near[1], begin="warm"))
    elif near:
        u, off = (np.concatenate(pair) for pair in zip(near, (u, off), strict=True))
    with Progress("starts", len(u) + min(len(u), NEAR_STARTS), enabled=progress) as bar:

        def descend(which: slice, begin: Literal["far", "near"]) -> Solution:
            settings: dict[str, Any] = {"max_iterations": patience, "race": formula, "progress": bar.update}
            return solve(problem, u[which], sample.weights, off=off[which], begin=begin, **settings)

        in_turn = formula and n_starts is None and not briefly  # a few at a time, until they agree
        ends = [*(end for end in FEW_STARTS if in_turn and end < len(u)), len(u)]
        for first, end in pairwise([0, *ends]):
            parts.append(descend(slice(first, end), "far"))
            if agreed := formula and _agree(parts, exact):
                break
        if not briefly and not agreed:
            parts.append(descend(slice(NEAR_STARTS if len(ends) == 1 else FEW_STARTS[0]), "near"))
    solved = Solution(*(np.concatenate([getattr(s, f) for s in parts]) for f in Solution.__dataclass_fields__))
    if not np.isfinite(solved.value).any():
        raise FitError(
            f"no start of {law.label} gives a finite objective on these {len(data.loss)} runs; "
            "check units (raw parameters and tokens, loss in nats) with `quokka-laws check`"
        )
    lowest = np.nanmin(np.where(np.isfinite(solved.value), solved.value, np.inf))
    reached = int((solved.value <= lowest * (1 + SAME_OPTIMUM)).sum())
    best = _pick(solved, _distinct(solved))
    if sample is not data:
        problem = space.problem(data, objective)
        best = solve(problem, best.u, data.weights, off=best.off, begin="warm")
    if not best.converged[int(np.nanargmin(best.value))]:  # once more, through the smoother objectives
        best = solve(problem, best.u, data.weights, off=best.off)
    found = {"solved": len(solved.u), "at_optimum": reached, "rows_used": len(rows)}
    log.info("best objective %.10g after %d starts, %d at the optimum", np.nanmin(best.value), len(solved.u), reached)
    return _optimum(best, space, problem, found, (u[:FIRST_STARTS], off[:FIRST_STARTS]))


def _distinct(solved: Solution, count: int = 6) -> list[int]:
    """The lowest solution, and of the others that converged one of each higher value."""
    order = np.argsort(np.where(np.isfinite(solved.value), solved.value, np.inf))
    distinct = [int(order[0])]
    for i in order[1:]:
        if solved.value[i] > solved.value[distinct[-1]] * (1 + SAME_OPTIMUM) and solved.converged[i]:
            distinct.append(int(i))
    return distinct[:count]


def _optimum(
    solved: Solution, space: Space, problem: Problem, found: dict[str, int], began: tuple[Array, Array]
) -> Optimum:
    """The lowest of several solutions; those that are higher are its rivals."""
    first = int(np.nanargmin(solved.value))
    rivals = pd.DataFrame({"objective_value": solved.value, **space.batch_values(solved.u, solved.off)})
    different = rivals["objective_value"] > solved.value[first] * (1 + SAME_OPTIMUM)
    return Optimum(
        u=solved.u[first],
        off=solved.off[first],
        value=float(solved.value[first]),
        converged=bool(solved.converged[first]),
        gradient_norm=float(solved.gradient_norm[first]),
        condition_number=_condition(solved, first, space, problem),
        starts=found,
        rivals=rivals[different].sort_values("objective_value").reset_index(drop=True),
        began=began,
    )


def _agree(parts: list[Solution], exact: float) -> bool:
    """Whether nearly all of a few starts, or many of more, lead to one optimum: nothing is gained by others.

    ``exact`` is an objective so low that the law passes through every run; all that are lower are one optimum.
    """
    value = np.concatenate([p.value for p in parts])
    converged = np.concatenate([p.converged for p in parts])
    share = (converged & (value <= np.nanmin(value) * (1 + SAME_OPTIMUM) + exact)).mean()
    return bool(share >= (AGREEMENT[0] if len(parts) == 1 else AGREEMENT[1]))


def _ranked_starts(
    law: Law, data: Data, space: Space, problem: Problem, *, keep: int, seed: int
) -> tuple[Array, Array]:
    low, high = np.full(len(space.free), -np.inf), np.full(len(space.free), np.inf)
    low[space.free], high[space.free] = space.lower, space.upper
    theta = starts.candidates(law, space.free, (low, high), count=max(512, 8 * keep), seed=seed, ranges=space.ranges)
    fixed = ~space.free
    tied = theta[:, space.free] @ space.basis.T + space.offset
    theta[:, fixed] = tied[:, fixed]
    with np.errstate(all="ignore"):
        theta = law.project(theta, data.x, data.loss, data.weights, free=list(space.free))
    theta = theta[~np.isnan(theta).any(axis=1)]
    if not len(theta):
        raise FitError(
            f"no start of {law.label} fits these {len(data.loss)} runs at all; the law does not fall with them"
        )
    if space.given:
        suggested = theta.copy()
        for j, coordinate in space.given.items():
            suggested[:, j] = coordinate
        theta = np.concatenate([suggested, theta])
    u, off = space.enter(theta, problem)
    value = objective_values(problem, u, data.weights, off=off)
    order = np.argsort(np.where(np.isfinite(value), value, np.inf), kind="stable")
    chosen = order[:keep]
    if space.given:  # the user's suggestion is always tried
        own = order[order < len(theta) // 2][:1]
        chosen = np.unique(np.concatenate([own, chosen]))
    return u[chosen], off[chosen]


def _pick(solution: Solution, which: list[int]) -> Solution:
    return Solution(*(getattr(solution, name)[which] for name in solution.__dataclass_fields__))


def _condition(solution: Solution, i: int, space: Space, problem: Problem) -> float:
    free = (solution.u[i] > space.lower) & (solution.u[i] < space.upper)
    for j, k in problem.amplitudes.items():
        if solution.off[i, k]:
            free &= space.basis[j] == 0
    H = solution.hessian[i][np.ix_(free, free)]
    if not len(H):
        return 1.0
    size = np.sqrt(np.abs(np.diag(H)))
    eigenvalues = np.abs(np.linalg.eigvalsh(H / np.outer(size, size))) if (size > 0).all() else np.array([0.0, 1.0])
    return float(eigenvalues.max() / eigenvalues.min()) if eigenvalues.min() > 0 else float("inf")
