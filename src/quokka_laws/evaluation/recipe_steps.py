"""One law for several recipes in three steps, from one number that sets them apart to nothing in common.

==========================  ================================  ======================================
step                        loss along compute                loss of N and D
==========================  ================================  ======================================
one multiplier              ``E + A[r]/C^alpha``              ``E + s[r]·(A/N^alpha + B/D^beta)``
own sizes                   ``E + A[r]/C^alpha[r]``           ``E + A[r]/N^alpha + B[r]/D^beta``
own everything              ``E[r] + A[r]/C^alpha[r]``        ``E[r] + A[r]/N^alpha[r] + B[r]/D^beta[r]``
==========================  ================================  ======================================

A step is taken where an F test at 5 % rejects the one before it. What runs of one unit have in common says nothing about how recipes
differ, so it is taken out of the residuals of units first. Whatever the step, the lowest loss at a budget is ``E + K·C^-gamma`` with
numbers of each recipe (:class:`Frontiers`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import f as fisher

from quokka_laws._typing import Array
from quokka_laws.evaluation.pairing import shared_noise
from quokka_laws.exceptions import FitError, QuokkaError
from quokka_laws.fitting.fit import fit
from quokka_laws.fitting.linearised import Linearised, coordinates
from quokka_laws.fitting.residual_bootstrap import simulated_together
from quokka_laws.fitting.solver import solve
from quokka_laws.laws import law
from quokka_laws.objective import LogHuber
from quokka_laws.progress import Progress
from quokka_laws.results.fit_result import FitResult

RECIPE = "recipe"
"""The column of recipes inside this module: r0 is the baseline."""
TEST = 0.05
FORMULAS = {
    ("C",): {
        "one multiplier": "E + A[recipe]/C^alpha",
        "own sizes and exponents": "E + A[recipe]/C^alpha[recipe]",
        "own everything": "E[recipe] + A[recipe]/C^alpha[recipe]",
    },
    ("N", "D"): {
        "one multiplier": "E + s[recipe]*(A/N^alpha + B/D^beta)",
        "own sizes": "E + A[recipe]/N^alpha + B[recipe]/D^beta",
        "own everything": "E[recipe] + A[recipe]/N^alpha[recipe] + B[recipe]/D^beta[recipe]",
    },
}
OF_ONE = {("C",): 3, ("N", "D"): 5}
"""Coefficients of the law of one recipe."""


@dataclass(frozen=True)
class Frontiers:
    """Lowest loss of each recipe at a budget, ``E + K·C^-gamma``; arrays (draws, recipes).

    Parameters
    ----------
    E, K, gamma : array (draws, recipes)
    """

    E: Array
    K: Array
    gamma: Array

    def loss(self, C: Array, recipe: int) -> Array:
        """Of a recipe at budgets (budgets,), shape (draws, budgets)."""
        r = np.s_[:, [recipe]]
        return np.asarray(self.E[r] + self.K[r] * np.exp(-self.gamma[r] * np.log(C)))

    def compute(self, loss: Array, recipe: int) -> Array:
        """That a recipe needs for losses (draws, budgets); inf for one it never reaches."""
        r = np.s_[:, [recipe]]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            above = loss - self.E[r]
            return np.where(above > 0, np.exp(np.log(self.K[r] / np.maximum(above, 0.0)) / self.gamma[r]), np.inf)

    def multiplier(self, C: Array, recipe: int) -> Array:
        """Compute that the baseline needs for the loss of a recipe at C, over C."""
        return np.asarray(self.compute(self.loss(C, recipe), 0) / C)


@dataclass(frozen=True)
class Step:
    """One step, fitted.

    Parameters
    ----------
    name : str
    fit : FitResult
    spare : float
        Degrees of freedom left for how recipes differ.
    p : float
        Of the step before it; NaN for the first.
    """

    name: str
    fit: FitResult
    spare: float
    p: float

    @property
    def kind(self) -> tuple[str, ...]:
        """Variables of the law."""
        return ("C",) if "C" in self.fit.law.variables else ("N", "D")

    def frontiers(self, values: Mapping[str, Array], recipes: int) -> Frontiers:
        """Of coefficients, each (draws,)."""

        def each(name: str) -> Array:
            own = [f"{name}_r{r}" for r in range(recipes)]
            return np.stack([values[k if k in values else name] for k in own], axis=1)

        E = each("E")
        if self.kind == ("C",):
            return Frontiers(E, each("A"), each("alpha"))
        scale = each("s") if "s_r0" in values else 1.0
        a, b, alpha, beta = scale * each("A"), scale * each("B"), each("alpha"), each("beta")
        gamma = alpha * beta / (alpha + beta)
        with np.errstate(divide="ignore", invalid="ignore"):
            G = (alpha * a / (beta * b)) ** (1.0 / (alpha + beta))
            K = a * G**-alpha + b * G**beta
        return Frontiers(E, K * self.fit.conventions.flops_per_ND**gamma, gamma)

    @property
    def values(self) -> dict[str, Array]:
        """Coefficients as one draw."""
        return {k: np.array([v]) for k, v in self.fit.values.items()}

    def refits(self, units: Array, *, count: int, seed: int, progress: bool = False) -> dict[str, Array]:
        """Coefficients of fits to simulated losses, those that converged."""
        space, data, u, off = coordinates(self.fit)
        observed = np.log(data.loss)
        near = Linearised.at(space, data, self.fit.objective, u, off, observed)
        losses = simulated_together(
            near, observed, units=units, kinds=codes(self.fit.runs), spare=self.spare, count=count, seed=seed
        )
        problem = replace(space.problem(data, self.fit.objective), loss=np.exp(losses))
        start, none = np.repeat(u, count, axis=0), np.repeat(off, count, axis=0)
        with Progress("refits", count, enabled=progress) as bar:
            solved = solve(problem, start, data.weights, off=none, begin="warm", progress=bar.update)
        drawn = pd.DataFrame(space.batch_values(solved.u, solved.off))[solved.converged]
        if len(drawn) < count / 2:
            raise FitError(
                f"{len(drawn)} of {count} refits converged, so no interval can be given; add runs, or hold the floor E"
            )
        return {str(k): drawn[k].to_numpy() for k in drawn}

    def shared_noise(self, units: Array) -> float:
        """Correlation of residuals within units."""
        return shared_noise(Linearised.of(self.fit).standardised_together(units), units)


def codes(runs: pd.DataFrame) -> Array:
    """Recipes of rows as numbers."""
    return runs[RECIPE].str.removeprefix("r").to_numpy(dtype=int)


def take_steps(
    runs: pd.DataFrame, kind: tuple[str, ...], units: Array, *, fix: Mapping[str, float], seed: int
) -> tuple[list[Step], list[str], int]:
    """All steps that these runs allow, why others are not possible, and which was taken.

    Raises
    ------
    FitError
        If not even the first is possible.
    """
    recipes = len(np.unique(codes(runs)))
    steps: list[Step] = []
    refused: list[str] = []
    for name, text in FORMULAS[kind].items():
        if name == "own everything" and kind == ("C",) and "E" in fix:
            continue  # the floor is known: the step before it
        held = {**fix, **({"s_r0": 1.0} if "s[" in text else {})}
        near = [replace(steps[-1].fit, values=_widened(steps[-1], recipes))] if steps else []
        try:
            found = fit(
                law(text, fixed=held), runs, objective=LogHuber("auto"), prior=None, seed=seed, cluster=None, near=near
            )
        except QuokkaError as error:
            refused.append(f"{name}: {error}")
            break
        free = sum(p.vary and not p.expr for p in found.params.values())
        own = (free - OF_ONE[kind] + len(fix)) / (recipes - 1)
        spare = min(len(runs) - free, len(np.unique(units)) - own)
        if spare < 1:
            refused.append(f"{name}: {len(runs)} runs leave no degrees of freedom for its {free} coefficients")
            break
        p = _test(steps[-1], found, free, spare, units) if steps else float("nan")
        steps.append(Step(name, found, float(spare), p))
    if not steps:
        raise FitError(refused[0])
    taken = 0
    while taken + 1 < len(steps) and steps[taken + 1].p < TEST:
        taken += 1
    return steps, refused, taken


def _widened(step: Step, recipes: int) -> dict[str, float]:
    """Coefficients of a step as the next ones name them: where their search begins."""
    values = step.fit.values
    found = dict(values)
    for r in range(recipes):
        scale = values.get(f"s_r{r}", 1.0)
        for name in ("E", "A", "B", "alpha", "beta"):
            if name in values:
                found[f"{name}_r{r}"] = values[name] * (scale if name in ("A", "B") else 1.0)
    return found


def _test(narrow: Step, wide: FitResult, free: int, spare: float, units: Array) -> float:
    """p of the narrow law, by Huber's cost of what sets recipes apart."""
    before, after = (
        2.0 * float(wide.objective.value(_apart(f.log_residuals(), units)).sum()) for f in (narrow.fit, wide)
    )
    more = free - sum(p.vary and not p.expr for p in narrow.fit.params.values())
    if not after > 0:
        return 0.0
    return float(fisher.sf(max(before - after, 0.0) / more / (after / spare), more, spare))


def _apart(residuals: Array, units: Array) -> Array:
    """Residuals without what those of one unit have in common; of a unit of one row, as they are."""
    grouped = pd.Series(residuals).groupby(units)
    mean, size = grouped.transform("mean").to_numpy(), grouped.transform("size").to_numpy()
    return np.where(size > 1, residuals - mean, residuals)
