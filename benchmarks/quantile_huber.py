"""What an asymmetric objective does to a law: right where runs can only be too high, too low where they scatter by noise alone.

python benchmarks/quantile_huber.py [tables of each]      # 100; a few minutes of processor time

Ladders of 24 runs of ``E + A/N^α + B/D^β`` with 0.3 % of noise. *Tuned*: noise alone. *A third too high*: a third of the runs, drawn at random, lie
higher by an exponential excess of 1.5 % on average, as badly tuned ones. *All too high*: every run, by .75 % on average. For each
objective: the mean error of the law's loss at the runs, per cent; the median absolute error of the loss and of N_opt at ten times the largest
run's compute, per cent; the mean error of E.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from tqdm import tqdm

import quokka_laws as ql

TRUTH = {"E": 1.7, "A": 400.0, "alpha": 0.34, "B": 410.0, "beta": 0.28}
NOISE = 0.003
KINDS = {"tuned": (0.0, 0.0), "a third too high": (1 / 3, 0.015), "all too high": (1.0, 0.0075)}
OBJECTIVES = {
    "huber": ql.LogHuber(1e-3),
    "auto": ql.LogHuber("auto"),
    "quantile, over=3": ql.QuantileHuber(over=3.0),
    "quantile": ql.QuantileHuber(),
}


def simulate(kind: str, seed: int) -> pd.DataFrame:
    """One ladder, with the true loss beside what was measured."""
    rng = np.random.default_rng(seed)
    N, ratio = (v.ravel() for v in np.meshgrid(np.geomspace(3e7, 3e9, 6), [5.0, 20.0, 60.0, 160.0]))
    D = ratio * N
    true = TRUTH["E"] + TRUTH["A"] / N ** TRUTH["alpha"] + TRUTH["B"] / D ** TRUTH["beta"]
    share, excess = KINDS[kind]
    high = (rng.random(len(N)) < share) * rng.exponential(excess or 1.0, len(N))
    return pd.DataFrame(
        {"N": N, "D": D, "loss": true * np.exp(NOISE * rng.standard_normal(len(N)) + high), "true": true}
    )


def main(count: int) -> None:
    """Print a line for each kind of runs and objective."""
    true_law = ql.laws.Chinchilla()
    lines = []
    for kind in KINDS:
        for name, objective in OBJECTIVES.items():
            at_runs, ahead, sizes, floors = [], [], [], []
            for seed in tqdm(range(count), desc=f"{kind}, {name}", leave=False):
                runs = simulate(kind, seed)
                fit = ql.fit("chinchilla", runs, objective=objective, prior=None)
                at_runs.append(float((fit(N=runs["N"], D=runs["D"]) / runs["true"] - 1.0).mean()))
                C = 10.0 * float((6.0 * runs["N"] * runs["D"]).max())
                plan = ql.plan.compute_optimal(fit, C).iloc[0]
                best = _optimum(C)
                ahead.append(
                    abs(
                        float(fit(N=best, D=C / 6.0 / best))
                        / float(true_law.loss(TRUTH, N=np.array([best]), D=np.array([C / 6.0 / best]))[0])
                        - 1.0
                    )
                )
                sizes.append(abs(float(plan["N"]) / best - 1.0))
                floors.append(fit.values["E"] - TRUTH["E"])
            lines.append(
                {
                    "runs": kind,
                    "objective": name,
                    "loss at the runs %": 100 * np.mean(at_runs),
                    "|loss ahead| %": 100 * np.median(ahead),
                    "|N_opt ahead| %": 100 * np.median(sizes),
                    "E": np.mean(floors),
                }
            )
            print(
                pd.DataFrame(lines[-1:]).to_string(index=False, header=len(lines) == 1, float_format="{:.2f}".format),
                flush=True,
            )


def _optimum(C: float) -> float:
    """The true N_opt: where both terms fall alike."""
    a, b = TRUTH["alpha"], TRUTH["beta"]
    return float((a * TRUTH["A"] / (b * TRUTH["B"])) ** (1 / (a + b)) * (C / 6.0) ** (b / (a + b)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
