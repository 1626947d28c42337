"""Do 90 % intervals of ``max_epochs`` hold the truth in 80–95 % of simulated sweeps?

    OMP_NUM_THREADS=1 python benchmarks/repeated_coverage.py [--sweeps 100] [--refits 100]

Each sweep has 36 runs (6 unique-token budgets × 6 sizes) of 30 checkpoints; a run's log-loss is off by a random level, a
random slope in log epochs and noise correlated from checkpoint to checkpoint. Resampling is by run.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd

import quokka_laws as ql

TRUE = {"E": 2.70, "A": 596.0, "alpha": 0.364, "B": 9240.0, "beta": 0.425}
TRUE |= {"nu": 2.37e-5, "s": 1.768, "p": 1.445, "c": 272600.0}
LAW = ql.laws.Memorization(memorized_loss=float(np.log(50257)))
QUESTIONS = ((1e8, 3e7), (5e8, 5e7), (1e9, 1e8), (4e9, 2e8))


def simulate(seed: int) -> pd.DataFrame:
    """One sweep."""
    rng = np.random.default_rng(seed)
    parts = []
    for i, U_D in enumerate(np.geomspace(1e7, 1.5e8, 6)):
        for j, N in enumerate(np.geomspace(2e7, 2e9, 6)):
            epochs = np.geomspace(4, 1000, 30)
            level, slope = 0.006 * rng.standard_normal(), 0.003 * rng.standard_normal()
            noise = np.empty(30)
            noise[0] = 0.003 * rng.standard_normal()
            for t in range(1, 30):
                noise[t] = 0.9 * noise[t - 1] + np.sqrt(1 - 0.81) * 0.003 * rng.standard_normal()
            off = level + slope * (np.log(epochs) - np.log(60)) / 2 + noise
            loss = LAW.loss(TRUE, N=N, U_D=U_D, epochs=epochs) * np.exp(off)
            parts.append(pd.DataFrame({"run_id": f"{i}-{j}", "N": N, "U_D": U_D, "epochs": epochs, "loss": loss}))
    return ql.check_runs(pd.concat(parts, ignore_index=True))


def main() -> None:
    """Print and write the coverage."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sweeps", type=int, default=100)
    parser.add_argument("--refits", type=int, default=100)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    truth = ql.results.FittedLaw(LAW, TRUE)
    true_epochs = np.array([ql.plan.max_epochs(truth, n, u)["epochs"].iloc[0] for n, u in QUESTIONS])
    held, widths, coefficients, begun = [], [], [], time.perf_counter()
    for seed in range(options.sweeps):
        fit = ql.fit(LAW, simulate(seed), bootstrap=options.refits, n_starts=4, seed=seed)
        plan = pd.concat([ql.plan.max_epochs(fit, n, u, level=0.9) for n, u in QUESTIONS])
        held.append((plan["epochs_lower"] <= true_epochs) & (true_epochs <= plan["epochs_upper"]))
        widths.append(np.log(plan["epochs_upper"] / plan["epochs_lower"]))
        table = fit.summary_at(0.9)
        coefficients.append([table.loc[k, "lower"] <= v <= table.loc[k, "upper"] for k, v in TRUE.items()])
        if (seed + 1) % 10 == 0:
            print(f"{seed + 1} sweeps, {time.perf_counter() - begun:.0f} s: {np.mean(held, axis=0)}", flush=True)
    result = {
        "sweeps": options.sweeps,
        "refits": options.refits,
        "seconds": round(time.perf_counter() - begun),
        "coverage of max_epochs": [
            {"N": n, "U_D": u, "true epochs": float(e), "coverage": float(c), "median width, ln": float(w)}
            for (n, u), e, c, w in zip(
                QUESTIONS, true_epochs, np.mean(held, axis=0), np.median(widths, axis=0), strict=True
            )
        ],
        "coverage, all questions": float(np.mean(held)),
        "coverage of coefficients": dict(zip(TRUE, np.mean(coefficients, axis=0).tolist(), strict=True)),
    }
    print(json.dumps(result, indent=1))
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
