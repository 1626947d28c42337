"""Recipe A or B: how many times the compute the baseline needs for the loss of another recipe, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from quokka_laws._spelling import option
from quokka_laws._typing import Array
from quokka_laws.evaluation.compute_multiplier import Speedup
from quokka_laws.evaluation.pairing import pairs
from quokka_laws.evaluation.recipe_steps import RECIPE, codes, take_steps
from quokka_laws.exceptions import ArgumentError, QuokkaError, RunsError
from quokka_laws.fitting.bootstrap import independent_runs, unit_codes
from quokka_laws.plan.arguments import positive
from quokka_laws.results.intervals import check_level
from quokka_laws.runs.read import as_runs
from quokka_laws.runs.rows import subset

LEVEL = 0.9
FEWEST_RUNS = 3
"""Of each recipe."""
BEYOND = 10.0
WIDE_RATIO = 2.0
"""Spread of D/N within a recipe from which on N and D are told apart."""


def speedup(
    runs: Any,
    by: str = "recipe",
    baseline: str | None = None,
    *,
    C: Any = None,
    law: Literal["auto", "N, D", "C"] = "auto",
    fix: Mapping[str, float] | None = None,
    pair: str | None = "auto",
    level: float = LEVEL,
    bootstrap: int = 1000,
    seed: int = 0,
    progress: bool = False,
) -> Speedup:
    """How much compute a recipe saves: ``m(C)``, the compute of the baseline over that of the recipe for the same loss.

    One law is fitted to the runs of all recipes, in steps (:mod:`quokka_laws.evaluation.recipe_steps`). Intervals come from refits to
    simulated losses in which runs that share their noise are drawn together, so that it cancels.

    Parameters
    ----------
    runs : DataFrame
        From :func:`quokka_laws.read_runs`, with a column of recipes; at least three runs of each. Of a run's checkpoints the last
        is taken.
    by : str
        Column of recipes.
    baseline : str, optional
        The recipe that the others are measured by; the first in the table by default.
    C : float or array, optional
        Budgets in FLOPs of the recipe that is compared. By default the middle of the runs, the largest, and ten times that.
    law : {"auto", "N, D", "C"}
        ``"C"``: loss along compute, for recipes that were run at one D/N. ``"N, D"``: loss of parameters and tokens, compared at the
        best N of each budget. ``"auto"``: N and D where D/N varies by a factor of two or more within each recipe.
    fix : mapping, optional
        Coefficients that are held, usually the floor of the evaluation set: ``{"E": 1.69}``.
    pair : str or None
        Which runs share noise: a column whose equal rows do; ``"auto"``, those of the same N and D (and ``seed``, where there is
        such a column); None, none do.
    level : float
    bootstrap : int
        Refits.
    seed : int
    progress : bool
        Show a bar on stderr for work that takes more than two seconds.

    Returns
    -------
    Speedup

    Raises
    ------
    ArgumentError
        If the column or the baseline is not there, or holds one recipe only.
    RunsError
        If a recipe has fewer than three runs.
    FitError
        If no law could be fitted.

    Examples
    --------
    >>> import numpy as np, pandas as pd, quokka_laws as ql
    >>> C = np.geomspace(1e18, 1e21, 6)
    >>> runs = pd.DataFrame({"recipe": ["A"] * 6 + ["B"] * 6, "C": [*C, *C]})
    >>> noise = 0.002 * np.random.default_rng(0).standard_normal(12)
    >>> runs["loss"] = (1.7 + 1500 * (runs["C"] * np.where(runs["recipe"] == "B", 1.5, 1.0)) ** -0.17) * np.exp(noise)
    >>> found = ql.speedup(runs, by="recipe", baseline="A", C=1e21, bootstrap=200)
    >>> found.step.name, bool(found.table["multiplier_lower"][0] < 1.5 < found.table["multiplier_upper"][0])
    ('one multiplier', True)
    """
    check_level(level)
    if bootstrap < 100:
        raise ArgumentError(f"bootstrap = {bootstrap}: an interval needs at least 100 refits")
    if law not in ("auto", "N, D", "C"):
        raise ArgumentError(f"law = {law!r}: 'auto', 'N, D' or 'C'")
    checked = as_runs(runs)
    if "C" not in checked:
        raise RunsError("a speed-up is one of compute: give N and D, or C")
    recipes = _recipes(checked, by, baseline)
    table, left_out = _last_checkpoints(checked)
    number = {name: f"r{i}" for i, name in enumerate(recipes)}
    units = pairs(table, by, pair)
    attrs = table.attrs
    table = table.assign(**{RECIPE: table[by].astype(str).map(number)})
    table.attrs = attrs
    _check(table, by, recipes)
    fixed = {k: float(v) for k, v in (fix or {}).items()}
    if unknown := sorted(set(fixed) - {"E"}):
        raise ArgumentError(f"fix: {', '.join(unknown)} cannot be held; the floor E can")
    kinds: list[tuple[str, ...]] = [("C",)] if law == "C" or (law == "auto" and not _varied(table)) else [("N", "D")]
    if law == "auto" and kinds != [("C",)]:
        kinds.append(("C",))
    for kind in kinds:
        try:
            steps, refused, taken = take_steps(table, kind, units, fix=fixed, seed=seed)
            break
        except QuokkaError:
            if kind == kinds[-1]:
                raise
    budgets = _budgets(table) if C is None else positive(C=C)[0]
    draws = steps[taken].refits(units, count=bootstrap, seed=seed, progress=progress)
    return Speedup(
        by, recipes, table, steps, taken, tuple(refused), units, draws, budgets, level, left_out, C is not None
    )


def _recipes(runs: pd.DataFrame, by: str, baseline: str | None) -> tuple[str, ...]:
    """The baseline, then the others in the order of the table."""
    if by not in runs:
        raise ArgumentError(f"{option('by', by)}: there is no such column; columns: {', '.join(map(str, runs))}")
    if runs[by].isna().any():
        raise ArgumentError(
            f"by = {by!r}: {int(runs[by].isna().sum())} rows have no value there; leave them out, or name their recipe"
        )
    found = list(dict.fromkeys(runs[by].astype(str)))
    first = found[0] if baseline is None else str(baseline)
    if first not in found:
        raise ArgumentError(f"baseline = {first!r} is not in column {by}, which holds {', '.join(found[:10])}")
    if len(found) < 2:
        raise ArgumentError(f"column {by} is {found[0]!r} in every row: there is nothing to compare it with")
    return (first, *(name for name in found if name != first))


def _check(runs: pd.DataFrame, by: str, recipes: tuple[str, ...]) -> None:
    counts = np.bincount(codes(runs), minlength=len(recipes))
    few = [
        f"{name} has {n} run{'s' if n != 1 else ''}" for name, n in zip(recipes, counts, strict=True) if n < FEWEST_RUNS
    ]
    if few:
        raise RunsError(
            f"{by}: {', '.join(few)}; a speed-up needs at least {FEWEST_RUNS} of each recipe, at different compute"
        )
    alike = [name for r, name in enumerate(recipes) if runs.loc[codes(runs) == r, "C"].nunique() < FEWEST_RUNS]
    if alike:
        raise RunsError(
            f"{by}: the runs of {', '.join(alike)} are of fewer than {FEWEST_RUNS} different C; add runs at others"
        )


def _last_checkpoints(runs: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """The last row of each run, and how many others there were."""
    if independent_runs(runs) == len(runs):
        return runs, 0
    last = runs.groupby(unit_codes(runs["run_id"]))["C"].transform("max") == runs["C"]
    kept = subset(runs, last.to_numpy())
    return kept, len(runs) - len(kept)


def _varied(runs: pd.DataFrame) -> bool:
    """Whether D/N varies within every recipe."""
    if not {"N", "D"} <= set(runs):
        return False
    spread = (runs["D"] / runs["N"]).groupby(codes(runs)).agg(lambda ratio: ratio.max() / ratio.min())
    return bool((spread >= WIDE_RATIO).all())


def _budgets(runs: pd.DataFrame) -> Array:
    C = runs["C"]
    return np.array([np.sqrt(C.min() * C.max()), C.max(), BEYOND * C.max()])
