"""Whether intervals of a mixture-of-experts formula hold the truth: simulated sweeps of known coefficients, fitted by formula.

    OMP_NUM_THREADS=1 python benchmarks/formula_coverage.py [--sweeps 200] [--refits 400] [--rows 120]

Printed are, for each coefficient, the share of sweeps whose 95 % percentile interval holds the truth, and how far the
median estimate is from it; a share of 0.95 has a standard error of 0.015 over 200 sweeps.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

import quokka_laws as ql

FORMULA = "E + A/(N_active^alpha*(1 - sparsity)^lam) + B/D^beta"
TRUTH = {"E": 1.65, "A": 180.0, "alpha": 0.3, "lam": -0.15, "B": 900.0, "beta": 0.33}


def sweep(rows: int, rng: np.random.Generator, noise: float = 0.005) -> pd.DataFrame:
    """Sizes over two decades, five sparsities, D/N over two decades, log-normal noise."""
    N = np.exp(rng.uniform(np.log(3e7), np.log(3e9), rows))
    D = N * np.exp(rng.uniform(np.log(5), np.log(500), rows))
    S = rng.choice([0.0, 0.5, 0.75, 0.9, 0.95], rows)
    t = TRUTH
    clean = t["E"] + t["A"] / (N ** t["alpha"] * (1 - S) ** t["lam"]) + t["B"] / D ** t["beta"]
    return pd.DataFrame(
        {"N_active": N, "sparsity": S, "D": D, "loss": clean * np.exp(noise * rng.standard_normal(rows))}
    )


def main() -> None:
    """Print one line per coefficient."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sweeps", type=int, default=200)
    parser.add_argument("--refits", type=int, default=400)
    parser.add_argument("--rows", type=int, default=120)
    options = parser.parse_args()
    held = dict.fromkeys(TRUTH, 0)
    values: dict[str, list[float]] = {k: [] for k in TRUTH}
    for i in range(options.sweeps):
        fit = ql.fit(
            FORMULA, ql.read_runs(sweep(options.rows, np.random.default_rng(i))), bootstrap=options.refits, seed=i
        )
        table = fit.summary
        for k, truth in TRUTH.items():
            held[k] += bool(table["lower"][k] <= truth <= table["upper"][k])
            values[k].append(table["value"][k])
    print(f"{options.sweeps} sweeps of {options.rows} runs, {options.refits} refits; loss = {FORMULA}")
    for k, truth in TRUTH.items():
        print(f"{k:6} {held[k] / options.sweeps:6.3f}  truth {truth:g}, median estimate {np.median(values[k]):.4g}")


if __name__ == "__main__":
    main()
