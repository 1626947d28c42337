"""Time of plans with intervals: 1,000 budgets (or targets) × 1,000 draws.

python benchmarks/plan_speed.py
"""

from __future__ import annotations

import time

import numpy as np

import quokka_laws as ql

COUNT = 1000


def main() -> None:
    """Print seconds of wall clock and of CPU per question."""
    fit = ql.fit(ql.laws.Chinchilla(), ql.datasets.load_quokka_isoflops(), bootstrap=COUNT, seed=0)
    C, loss = np.geomspace(1e20, 1e24, COUNT), np.linspace(2.75, 3.5, COUNT)
    questions = {
        "compute_optimal": lambda: ql.plan.compute_optimal(fit, C, level=0.9),
        "compute_to_loss": lambda: ql.plan.compute_to_loss(fit, loss, level=0.9),
        "tokens_to_loss": lambda: ql.plan.tokens_to_loss(fit, loss, 1e10, level=0.9),
        "overtraining": lambda: ql.plan.overtraining(fit, C, 4.0, level=0.9),
        "predict": lambda: fit.predict(N=np.sqrt(C / 120), D=np.sqrt(C * 20 / 6), level=0.9),
    }
    print(f"{COUNT} points × {COUNT} draws, seconds")
    for name, ask in questions.items():
        wall, cpu = time.perf_counter(), time.process_time()
        ask()
        print(f"  {name:16s} {time.perf_counter() - wall:6.2f} wall {time.process_time() - cpu:6.2f} CPU")


if __name__ == "__main__":
    main()
