"""How often 90 % bootstrap intervals hold the truth: 200 simulated sweeps of known coefficients with 1 % noise.

python benchmarks/coverage.py [sweeps]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql

LEVEL, RUNS, NOISE, REFITS = 0.9, 80, 0.01, 300


def main() -> None:
    """Print coverage of each coefficient, of N_opt and of a predicted loss."""
    sweeps = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    law = ql.laws.Chinchilla()
    truth = ql.FittedLaw(law, TRUE_CHINCHILLA)
    target = ql.plan.compute_optimal(truth, 1e23).iloc[0]
    held: dict[str, list[bool]] = {}
    for seed in tqdm(range(sweeps)):
        fit = ql.fit(law, sweep(law, TRUE_CHINCHILLA, runs=RUNS, noise=NOISE, seed=seed), bootstrap=REFITS, seed=seed)
        summary = fit.summary_at(LEVEL)
        for name, value in TRUE_CHINCHILLA.items():
            held.setdefault(name, []).append(summary.loc[name, "lower"] <= value <= summary.loc[name, "upper"])
        plan = ql.plan.compute_optimal(fit, 1e23, level=LEVEL).iloc[0]
        held.setdefault("N_opt(1e23)", []).append(plan["N_lower"] <= target["N"] <= plan["N_upper"])
        at = fit.predict(N=1e9, D=1e11, level=LEVEL).iloc[0]
        held.setdefault("loss(1e9, 1e11)", []).append(at["loss_lower"] <= truth(N=1e9, D=1e11) <= at["loss_upper"])
    print(
        f"{sweeps} sweeps of {RUNS} runs, {NOISE:.0%} noise, {REFITS} refits: share of {LEVEL:.0%} intervals that hold the truth"
    )
    for name, hits in held.items():
        print(f"  {name:16} {np.mean(hits):.3f} ± {np.sqrt(np.mean(hits) * (1 - np.mean(hits)) / sweeps):.3f}")


if __name__ == "__main__":
    main()
