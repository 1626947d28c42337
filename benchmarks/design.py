"""Buying runs from a pool to predict its dear region: our design beside random, cheapest, D-optimal and published rules.

    python benchmarks/design.py [--data FOLDER] [--seeds 2] [--pools epoch;quokka] [--rules 'random;next_runs']

Each pool is a table of candidates with their losses and a dear region that cannot be bought. A rule spends 1, 5 or 10 % of what all
candidates cost together; Skaling's law is fitted to what it bought, and R² (at least −1, as in arXiv 2604.22753) is that of the dear
region. Real pools: Epoch's runs (``--data``, they may not ship), Quokka's, and two of repeated data (``--data``/datablations, and
arXiv 2607.25271's), fitted with Muennighoff's law. Simulated: six truths that bound, couple or break Chinchilla's law, and Farseer's published
surface, each on a grid of N and D and on IsoFLOP slices.

The published rules are written from the description of arXiv 2604.22753: cheapest runs first (2.5 a coefficient), then the run with the largest
expected fall of the mean squared prediction error of the dear region over cost to the power 0.3 (one law at its best fit) or 0.4 (several
optima weighted by BIC, with what they disagree about), the law fitted anew after each. "before" is this project's own rule up to 0.2:
the largest fall of the target's variance per cost, no law error.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from one_answer_real import epoch
from scipy.optimize import least_squares
from truths import TRUTHS

import quokka_laws as ql
from quokka_laws._typing import Array
from quokka_laws.plan.design.believed import laws_of
from quokka_laws.results.fitted_law import FittedLaw

SHARES = (0.01, 0.05, 0.1)
FIRST_STEP = 1.0 / 3.0
PUBLISHED = [
    FittedLaw(ql.laws.Skaling(), {**law.values, "k": law.values.get("k", 1.0)})
    for law in laws_of(None, repeated=False)[0]
]
Rule = Callable[[pd.DataFrame, pd.DataFrame, tuple[float, ...], int], list[Array]]
"""Candidates, dear region, budgets and a seed to positions bought, one array a budget."""


# ---- pools ------------------------------------------------------------------------------------------------------


def dearest(runs: pd.DataFrame, share: float = 0.1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Candidates, and the dearest runs as the region to predict."""
    order = np.argsort(runs["C"].to_numpy(), kind="stable")
    count = max(6, round(share * len(runs)))
    return runs.iloc[order[:-count]].reset_index(drop=True), runs.iloc[order[-count:]].reset_index(drop=True)


