"""Recipes against a baseline: compute multipliers, tokens and crossings of a fitted law, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.evaluation.recipe_diagnostics import diagnosed
from quokka_laws.evaluation.recipe_steps import Frontiers, Step, codes
from quokka_laws.exceptions import ArgumentError
from quokka_laws.plan.arguments import positive
from quokka_laws.results.diagnostic import Diagnostic, Severity
from quokka_laws.results.format import left_aligned
from quokka_laws.results.intervals import check_level, interval_with_never
from quokka_laws.results.notebook import card
from quokka_laws.runs.conventions import UNSTATED
from quokka_laws.runs.quantities import times_outside

NEAR = 2.0
"""Times outside the runs, from which on a multiplier comes from the law."""
_GRID = 241


@dataclass(frozen=True)
class Speedup:
    """Several recipes against a baseline; :attr:`table` is the answer, :meth:`at` asks at other budgets.

    Parameters
    ----------
    by : str
        Column of recipes.
    recipes : tuple of str
        The baseline first.
    runs : DataFrame
        What was compared: with ``recipe`` r0, r1, … in the order of ``recipes``.
    steps : list of Step
        Laws that were tried, the simplest first.
    taken : int
        Which of them the answer rests on.
    refused : tuple of str
        Laws that were not possible, and why.
    units : array (rows,) of int
        Rows that share their noise.
    draws : dict of str to array
        Coefficients of the refits.
    C : array
        Budgets of :attr:`table`.
    level : float
    left_out : int
        Checkpoints that are not the last of their run.
    asked : bool
        Whether the budgets were given.
    """

    by: str
    recipes: tuple[str, ...]
    runs: pd.DataFrame
    steps: list[Step]
    taken: int
    refused: tuple[str, ...]
    units: Array
    draws: Mapping[str, Array] = field(repr=False)
    C: Array
    level: float
    left_out: int = 0
    asked: bool = True

    @property
    def step(self) -> Step:
        """The law that the answer rests on."""
        return self.steps[self.taken]

    @property
    def baseline(self) -> str:
        """The recipe that the others are measured by."""
        return self.recipes[0]

    @property
    def paired(self) -> int:
        """Units of runs of several recipes."""
        return int((np.bincount(self.units) > 1).sum())

    @cached_property
    def frontiers(self) -> Frontiers:
        """Lowest losses as fitted, one draw."""
        return self.step.frontiers(self.step.values, len(self.recipes))

    @cached_property
    def drawn(self) -> Frontiers:
        """Lowest losses of every refit."""
        return self.step.frontiers(self.draws, len(self.recipes))

    @cached_property
    def table(self) -> pd.DataFrame:
        """:meth:`at` the budgets asked, or within the runs, at the largest and ten times beyond it."""
        return self.at(self.C)

    def of(self, recipe: int) -> pd.DataFrame:
        """Runs of a recipe."""
        return self.runs[codes(self.runs) == recipe]

    def at(self, C: Any, *, level: float | None = None) -> pd.DataFrame:
        """The compute multiplier of each recipe at budgets.

        Parameters
        ----------
        C : float or array
            FLOPs spent on the recipe that is compared.
        level : float, optional
            Confidence level, that of the object by default.

        Returns
        -------
        DataFrame
            ``recipe, C, multiplier`` (compute the baseline needs for the same loss, over C; inf where it never reaches it),
            ``multiplier_lower, multiplier_upper``, ``loss``, ``loss_gain`` (loss of the baseline at the same C, less that of the
            recipe) with its bounds, ``level``, ``p_better`` (share of refits in which the recipe is better), ``extrapolation``
            (how far either recipe is asked outside its runs), ``rests_on``: ``"runs"``, or ``"law"`` where their runs have no losses in
            common, or one is asked two or more times outside its runs.
        """
        (budgets,) = positive(C=C)
        level = self.level if level is None else level
        check_level(level)
        blocks = []
        for r in range(1, len(self.recipes)):
            m, drawn = self.frontiers.multiplier(budgets, r)[0], self.drawn.multiplier(budgets, r)
            lower, upper = interval_with_never(drawn, level)
            loss = self.frontiers.loss(budgets, r)[0]
            gain = self.frontiers.loss(budgets, 0)[0] - loss
            gains = interval_with_never(self.drawn.loss(budgets, 0) - self.drawn.loss(budgets, r), level)
            outside = self._outside(budgets, m, r)
            low, high = self.overlap(r)
            runs = (low <= high) & (outside < NEAR)
            blocks.append(
                pd.DataFrame(
                    {
                        "recipe": self.recipes[r],
                        "C": budgets,
                        "multiplier": m,
                        "multiplier_lower": lower,
                        "multiplier_upper": upper,
                        "loss": loss,
                        "loss_gain": gain,
                        "loss_gain_lower": gains[0],
                        "loss_gain_upper": gains[1],
                        "level": level,
                        "p_better": np.nanmean(np.where(np.isnan(drawn), np.nan, drawn > 1.0), axis=0),
                        "extrapolation": outside,
                        "rests_on": np.where(runs, "runs", "law"),
                    }
                )
            )
        return pd.concat(blocks, ignore_index=True)

    def tokens(self, N: Any, D: Any) -> pd.DataFrame:
        """Tokens that the baseline needs for the loss of each recipe at the same size.

        Parameters
        ----------
        N, D : float or array
            Of the recipe that is compared; broadcast against one another.

        Returns
        -------
        DataFrame
            ``recipe, N, D, multiplier`` (of tokens) with its bounds and ``level``.

        Raises
        ------
        ArgumentError
            Where the law is one of compute alone: D/N hardly differs within the recipes.
        """
        if self.step.kind != ("N", "D"):
            raise ArgumentError(
                "these runs tell compute apart, not parameters from tokens: vary D/N within each recipe"
            )
        size, data = positive(N=N, D=D)
        size, data = np.broadcast_arrays(size, data)
        blocks = []
        for r in range(1, len(self.recipes)):
            (m,) = self._tokens(self.step.values, size, data, r)
            lower, upper = interval_with_never(self._tokens(self.draws, size, data, r), self.level)
            table = pd.DataFrame({"recipe": self.recipes[r], "N": size, "D": data, "multiplier": m})
            blocks.append(table.assign(multiplier_lower=lower, multiplier_upper=upper, level=self.level))
        return pd.concat(blocks, ignore_index=True)

    def _tokens(self, values: Mapping[str, Array], N: Array, D: Array, recipe: int) -> Array:
        def of(name: str, r: int) -> Array:
            return np.asarray(values.get(f"{name}_r{r}", values.get(name)))[:, None]

        def scale(r: int) -> Array:
            return of("s", r) if "s_r0" in values else np.ones((1, 1))

        def size_term(r: int) -> Array:
            return np.asarray(of("E", r) + scale(r) * of("A", r) * N ** -of("alpha", r))

        loss = size_term(recipe) + scale(recipe) * of("B", recipe) * D ** -of("beta", recipe)
        left = loss - size_term(0)
        with np.errstate(divide="ignore", over="ignore"):
            needed = np.exp(np.log(scale(0) * of("B", 0) / np.maximum(left, 0.0)) / of("beta", 0))
        return np.asarray(np.where(left > 0, needed, np.inf) / D)

    @cached_property
    def crossings(self) -> pd.DataFrame:
        """Budgets at which a recipe and the baseline have the same loss.

        Looked for from a tenth of the smallest run to a thousand times the largest. ``recipe, C, C_lower, C_upper`` (inf: never, in
        that many refits), ``share`` of refits that cross, ``above``: who is better with more compute. No row for a recipe
        that does not cross.
        """
        grid = np.geomspace(self.runs["C"].min() / 10.0, self.runs["C"].max() * 1000.0, _GRID)
        rows = []
        for r in range(1, len(self.recipes)):
            (C,) = _first_crossing(self.frontiers, grid, r)
            if not np.isfinite(C):
                continue
            drawn = _first_crossing(self.drawn, grid, r)
            lower, upper = interval_with_never(drawn, self.level)
            beyond = self.frontiers.multiplier(grid[-1:], r)[0, 0]
            rows.append(
                {
                    "recipe": self.recipes[r],
                    "C": C,
                    "C_lower": float(lower),
                    "C_upper": float(upper),
                    "level": self.level,
                    "share": float(np.isfinite(drawn).mean()),
                    "above": self.recipes[r] if beyond > 1 else self.baseline,
                }
            )
        names = ["recipe", "C", "C_lower", "C_upper", "level", "share", "above"]
        return pd.DataFrame(rows, columns=names)

    def overlap(self, recipe: int) -> tuple[float, float]:
        """Losses that runs of a recipe and of the baseline both have; the first is the larger where there are none."""
        a, b = self.of(0)["loss"], self.of(recipe)["loss"]
        return float(max(a.min(), b.min())), float(min(a.max(), b.max()))

    def _outside(self, C: Array, multiplier: Array, recipe: int) -> Array:
        """The larger of two factors: C outside the runs of the recipe, what the baseline needs outside its own."""
        own, base = self.of(recipe)["C"], self.of(0)["C"]
        needed = np.where(np.isfinite(multiplier), C * multiplier, 1e300)
        return np.maximum(times_outside(C, own.min(), own.max()), times_outside(needed, base.min(), base.max()))

    # ---- in words -----------------------------------------------------------------------------------------------

    @property
    def answer(self) -> str:
        """One line per recipe, at the largest budget that rests on runs."""
        lines = []
        for recipe, rows in self.table.groupby("recipe", sort=False):
            within = rows[rows["rests_on"] == "runs"]
            row = (within if len(within) else rows).iloc[-1 if len(within) else 0]
            if self.kinds and self.kinds[str(recipe)] != self.kinds[self.baseline]:
                lines.append(self._even_its_bound(row))
                continue
            lines.append(
                f"{recipe} needs {_less(row['multiplier'])} compute {self.baseline} needs for the same loss: {self.baseline}/{recipe} "
                f"= {row['multiplier']:.3g} ({100 * row['level']:.3g} %: {row['multiplier_lower']:.3g} … "
                f"{row['multiplier_upper']:.3g}) at C = {row['C']:.3g}; {recipe} is better with probability {row['p_better']:.3g}"
            )
        return "\n".join(lines)

    @cached_property
    def tried(self) -> pd.DataFrame:
        """Steps: ``step, formula, coefficients, error`` (rms of the losses), ``p`` of the step before it, ``taken``, and the
        multiplier of each recipe at the largest run."""
        largest = np.array([self.runs["C"].max()])
        rows = []
        for i, step in enumerate(self.steps):
            at = step.frontiers(step.values, len(self.recipes))
            rows.append(
                {
                    "step": step.name,
                    "formula": step.fit.law.equation,
                    "coefficients": sum(p.vary and not p.expr for p in step.fit.params.values()),
                    "error": step.fit.rms_residual,
                    "p": step.p,
                    "taken": i == self.taken,
                    **{
                        f"multiplier {name}": at.multiplier(largest, r + 1)[0, 0]
                        for r, name in enumerate(self.recipes[1:])
                    },
                }
            )
        return pd.DataFrame(rows)

    @cached_property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What to know before relying on the answer."""
        return diagnosed(self)

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Kind of loss of each recipe, where a column ``loss_kind`` states them and they differ; else empty."""
        if "loss_kind" not in self.runs:
            return {}
        found = {name: sorted(set(self.of(r)["loss_kind"].astype(str))) for r, name in enumerate(self.recipes)}
        if len({tuple(k) for k in found.values()}) < 2 or any(UNSTATED in k for k in found.values()):
            return {}
        return {name: " and ".join(k) for name, k in found.items()}

    def _even_its_bound(self, row: pd.Series) -> str:
        """No multiplier between a bound and an exact loss; what a bound that is the lower of the two still says."""
        recipe = str(row["recipe"])
        lower, higher = (recipe, self.baseline) if row["multiplier"] > 1 else (self.baseline, recipe)
        refused = f"No multiplier for {recipe}: its losses and those of {self.baseline} are of different kinds"
        if (self.kinds[lower], self.kinds[higher]) == ("ELBO bound", "exact NLL"):
            return f"{refused}, but even the bound of {lower} is below the exact loss of {higher} at C = {row['C']:.3g}"
        return refused

    @property
    def known(self) -> list[str]:
        """Sentences for what can change the answer; notes are in :meth:`evidence`."""
        return [d.sentence() for d in self.diagnostics if d.severity is not Severity.NOTE]

    def evidence(self) -> str:
        """Which law was taken and why, crossings, how runs were paired."""
        taken = f"law: {self.step.name}, {self.step.fit.law.equation} (each step is taken where an F test rejects the one before it)"
        tables = [taken, left_aligned(self.tried.drop(columns="formula").set_index("step"))]
        if len(self.crossings):
            tables.append("same loss at\n" + left_aligned(self.crossings.set_index("recipe")))
        notes = [d.sentence() for d in self.diagnostics if d.severity is Severity.NOTE]
        return "\n\n".join([*tables, *notes, *(f"not possible: {why}" for why in self.refused)])

    def report(self) -> str:
        """Answer, what to know, table and evidence."""
        return "\n\n".join([self.answer, *self.known, left_aligned(self.table.set_index("recipe")), self.evidence()])

    def _repr_html_(self) -> str:
        return card(f"{self.by}: {', '.join(self.recipes)}", self.answer, self.table, diagnostics=self.known)


def _first_crossing(frontiers: Frontiers, grid: Array, recipe: int) -> Array:
    """Budget at which the gap changes its sign (draws,), interpolated; inf where it does not."""
    gap = frontiers.loss(grid, recipe) - frontiers.loss(grid, 0)
    turns = np.sign(gap[:, :-1]) * np.sign(gap[:, 1:]) < 0
    i = turns.argmax(axis=1)
    row = np.arange(len(gap))
    left, right = gap[row, i], gap[row, i + 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = left / (left - right)
    C = np.exp(np.log(grid[i]) + share * (np.log(grid[i + 1]) - np.log(grid[i])))
    return np.where(turns.any(axis=1), C, np.inf)


def _less(multiplier: float) -> str:
    return f"{1 / multiplier:.0%} of the" if np.isfinite(multiplier) else "a share of"
