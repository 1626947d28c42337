"""One model size a hundred times beyond the runs: each method alone, their mixtures, and ``ql.consensus``.

python benchmarks/one_answer.py [tables of each truth, design and noise]     # 100; twenty seconds of processor time

Truths that every rule could know (Chinchilla's and Skaling's laws) and one that none does (a bounded loss), four designs, two sizes of noise.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from many import Many, fit_many
from scipy.stats import t as student
from truths import DESIGNS, TRUTHS, log_losses

import quokka_laws as ql
from quokka_laws._typing import Array
from quokka_laws.evaluation.consensus import PRIOR_WEIGHT, ROBUST, average_laws, join, law_weights
from quokka_laws.fitting.budgets import BUDGET_TOLERANCE, group_budgets
from quokka_laws.fitting.isoflop_errors import Minima

LAWS = (ql.laws.Chinchilla(), ql.laws.Skaling())
USED = ("15, isoflop", "30, L-shaped", "40, isoflop", "87, quokka")
NOISE = {"0.3 %": 0.003, "1 %": 0.01}
FIRST_SEED = 40_000  # other tables than the rule was made on
LEVEL = 0.95


def answers(
    fits: dict[str, Many], minima: Minima | None, log_C: Array, scatter: float
) -> dict[str, tuple[Array, Array, Array]]:
    """ln N, its standard error and degrees of freedom at one budget by every rule, each (tables,)."""
    log_ND = log_C - np.log(6.0)
    each = {k: f.ask(lambda law, v: np.asarray(law.optimal_log_N(v, log_ND))) for k, f in fits.items()}
    single = {k: (e.value[:, 0], e.error[:, 0], e.freedom[:, 0]) for k, e in each.items()}
    value, error, freedom = (np.stack(part) for part in zip(*single.values(), strict=True))

    def mixture(weight: Array) -> tuple[Array, Array, Array]:
        return *average_laws(value, error, weight), (weight * freedom).sum(axis=0)

    deviance = 2.0 * ROBUST * np.stack([f.solved.value for f in fits.values()], axis=1) / scatter**2
    free = [f.solved.u.shape[1] for f in fits.values()]
    rows = next(iter(fits.values())).near.residuals.shape[1]
    ours = mixture(law_weights(deviance, free, [PRIOR_WEIGHT[k] for k in fits]).T)
    penalty = (np.array(free) * (np.log(rows) - 2.0))[None]  # from Akaike's to Schwarz's
    found = {**single, "BIC average": mixture(law_weights(deviance + penalty, free, [0.5, 0.5]).T)}
    if minima is not None:
        m, s = (a[:, 0] for a in minima.power_law(log_C))
        found["IsoFLOP"] = m, s, freedom[-1]
        both = average_laws(np.stack([value[1], m]), np.stack([error[1], s]), np.array([[0.5], [0.5]]))
        found["mean of Skaling and IsoFLOP"] = *both, freedom[-1]
        ours = *join(*ours[:2], m, s)[:2], ours[2]
    found["consensus"] = ours
    return found


def simulated(tables: int) -> pd.DataFrame:
    """One row a truth, design, noise and rule: root mean square error, coverage and width of ln N at ×100."""
    rows = []
    for truth_name, truth in TRUTHS.items():
        for design_name in USED:
            design = DESIGNS[design_name]()
            C = (6.0 * design["N"] * design["D"]).to_numpy()
            log_C = np.log(np.array([100.0 * C.max()]))
            target = float(truth.log_N(np.exp(log_C))[0])
            clean = np.log(truth.loss(design["N"].to_numpy(), design["D"].to_numpy()))
            for noise, scatter in NOISE.items():
                y = log_losses(truth, design, noise, range(FIRST_SEED, FIRST_SEED + tables))
                fits = {law.name: fit_many(law, design, y, scatter, clean=clean) for law in LAWS}
                budget = group_budgets(C, BUDGET_TOLERANCE)
                minima = (
                    Minima.of(np.log(design["N"].to_numpy()), budget, np.exp(y))
                    if "isoflop" in design_name or "quokka" in design_name
                    else None
                )
                for rule, (m, s, freedom) in answers(fits, minima, log_C, scatter).items():
                    half = student.ppf(0.5 + 0.5 * LEVEL, freedom) * s
                    error = np.where(np.isfinite(m), m, np.nanmedian(m)) - target
                    rows.append(
                        {
                            "truth": truth_name,
                            "design": design_name,
                            "noise": noise,
                            "rule": rule,
                            "rmse": np.sqrt(np.mean(error**2)),
                            "coverage": np.mean(np.abs(error) <= half),
                            "width": np.median(2.0 * half),
                        }
                    )
    return pd.DataFrame(rows)


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """By rule, over all cells and over those where profiles are possible."""
    tables = {}
    for label, part in (("all designs", found), ("with profiles", found[~found["design"].str.contains("L-shaped")])):
        g = part.groupby("rule", sort=False)
        table = g.agg(
            rmse=("rmse", "mean"),
            worst=("rmse", "max"),
            coverage=("coverage", "mean"),
            least=("coverage", "min"),
            width=("width", "mean"),
        )
        tables[label] = table[g.size() == g.size().max()]
    return pd.concat(tables)


def main() -> None:
    """Print the comparison."""
    tables = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    found = simulated(tables)
    print(
        f"ln N at 100 times the largest budget; {tables} tables of each of {len(TRUTHS)} truths, {len(USED)} designs and {len(NOISE)} noises"
    )
    print(f"coverage of {LEVEL:.0%} intervals; worst and least over cells\n")
    print(summary(found).round(3).to_string())
    ours = found[found["rule"] == "consensus"].pivot_table(
        index=["truth"], columns="design", values=["rmse", "coverage"]
    )
    print("\nconsensus by truth and design (mean over noises)\n" + ours.round(3).to_string())


if __name__ == "__main__":
    main()