def simulated(loss: Callable[[Array, Array], Array], layout: str, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """400 runs of a grid, or 108 on nine IsoFLOP slices; the region lies beyond."""
    rng = np.random.default_rng(seed)

    def table(N: Array, D: Array, noise: float) -> pd.DataFrame:
        return pd.DataFrame(
            {"N": N, "D": D, "C": 6.0 * N * D, "loss": loss(N, D) * np.exp(noise * rng.standard_normal(len(N)))}
        )

    if layout == "grid":
        N, D = (v.ravel() for v in np.meshgrid(np.geomspace(2e8, 6e9, 20), np.geomspace(1e9, 2.5e11, 20)))
        beyond = np.geomspace(3e9, 2.5e10, 7), np.array([2.5e11, 1.8e11, 5e11, 3e11, 2e11, 6e11, 4.5e11])
        return table(N, D, 0.003), table(*beyond, 0.003)
    C = np.repeat(np.geomspace(1e18, 1e21, 9), 12)
    N = np.sqrt(C / 120.0) * np.tile(np.geomspace(0.2, 5.0, 12), 9)
    beyond = np.sqrt(4e21 / 120.0) * np.geomspace(0.125, 8.0, 8)
    return table(N, C / (6.0 * N), 0.005), table(beyond, 4e21 / (6.0 * beyond), 0.005)


def pools(data: Path | None) -> dict[str, Callable[[int], tuple[pd.DataFrame, pd.DataFrame]]]:
    """By name; a seed makes the simulated ones."""
    found: dict[str, Callable[[int], tuple[pd.DataFrame, pd.DataFrame]]] = {}
    found["quokka"] = lambda seed: dearest(ql.datasets.load_quokka_isoflops(), 7 / 87)
    with (ql.datasets.data_folder() / "reuse2026" / "runs.csv").open() as file:
        reuse = pd.read_csv(file)
    reuse = reuse[(reuse["chinchilla_scale"] >= 0.25)].assign(N=reuse["N_total"], C=6.0 * reuse["N_total"] * reuse["D"])
    found["reuse2026"] = lambda seed: dearest(reuse[["N", "D", "U_D", "epochs", "C", "loss"]])
    if data is not None:
        own = epoch(data / "epoch_chinchilla")
        found["epoch"] = lambda seed: dearest(own)
        repeated = pd.read_csv(data / "datablations" / "runs.csv").query("in_published_fit")
        found["datablations"] = lambda seed: dearest(repeated[["N", "D", "U_D", "epochs", "C", "loss"]])
    surface = ql.published["farseer-2025"]
    truths = {name: truth.loss for name, truth in TRUTHS.items()} | {
        "farseer": lambda N, D: np.asarray(surface(N=N, D=D))
    }
    for name, loss in truths.items():
        for layout in ("grid", "isoflop"):
            found[f"{layout}: {name}"] = lambda seed, loss=loss, layout=layout: simulated(loss, layout, seed)  # type: ignore[misc]
    return found


# ---- simple rules -----------------------------------------------------------------------------------------------


def along(order: Array, cost: Array, budgets: tuple[float, ...]) -> list[Array]:
    """What each budget buys in an order, passing over what is too dear by then."""
    found = []
    for budget in budgets:
        left, bought = budget, []
        for i in order:
            if cost[i] <= left:
                bought.append(i)
                left -= cost[i]
        found.append(np.array(bought, dtype=int))
    return found


def random(pool: pd.DataFrame, region: pd.DataFrame, budgets: tuple[float, ...], seed: int) -> list[Array]:
    """In any order."""
    return along(np.random.default_rng(seed).permutation(len(pool)), pool["C"].to_numpy(), budgets)


def cheapest(pool: pd.DataFrame, region: pd.DataFrame, budgets: tuple[float, ...], seed: int) -> list[Array]:
    """In order of cost."""
    return along(np.argsort(pool["C"].to_numpy(), kind="stable"), pool["C"].to_numpy(), budgets)


def inverse_cost(pool: pd.DataFrame, region: pd.DataFrame, budgets: tuple[float, ...], seed: int) -> list[Array]:
    """At random, with chances in inverse proportion to the cost."""
    cost = pool["C"].to_numpy()
    return along(np.argsort(-np.log(np.random.default_rng(seed).random(len(pool))) * cost), cost, budgets)


def ours(pool: pd.DataFrame, region: pd.DataFrame, budgets: tuple[float, ...], seed: int) -> list[Array]:
    """``ql.plan.next_runs`` from nothing, the whole budget at once."""
    return [np.asarray(ql.plan.next_runs(None, b, target=region, candidates=pool).index, dtype=int) for b in budgets]


def in_two_steps(pool: pd.DataFrame, region: pd.DataFrame, budgets: tuple[float, ...], seed: int) -> list[Array]:
    """A third of the budget at first, then Skaling's law fitted to that, and the rest as it says."""
    found = []
    for budget in budgets:
        first = ql.plan.next_runs(None, FIRST_STEP * budget, target=region, candidates=pool).index
        fit = ql.fit(ql.laws.Skaling(), _as_runs(pool.loc[first]), objective="auto", near=PUBLISHED, prior=None)
        left = budget - pool.loc[first, "C"].sum()
        second = ql.plan.next_runs(fit, left, target=region, candidates=pool.drop(index=first)).index
        found.append(np.r_[first, second].astype(int))
    return found


# ---- rules that fit after each run ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Coupled:
    """Skaling's law as the published benchmark fits laws: squared errors of the loss, bounds, restarts."""

    low = np.array([-2.0, 0.0, 0.05, 0.0, 0.05, 0.1])
    high = np.array([1.5, 25.0, 1.2, 25.0, 1.2, 1.5])

    def loss(self, v: Array, x: Array) -> tuple[Array, Array]:
        """Losses and derivatives by ln E, ln A, alpha, ln B, beta, k."""
        a, b = np.exp(v[1] - v[2] * x[:, 0]), np.exp(v[3] - v[4] * x[:, 1])
        s = a + b
        power, E = s ** v[5], np.exp(v[0])
        slope = v[5] * power / s
        J = np.stack(
            [np.full(len(s), E), slope * a, -slope * a * x[:, 0], slope * b, -slope * b * x[:, 1], power * np.log(s)], 1
        )
        return E + power, J

    def fits(
        self, x: Array, y: Array, begin: list[Array], rng: np.random.Generator, restarts: int
    ) -> list[tuple[Array, float]]:
        """Optima and their mean squared errors, the best first."""
        begins = [*begin, *(rng.uniform(self.low, self.high) for _ in range(restarts))]
        found = []
        for v in begins:
            fit = least_squares(
                lambda u: self.loss(u, x)[0] - y,
                np.clip(v, self.low + 1e-6, self.high - 1e-6),
                jac=lambda u: self.loss(u, x)[1],
                bounds=(self.low, self.high),
                max_nfev=40,
            )
            found.append((fit.x, float(2.0 * fit.cost / len(y))))
        return sorted(found, key=lambda pair: pair[1])


Score = Callable[[Coupled, list[tuple[Array, float]], Array, Array, Array, float], Array]
"""Law, optima, inputs bought, of candidates and of the region, variance of a loss: worth of each candidate."""


def sequential(score: Score, power: float, restarts: int = 4) -> Rule:
    """Cheapest first, then the best score over cost to a power, the law fitted after each run."""

    def rule(pool: pd.DataFrame, region: pd.DataFrame, budgets: tuple[float, ...], seed: int) -> list[Array]:
        rng, law, cost = np.random.default_rng(seed), Coupled(), pool["C"].to_numpy()
        x, at = (np.log(t[["N", "D"]].to_numpy(dtype=float)) for t in (pool, region))
        y, p = pool["loss"].to_numpy(), len(law.low)
        bought = along(np.argsort(cost), cost, (0.2 * max(budgets),))[0][: int(2.5 * p)].tolist()
        best: list[Array] = [
            np.log(np.exp(v))
            for v in (np.array([0.5, 6.0, 0.35, 7.5, 0.37, 1.0]), np.array([0.5, 11.5, 0.55, 14.0, 0.56, 0.45]))
        ]
        at_budget: dict[float, Array] = {}
        while True:
            spent = cost[bought].sum()
            for budget in budgets:
                if spent > budget and budget not in at_budget:
                    at_budget[budget] = np.array(bought[:-1], dtype=int)
            open_ = np.setdiff1d(np.flatnonzero(cost + spent <= max(budgets)), bought)
            if not len(open_):
                break
            optima = law.fits(x[bought], y[bought], best[-3:], rng, restarts)
            best.append(optima[0][0])
            variance = (2.0 * y.var() + 0.5 * len(bought) * optima[0][1]) / (1.0 + 0.5 * len(bought))
            worth = score(law, optima, x[bought], x[open_], at, variance)
            bought.append(int(open_[np.argmax(worth / (cost[open_] / cost.sum()) ** power)]))
        return [at_budget.get(b, np.array(bought, dtype=int)) for b in budgets]

    return rule


def _covariance(law: Coupled, v: Array, x: Array, variance: float) -> Array:
    J = law.loss(v, x)[1]
    return np.linalg.inv(J.T @ J / variance + np.diag(16.0 / (law.high - law.low) ** 2))


def _prediction_error(law: Coupled, v: Array, seen: Array, new: Array, at: Array, variance: float) -> Array:
    """Fall of the region's summed variance (V-optimality)."""
    S, J, g = _covariance(law, v, seen, variance), law.loss(v, new)[1], law.loss(v, at)[1]
    return np.asarray(((g @ S @ J.T) ** 2).sum(0) / (variance + ((J @ S) * J).sum(1)))


def v_optimal(
    law: Coupled, optima: list[tuple[Array, float]], seen: Array, new: Array, at: Array, variance: float
) -> Array:
    """At the best fit."""
    return _prediction_error(law, optima[0][0], seen, new, at, variance)


def several_optima(
    law: Coupled, optima: list[tuple[Array, float]], seen: Array, new: Array, at: Array, variance: float
) -> Array:
    """At optima within twice the least squares, weighted by BIC, and what seeing the run tells of which of them holds."""
    kept: list[tuple[Array, float]] = []
    for v, error in optima:
        different = all(np.abs(law.loss(v, at)[0] - law.loss(w, at)[0]).max() > 0.01 for w, _ in kept)
        if error <= 2.0 * optima[0][1] + 1e-30 and different:
            kept.append((v, error))
    log_weight = np.array([-0.5 * len(seen) * np.log(max(error, 1e-12)) for _, error in kept])
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    worth = sum(w * _prediction_error(law, v, seen, new, at, variance) for w, (v, _) in zip(weight, kept, strict=True))
    for i in range(len(kept)):
        for j in range(i):
            far = ((law.loss(kept[i][0], at)[0] - law.loss(kept[j][0], at)[0]) ** 2).sum()
            apart = (law.loss(kept[i][0], new)[0] - law.loss(kept[j][0], new)[0]) ** 2
            worth = worth + weight[i] * weight[j] * far * (1.0 - np.exp(-0.25 * apart / variance))
    return np.asarray(worth)


def d_optimal(
    law: Coupled, optima: list[tuple[Array, float]], seen: Array, new: Array, at: Array, variance: float
) -> Array:
    """Growth of the information's determinant."""
    S, J = _covariance(law, optima[0][0], seen, variance), law.loss(optima[0][0], new)[1]
    return np.asarray(np.log1p(((J @ S) * J).sum(1) / variance))


def before(
    law: Coupled, optima: list[tuple[Array, float]], seen: Array, new: Array, at: Array, variance: float
) -> Array:
    """As ours before 0.2: without a prior, at the noise of the fit, per cost."""
    own = max(optima[0][1] * len(seen) / max(len(seen) - len(law.low), 1), 1e-10)
    S, J, g = (
        np.linalg.pinv(law.loss(optima[0][0], seen)[1].T @ law.loss(optima[0][0], seen)[1]) * own,
        law.loss(optima[0][0], new)[1],
        law.loss(optima[0][0], at)[1],
    )
    return np.asarray(((g @ S @ J.T) ** 2).sum(0) / (own + ((J @ S) * J).sum(1)))


RULES: dict[str, Rule] = {
    "random": random,
    "cheapest": cheapest,
    "inverse cost": inverse_cost,
    "D-optimal": sequential(d_optimal, 1.0),
    "before": sequential(before, 1.0),
    "V-optimal, cost^.3": sequential(v_optimal, 0.3),
    "several optima, cost^.4": sequential(several_optima, 0.4),
    "next_runs": ours,
    "next_runs, two steps": in_two_steps,
}
REPEATED = ("random", "cheapest", "inverse cost", "next_runs")
"""Rules that are tried on repeated data: the others are written for one law of N and D."""


# ---- scores -----------------------------------------------------------------------------------------------------


def score(bought: pd.DataFrame, region: pd.DataFrame) -> float:
    """R² of the region, at least −1, by a law fitted to what was bought."""
    try:
        runs = _as_runs(bought)
        if "U_D" in bought:
            fit = ql.fit(ql.laws.EffectiveData(), runs, objective="auto")
            predicted = fit(**{k: region[k].to_numpy() for k in ("N", "U_D", "epochs")})
        else:
            fit = ql.fit(ql.laws.Skaling(), runs, objective="auto", near=PUBLISHED, prior=None)
            predicted = fit(N=region["N"].to_numpy(), D=region["D"].to_numpy())
    except ql.QuokkaError:
        return -1.0
    observed = region["loss"].to_numpy()
    return float(
        np.clip(1.0 - ((predicted - observed) ** 2).sum() / ((observed - observed.mean()) ** 2).sum(), -1.0, 1.0)
    )


def _as_runs(bought: pd.DataFrame) -> pd.DataFrame:
    return ql.check_runs(bought.drop(columns="C").reset_index(drop=True))


def main() -> None:
    """Print R² by pool and rule, and the means."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--pools", default="")
    parser.add_argument("--rules", default=";".join(RULES))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    every = pools(options.data)
    rows = []
    for name in options.pools.split(";") if options.pools else every:
        for seed in range(options.seeds):
            pool, region = every[name](seed)
            budgets = tuple(share * pool["C"].sum() for share in SHARES)
            for label in options.rules.split(";"):
                rule = RULES[label]
                if "U_D" in pool and label not in REPEATED:
                    continue
                for share, chosen in zip(SHARES, rule(pool, region, budgets, seed), strict=True):
                    rows.append((name, label, share, score(pool.iloc[chosen], region), len(chosen)))
            if options.out is not None:
                pd.DataFrame(rows, columns=["pool", "rule", "share", "R2", "runs"]).to_csv(options.out, index=False)
    found = pd.DataFrame(rows, columns=["pool", "rule", "share", "R2", "runs"])
    print(
        found.pivot_table(index=["pool", "share"], columns="rule", values="R2")[
            [r for r in RULES if r in set(found["rule"])]
        ]
        .round(2)
        .to_string()
    )
    one = found[~found["pool"].isin(["reuse2026", "datablations"])]
    print("\nMean, one pass over the data")
    print(one.pivot_table(index="rule", columns="share", values="R2").round(2).to_string())
    print("\nRuns bought")
    print(one.pivot_table(index="rule", columns="share", values="runs").round(0).to_string())


if __name__ == "__main__":
    main()
