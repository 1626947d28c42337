"""A first sweep, before any fit: IsoFLOP slices, a grid, or an L of small models on many tokens and large ones on few."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from quokka_laws._spelling import either
from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError
from quokka_laws.literature.registry import published
from quokka_laws.plan.arguments import one_positive
from quokka_laws.plan.compute import Allocates, compute_optimal
from quokka_laws.results.fitted_law import FittedLaw

Layout = Literal["isoflop", "grid", "lshape"]
LAYOUTS: tuple[Layout, ...] = ("isoflop", "grid", "lshape")
WIDE_RATIOS = 16.0
"""Largest over smallest D/N of a grid and of an L, at least. With D/N the same in all runs the terms of N and D cannot be told
apart where their exponents are close (arXiv 2605.08541). In ``benchmarks/layouts.py`` the rms error of ln N at 100 times the
dearest run falls from 1.05 at a factor 2 to .61 at 16 and .49 at 64, while that of ln loss grows from .023 to .028 and .032."""


def ladder(
    budget: float,
    *,
    around: FittedLaw | Allocates | None = None,
    slices: int = 5,
    sizes: int = 5,
    span: float = 100.0,
    width: float = 3.0,
    min_tokens_per_param: float = 4.0,
    layout: Layout = "isoflop",
) -> pd.DataFrame:
    """A first sweep: IsoFLOP slices around a published law's optimum, or another layout.

    Parameters
    ----------
    budget : float
        FLOPs of all runs together, 6·N·D each (by the rule of ``around``). Shorter runs branched off one of these and
        cooled down are not counted.
    around : FittedLaw or allocation, optional
        Whose compute-optimal sizes are the centres; ``ql.published["besiroglu-2024"]`` by default.
    slices : int
        Budgets of C, log-spaced (``isoflop``); sizes of N (``grid``, ``lshape``). Five or more: the exponent rests on them,
        and each may be left out as a check.
    sizes : int
        Models per slice, log-spaced and centred (``isoflop``): a parabola has three coefficients, so four or more leave a check.
        Ratios D/N (``grid``), or of the arm of many tokens (``lshape``).
    span : float
        Largest over smallest C of a slice (``isoflop``), or of runs of one D/N. The default, with five by five runs, spends
        14 % of the budget on each largest run.
    width : float
        How many times larger or smaller than the centre a model may be. Wide grids bias a parabola (Chinchilla's
        surface, C to 1e24: −0.3 % of D_opt within ×2, −1.3 % within ×4, −5 % within ×16), off-centre ones more
        (+7 % within ×2 of three times the optimum): arXiv 2603.22339. Narrow ones drown in noise. Of no effect on an L; on a grid
        D/N reaches from the centre's over its square to the centre's times it, at least ×16 in all.
    min_tokens_per_param : float
        Smallest D/N, 4 as in arXiv 2510.03280's plots; less is a regime of its own. Where it binds, every slice
        becomes narrower on both sides, so that none is off centre.
    layout : {"isoflop", "grid", "lshape"}
        ``isoflop``: slices of equal compute, which profiles need and a law can use. ``grid``: every size on every D/N.
        ``lshape``: the smallest sizes on up to many tokens, all sizes on few, and nothing that is large in both.
        ``benchmarks/layouts.py`` compares them at equal cost.

    Returns
    -------
    DataFrame
        ``N, D, C``, cheapest first; ``attrs["notes"]``.

    Raises
    ------
    ArgumentError
        If an argument is out of range, or the centres have too few tokens per parameter.
    """
    budget, min_tokens_per_param = one_positive(budget=budget, min_tokens_per_param=min_tokens_per_param)
    if layout not in LAYOUTS:
        raise ArgumentError(f"layout = {layout!r}: one of {', '.join(LAYOUTS)}")
    if slices < 2 or sizes < 3:
        raise ArgumentError(f"slices = {slices}, sizes = {sizes}: a ladder needs 2 slices of 3 sizes at least")
    if not (span > 1 and width > 1):
        raise ArgumentError(f"span = {span:g}, width = {width:g}: both are factors above 1")
    centre: Any = published["besiroglu-2024"] if around is None else around
    if layout == "isoflop":
        return _isoflop(budget, centre, slices, sizes, span, width, min_tokens_per_param)
    return _factorial(budget, centre, slices, sizes, span, width, min_tokens_per_param, layout)


def _isoflop(
    budget: float, centre: Any, slices: int, sizes: int, span: float, width: float, least: float
) -> pd.DataFrame:
    shares = np.geomspace(1.0 / span, 1.0, slices)
    C = budget / (sizes * shares.sum()) * shares
    plan = compute_optimal(centre, C, level=None)
    room = float(np.sqrt(plan["tokens_per_param"].min() / least))
    if room < 1.3:
        raise ArgumentError(
            f"min_tokens_per_param = {least:g}: the centres have D/N from "
            f"{plan['tokens_per_param'].min():.3g}, which leaves no width; centre the ladder on another law, "
            f"{either('around=', '--law')}"
        )
    reach = min(width, room)
    N = np.rint(plan["N"].to_numpy()[:, None] * np.geomspace(1.0 / reach, reach, sizes)).ravel()
    table = _table(N, np.repeat(C, sizes) / (centre.conventions.flops_per_ND * N), centre)
    about = f"{slices} slices of {sizes} sizes within ×{reach:.3g} of {centre.label}'s optimum"
    return _noted(table, about, centre, float(plan["C"].min()))


def _factorial(
    budget: float,
    centre: Any,
    slices: int,
    sizes: int,
    span: float,
    width: float,
    least: float,
    layout: Layout,
) -> pd.DataFrame:
    """Sizes of N times ratios D/N, all of them or the two arms of an L, scaled to the budget."""
    k = centre.conventions.flops_per_ND
    middle = float(compute_optimal(centre, budget / (slices * sizes), level=None)["tokens_per_param"].iloc[0])
    low = max(middle / width**2, least)
    ratios = np.geomspace(low, max(middle * width**2, WIDE_RATIOS * low), sizes)
    steps = np.geomspace(1.0, np.sqrt(span), slices)
    n, r = (v.ravel() for v in np.meshgrid(steps, ratios, indexing="ij"))
    if layout == "lshape":
        small, few = n <= steps[(slices - 1) // 3] * 1.001, r <= ratios[(sizes - 1) // 3] * 1.001
        n, r = n[small | few], r[small | few]
    N = np.sqrt(budget / (k * (n**2 * r).sum())) * n
    table = _table(np.rint(N), np.rint(N) * r * (N / np.rint(N)) ** 2, centre).sort_values(
        "C", kind="stable", ignore_index=True
    )
    about = f"{slices} sizes by {sizes} ratios D/N" if layout == "grid" else "two arms of an L"
    return _noted(table, f"{about}: {len(table)} runs", centre, float(table["C"].min()))


def _table(N: Array, D: Array, centre: Any) -> pd.DataFrame:
    table = pd.DataFrame({"N": N, "D": np.floor(D)})
    table["C"] = centre.conventions.flops_per_ND * table["N"] * table["D"]
    return table


def _noted(table: pd.DataFrame, about: str, centre: Any, low: float) -> pd.DataFrame:
    fitted = getattr(centre, "fitted_range", {}).get("C", (0.0, 0.0))[0]
    ratio = table["D"] / table["N"]
    table.attrs["notes"] = [
        f"{about}; D/N from {ratio.min():.3g} to {ratio.max():.3g}",
        f"{table['C'].sum():.3g} FLOPs; the largest run is {table['C'].max() / table['C'].sum():.0%} of them",
        *(
            [f"the smallest slice is ×{fitted / low:.3g} below that law's runs: check the offsets after the fit"]
            if low < fitted
            else []
        ),
    ]
    return table
