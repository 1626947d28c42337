"""Which runs to train next: a first sweep before any fit, then the runs that say most per FLOP about a question.

What a fit knows is its information matrix ``Σ_i w_i J_i J_iᵀ / τ²``, where ``J_i`` are the derivatives of run i's
predicted log-loss in the free coefficients. A run not yet trained has a ``J`` too, so its worth is known beforehand. This
is c-optimal design, greedy, one run at a time; τ² is the noise of one run times what the objective loses on it (1 for
least squares, π/2 for least absolute deviations).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from quokka_laws._spelling import either
from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, FitError
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.laws.jet import exp, variables
from quokka_laws.literature.registry import published
from quokka_laws.objective import Objective
from quokka_laws.plan.arguments import one_positive, positive
from quokka_laws.plan.compute import Allocates, compute_optimal
from quokka_laws.plan.minimise import derivatives
from quokka_laws.plan.repeated import compute_and_data_optimal
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.format import times
from quokka_laws.runs.quantities import parse_quantity

__all__ = ["ladder", "next_runs"]

STEP = 0.5 * np.log(2.0)  # candidates lie a factor √2 apart in N and in tokens per parameter (or epochs)
SINGULAR = 1e-12


def ladder(
    budget: float,
    *,
    around: FittedLaw | Allocates | None = None,
    slices: int = 5,
    sizes: int = 5,
    span: float = 100.0,
    width: float = 3.0,
    min_tokens_per_param: float = 4.0,
) -> pd.DataFrame:
    """A first sweep: IsoFLOP slices around a published law's optimum.

    Parameters
    ----------
    budget : float
        FLOPs of all runs together, 6·N·D each (by the rule of ``around``). Shorter runs branched off one of these and
        cooled down are not counted.
    around : FittedLaw or allocation, optional
        Whose compute-optimal sizes are the centres; ``ql.published["besiroglu-2024"]`` by default.
    slices : int
        Budgets of C, log-spaced. Five or more: the exponent rests on them, and each may be left out as a check.
    sizes : int
        Models per slice, log-spaced and centred. A parabola has three coefficients, so four or more leave a check.
    span : float
        Largest over smallest C. The default, with five by five runs, spends 14 % of the budget on each largest run.
    width : float
        How many times larger or smaller than the centre a model may be. Wide grids bias a parabola (Chinchilla's
        surface, C to 1e24: −0.3 % of D_opt within ×2, −1.3 % within ×4, −5 % within ×16), off-centre ones more
        (+7 % within ×2 of three times the optimum): arXiv 2603.22339. Narrow ones drown in noise.
    min_tokens_per_param : float
        Smallest D/N, 4 as in arXiv 2510.03280's plots; less is a regime of its own. Where it binds, every slice
        becomes narrower on both sides, so that none is off centre.

    Returns
    -------
    DataFrame
        ``N, D, C``, cheapest slice first; ``attrs["notes"]``.

    Raises
    ------
    ArgumentError
        If an argument is out of range, or the centres have too few tokens per parameter.
    """
    budget, min_tokens_per_param = one_positive(budget=budget, min_tokens_per_param=min_tokens_per_param)
    if slices < 2 or sizes < 3:
        raise ArgumentError(f"slices = {slices}, sizes = {sizes}: a ladder needs 2 slices of 3 sizes at least")
    if not (span > 1 and width > 1):
        raise ArgumentError(f"span = {span:g}, width = {width:g}: both are factors above 1")
    shares = np.geomspace(1.0 / span, 1.0, slices)
    C = budget / (sizes * shares.sum()) * shares
    centre: Any = published["besiroglu-2024"] if around is None else around
    plan = compute_optimal(centre, C, level=None)
    room = float(np.sqrt(plan["tokens_per_param"].min() / min_tokens_per_param))
    if room < 1.3:
        raise ArgumentError(
            f"min_tokens_per_param = {min_tokens_per_param:g}: the centres have D/N from "
            f"{plan['tokens_per_param'].min():.3g}, which leaves no width; centre the ladder on another law (around=)"
        )
    reach = min(width, room)
    k = centre.conventions.flops_per_ND
    N = np.rint(plan["N"].to_numpy()[:, None] * np.geomspace(1.0 / reach, reach, sizes)).ravel()
    table = pd.DataFrame({"N": N, "D": np.floor(np.repeat(C, sizes) / (k * N))})
    table["C"] = k * table["N"] * table["D"]
    low = float(plan["C"].min())
    fitted = getattr(centre, "fitted_range", {}).get("C", (0.0, 0.0))[0]
    table.attrs["notes"] = [
        f"{slices} slices of {sizes} sizes within ×{reach:.3g} of {centre.label}'s optimum; D/N from "
        f"{(table['D'] / table['N']).min():.3g} to {(table['D'] / table['N']).max():.3g}",
        f"{table['C'].sum():.3g} FLOPs; the largest run is {table['C'].max() / table['C'].sum():.0%} of them",
        *(
            [f"the smallest slice is ×{fitted / low:.3g} below that law's runs: check the offsets after the fit"]
            if low < fitted
            else []
        ),
    ]
    return table


def next_runs(
    fit: FitResult,
    budget: float,
    *,
    target_C: float | None = None,
    target: Mapping[str, float] | None = None,
    U_D: Any = None,
    candidates: pd.DataFrame | None = None,
    share: tuple[float, float] = (0.02, 0.25),
) -> pd.DataFrame:
    """The runs that most reduce what is not known about a target, within a budget.

    Parameters
    ----------
    fit : FitResult
        Of a law of N and D, or of repeated data.
    budget : float
        FLOPs for all new runs together, by the fit's own rule.
    target_C : float, optional
        Ask for the compute-optimal ``log N`` at this budget (and the largest ``U_D``).
    target : mapping, optional
        Ask for the log-loss at this point instead: ``{"N": 7e9, "D": 1.4e12}``, with ``U_D`` for repeated data.
    U_D : float or sequence, optional
        Unique tokens that new runs may use; needed by a law of repeated data.
    candidates : DataFrame, optional
        Runs to choose from, with columns N and D (and U_D for repeated data). By default a grid a factor √2 apart: N from
        the smallest fitted one, D/N within the fitted runs' and at least 4, epochs from 1 to the most fitted, each
        run within ``share``.
    share : (float, float)
        Smallest and largest cost of a grid run, as a share of the budget: below, the answer would be a thousand
        tiny runs where no law holds; above, one failed run would be all of it.

    Returns
    -------
    DataFrame
        In order of usefulness: ``N, D, C`` (``U_D, epochs``), ``sd_before`` and ``sd_after`` (expected standard
        deviation of the target, a relative error, before and after each run) and ``C_so_far``. ``attrs``: ``target``,
        ``noise`` of one run, ``notes``.

    Raises
    ------
    FitError
        If the law, the fit's ties or its runs do not allow the calculation.
    ArgumentError
        If an argument is missing or out of range, or the budget buys no candidate.

    Notes
    -----
    Local: it holds if the law does and the fit is near. Chosen by gain per FLOP or by gain alone, whichever ends
    lower; either may be far from the best set, never dearer than the budget. Coefficients at a bound are held.
    Checkpoints of one run count as one observation, a new run by its last. Noise is taken to be normal, of the scale
    of the fit's mean absolute residual, n − p of n.
    """
    (budget,) = one_positive(budget=budget)
    if not isinstance(fit, FitResult) or not len(fit.runs):
        raise FitError(
            f"{getattr(fit, 'label', fit)!s} is no fit of a law to runs at hand, so the noise of a new run is not known; "
            f"fit your own with {either('ql.fit', '`quokka-laws fit`')}"
        )
    repeated = fit.law.of_repetition
    if set(fit.law.variables) not in ({"N", "D"}, {"N", "U_D", "epochs"}):
        raise FitError(f"{fit.label} is a law of {', '.join(fit.law.variables)}; runs are chosen for laws of N and D")
    if (target_C is None) == (target is None):
        raise ArgumentError("give either target_C (a budget of FLOPs) or target (a point, {'N': 7e9, 'D': 1.4e12})")
    if repeated and U_D is None:
        raise ArgumentError(f"{fit.label} is a law of repeated data: give U_D, the unique tokens new runs may use")
    unique = positive(U_D=U_D)[0] if repeated else None
    pool = _grid(fit, budget, unique, share) if candidates is None else _given(fit, candidates, repeated)
    pool = _affordable(pool, budget)
    known = _Knowledge.of(fit, pool)
    question, gradient = _question(fit, target_C, target, unique)
    c = gradient @ known.basis
    ways = [_greedy(known, c, pool["C"].to_numpy(), budget, per_flop=way) for way in (True, False)]
    chosen, variances = min(ways, key=lambda way: way[1][-1])
    table = pool.iloc[chosen].reset_index(drop=True)
    table["sd_before"], table["sd_after"] = np.sqrt(variances[:-1]), np.sqrt(variances[1:])
    table["C_so_far"] = table["C"].cumsum()
    table.attrs = {
        "target": question,
        "noise": known.noise,
        "notes": [*known.notes, *_cautions(fit, table)],
    }
    return table


# ---- what is known --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Knowledge:
    """Information of the fitted runs in free coordinates, and what each candidate would add (``rows``)."""

    information: Array
    rows: Array
    basis: Array
    noise: float
    notes: list[str]

    @classmethod
    def of(cls, fit: FitResult, pool: pd.DataFrame) -> _Knowledge:
        space = Space.of(fit.law, fit.params)
        if space is None:
            raise FitError("a tie of this fit is not linear in the solver's coordinates; fit without it to choose runs")
        data = Data.of(fit.law, fit.runs)
        units = len(data.loss) if data.groups is None else int(data.groups.max()) + 1
        weight = data.weights if data.groups is None else data.weights / np.bincount(data.groups)[data.groups]
        weight = weight * units / weight.sum()
        seen, new = (
            _jacobian(fit, x) @ space.basis
            for x in (data.x, fit.law.inputs(**{k: pool[k].to_numpy() for k in pool if k != "C"}))
        )
        u = fit.law.to_theta(fit.values)[0, space.free]
        held = (
            ~np.isfinite(u) | (u <= space.lower + 1e-9) | (u >= space.upper - 1e-9) | ~np.nan_to_num(seen).any(axis=0)
        )
        names = np.array(fit.law.names)[space.free]
        if held.all() or units <= (~held).sum():
            raise FitError(
                f"{units} runs and {(~held).sum()} free coefficients leave no residual to take the noise from"
            )
        rows = fit.residuals
        residual = rows["residual"] if fit.objective.log else rows["predicted"] - data.loss
        noise = float(np.sqrt(np.pi / 2) * (weight * np.abs(residual)).sum() / (units - (~held).sum()))
        if not noise > 1e-9:
            raise FitError(
                f"the fit has no residual scale (mean |residual| {noise:.2g}): runs without noise need no design"
            )
        basis, tau = space.basis[:, ~held], np.sqrt(_variance_factor(fit.objective, noise)) * noise
        seen, new = seen[:, ~held] / tau, new[:, ~held] / tau
        information = (seen * weight[:, None]).T @ seen
        _check_regular(information, names[~held])
        notes = [f"{', '.join(names[held])} held: at a bound, or without effect on the runs"] if held.any() else []
        if data.groups is not None:
            notes.append(f"{len(data.loss)} checkpoints of {units} runs count as {units} observations")
        return cls(information, new, basis, noise, notes)


def _jacobian(fit: FitResult, x: Mapping[str, Array]) -> Array:
    """Derivatives (rows, coefficients) of the log-loss (of the loss, where residuals are) in solver coordinates."""
    count, size = len(fit.law.coefficients), len(next(iter(x.values())))
    theta = np.repeat(fit.law.to_theta(fit.values), size, axis=0)
    columns = {k: v[:, None] for k, v in x.items()}
    with np.errstate(all="ignore"):
        gradient, _ = derivatives(fit.law.terms_at(theta, columns, order=1), count)
    if not fit.objective.log:
        gradient *= np.exp(fit.law.log_loss(fit.values, x))[0][:, None]
    return gradient


def _variance_factor(objective: Objective, noise: float) -> float:
    """Variance of an M-estimate over that of least squares under normal noise: E[ψ²]/E[ψz]² (E[ψ'] by Stein's lemma)."""
    z = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    score = objective.score(noise * z)
    return float((score**2).mean() / (score * z).mean() ** 2)


def _check_regular(information: Array, names: Array) -> None:
    scale = 1.0 / np.sqrt(np.diag(information))
    values, vectors = np.linalg.eigh(information * np.outer(scale, scale))
    if not values[0] > SINGULAR * values[-1]:
        mixed = names[np.abs(vectors[:, 0]) > 0.3]
        raise FitError(
            f"these runs do not determine {', '.join(mixed)} (nor a combination of them), so no standard deviation can "
            f"be computed; fix one of them, or begin with {either('ql.plan.ladder', '`quokka-laws ladder`')}"
        )


# ---- the question ---------------------------------------------------------------------------------------------


def _question(
    fit: FitResult, target_C: float | None, target: Mapping[str, float] | None, unique: Array | None
) -> tuple[str, Array]:
    """What is asked, in words, and its derivatives in the solver coordinates."""
    if target is not None:
        target = dict(zip(target, one_positive(**target), strict=True))
        x = {k: np.atleast_1d(v) for k, v in fit.law.inputs(**target).items()}
        loss_units = 1.0 if fit.objective.log else float(fit(**target))
        return f"log-loss at {', '.join(f'{k} = {v:g}' for k, v in target.items())}", _jacobian(fit, x)[0] / loss_units
    assert target_C is not None
    (target_C,) = one_positive(target_C=target_C)
    U = None if unique is None else float(unique.max())
    if U is None:
        best, free = compute_optimal(fit, target_C, level=None).iloc[0], 1
    else:
        best = compute_and_data_optimal(fit, target_C, U, level=None).iloc[0]
        free = 2 if best["unused"] > 0 else 1  # where the data end first, N and D are both at their own optimum
    at = np.log([best["N"], best["D"]])
    seeds = variables(np.concatenate([fit.law.to_theta(fit.values), at[None, :free]], axis=1))
    count = len(fit.law.coefficients)
    log_N = seeds[count]
    x: dict[str, Any] = {"log_N": log_N, "log_D": seeds[count + 1] if free == 2 else at.sum() - log_N}  # type: ignore[no-redef]
    if U is not None:
        x |= {"log_U_D": np.log(U), "epochs": exp(x["log_D"] - np.log(U))}
    p = {c.coordinate: seed for c, seed in zip(fit.law.coefficients, seeds, strict=False)}
    with np.errstate(all="ignore"):
        hessian = derivatives(fit.law.log_terms(p, x), count + free)[1][0]
    # The optimum moves so that the slope there stays zero: dx/dθ = −H_xx⁻¹ H_xθ.
    moved = -np.linalg.solve(hessian[count:, count:], hessian[count:, :count])[0]
    return f"log N_opt at C = {target_C:g}" + (f", U_D = {U:g}" if U else ""), moved


# ---- candidates -----------------------------------------------------------------------------------------------


def _grid(fit: FitResult, budget: float, unique: Array | None, share: tuple[float, float]) -> pd.DataFrame:
    if not 0 <= share[0] < share[1] <= 1:
        raise ArgumentError(f"share = {share!r}: two rising shares of the budget, such as (0.02, 0.25)")
    ratio = fit.runs["D"] / fit.runs["N"]
    least, most = max(4.0, float(ratio.min())), max(8.0, float(ratio.max()))
    k, smallest = fit.conventions.flops_per_ND, float(fit.runs["N"].min())
    largest = np.sqrt(share[1] * budget / (k * least))
    if largest < smallest:
        raise ArgumentError(
            f"budget = {budget:.3g} FLOPs: {share[1]:.0%} of it is less than the cheapest candidate, {k * least * smallest**2:.3g} "
            f"(N = {smallest:.3g}, the smallest fitted model, on {least:.3g} tokens per parameter)"
        )
    N = np.exp(np.arange(np.log(smallest), np.log(largest) + 1e-9, STEP))
    if unique is None:
        N, r = (v.ravel() for v in np.meshgrid(N, np.exp(np.arange(np.log(least), np.log(most) + 1e-9, STEP))))
        pool = pd.DataFrame({"N": np.rint(N), "D": np.rint(N * r)})
    else:
        most_epochs = fit.fitted_range.get("epochs", (1.0, 1.0))[1]
        epochs = np.exp(np.arange(0.0, np.log(most_epochs) + 1e-9, STEP))
        N, U, e = (v.ravel() for v in np.meshgrid(N, np.rint(unique), epochs))
        pool = pd.DataFrame({"N": np.rint(N), "D": np.rint(U * e), "U_D": U})
        pool = pool[pool["D"] >= least * pool["N"]]
    pool = _given(fit, pool, unique is not None)
    return pool[(pool["C"] >= share[0] * budget) & (pool["C"] <= share[1] * budget)]


def _given(fit: FitResult, table: pd.DataFrame, repeated: bool) -> pd.DataFrame:
    names = ["N", "D", "U_D"] if repeated else ["N", "D"]
    if missing := [k for k in names if k not in table]:
        raise ArgumentError(f"candidates lack {', '.join(missing)}; columns: {', '.join(map(str, table))}")
    pool = table[names].map(parse_quantity).astype(float).reset_index(drop=True)
    if (bad := ~(np.isfinite(pool) & (pool > 0)).all(axis=1)).any():
        raise ArgumentError(f"candidates, row {int(np.flatnonzero(bad)[0])}: N, D and U_D must be positive numbers")
    pool.insert(2, "C", fit.conventions.flops_per_ND * pool["N"] * pool["D"])
    if repeated:
        pool["epochs"] = pool["D"] / pool["U_D"]
    return pool


def _affordable(pool: pd.DataFrame, budget: float) -> pd.DataFrame:
    if not len(pool):
        raise ArgumentError(
            f"budget = {budget:.3g} FLOPs: no candidate lies within the shares of it; widen share, or U_D"
        )
    if (cheapest := pool["C"].min()) > budget:
        raise ArgumentError(f"budget = {budget:.3g} FLOPs is below the cheapest candidate, {cheapest:.3g}")
    return pool[pool["C"] <= budget].reset_index(drop=True)


def _greedy(
    known: _Knowledge, c: Array, cost: Array, budget: float, *, per_flop: bool
) -> tuple[list[int], list[float]]:
    """Candidates in the order chosen, each once; and the target's variance before the first and after each."""
    information, left, open_ = known.information, budget, np.ones(len(cost), dtype=bool)
    chosen: list[int] = []
    variances: list[float] = []
    while True:
        scale = 1.0 / np.sqrt(np.diag(information))
        covariance = np.linalg.inv(information * np.outer(scale, scale)) * np.outer(scale, scale)
        variances.append(float(c @ covariance @ c))
        open_ &= cost <= left
        if not open_.any():
            return chosen, variances
        along = known.rows @ covariance
        gain = (along @ c) ** 2 / (1.0 + (along * known.rows).sum(axis=1))
        best = int(np.argmax(np.where(open_, gain / cost if per_flop else gain, -1.0)))
        chosen.append(best)
        open_[best] = False
        left -= cost[best]
        information = information + np.outer(known.rows[best], known.rows[best])


def _cautions(fit: FitResult, table: pd.DataFrame) -> list[str]:
    said = []
    if (now := table["sd_before"].iloc[0]) > 1.0:
        said.append(
            f"A standard deviation of {now:.3g} in a logarithm is more than a local calculation can handle: these runs say little "
            "about the target. Ask nearer to them, or train a wider ladder first."
        )
    if (most := table["C"].max() / fit.fitted_range.get("C", (0.0, np.inf))[1]) > 1:
        said.append(f"the dearest run is {times(most)} beyond the fitted runs' largest C")
    return said
