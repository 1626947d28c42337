"""How often outlying runs are named, and how often lawful ones are: designs of 9 to 87 runs, one and three bad runs.

python benchmarks/influence.py [--repeats 200] [--noise 0.003]

A run counts as decisive if leaving it out moves ln N at ten times the largest budget by more than the standard deviation of ln N
over clean tables of the same design.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

import quokka_laws as ql
from quokka_laws.fitting.answer import Answer
from quokka_laws.fitting.outliers import outliers

LAW = ql.laws.Chinchilla()
TRUTH = {"E": 1.8172, "A": 477.8, "B": 2143.4, "alpha": 0.3473, "beta": 0.3672}


def designs() -> dict[int, pd.DataFrame]:
    """Runs as people lay them out: a grid, IsoFLOP slices, an L, and the paper's 87."""
    grid = [(N, D) for N in (2e7, 8e7, 3.2e8) for D in (1e9, 4e9, 1.6e10)]
    best = lambda C: np.sqrt(C / 6 / 20)  # noqa: E731
    slices = [(best(C) * f, C / 6 / (best(C) * f)) for C in (1e18, 1e19, 1e20) for f in (0.4, 0.63, 1, 1.6, 2.5)]
    sides = [(N, 20 * N) for N in np.geomspace(1e7, 1e9, 15)] + [
        (N, D) for N in (3e7, 3e8, 1e9) for D in np.geomspace(2, 200, 5) * N
    ]
    paper = ql.datasets.load_quokka_isoflops()[["N", "D"]]
    tables = {9: grid, 15: slices, 30: sides}
    return {**{n: pd.DataFrame(rows, columns=["N", "D"]) for n, rows in tables.items()}, 87: paper}


def noisy(
    table: pd.DataFrame, noise: float, rng: np.random.Generator, lift: float = 0.0, bad: int = 0
) -> tuple[pd.DataFrame, np.ndarray]:
    """A table with losses of the law, some of them lifted."""
    rows = rng.choice(len(table), size=bad, replace=False)
    log_loss = np.log(LAW.loss(TRUTH, N=table["N"], D=table["D"])) + noise * rng.standard_normal(len(table))
    log_loss[rows] += np.log1p(lift)
    return ql.check_runs(table.assign(loss=np.exp(log_loss))), rows


def answer_of(fit: ql.FitResult) -> float:
    """ln N at ten times the largest budget."""
    return float(Answer.of(fit)({k: np.array([v]) for k, v in fit.values.items()})[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--noise", type=float, default=0.003)
    options = parser.parse_args()
    print(f"{options.repeats} tables each, noise {options.noise:.1%}")
    print(
        f"{'runs':>5} {'bad':>4} {'lift':>6} {'any named':>10} {'all bad named':>14} {'decisive named':>15} {'good named':>11}"
    )
    for n, table in designs().items():
        spread = 1.0
        for bad, lift in ((0, 0.0), (1, 0.02), (1, 0.05), (1, 0.2), (3, 0.02), (3, 0.05), (3, 0.2)):
            rng = np.random.default_rng(1000 * n + 10 * bad + int(100 * lift))
            named, every, decisive, good, answers = [], [], [], [], []
            for _ in range(options.repeats):
                runs, rows = noisy(table, options.noise, rng, lift, bad)
                fit = ql.fit(LAW, runs)
                refits = fit.diagnose.refits
                found = outliers(refits, Answer.of(fit))
                chosen = set() if found is None else set(map(int, found.rows))
                answers.append(answer_of(fit))
                named.append(bool(chosen))
                every.append(bad > 0 and set(rows) <= chosen)
                good.append(bool(chosen - set(rows)))
                if bad == 1:
                    without = answer_of(ql.fit(LAW, ql.check_runs(runs.drop(index=rows).reset_index(drop=True))))
                    if abs(without - answers[-1]) > spread:
                        decisive.append(every[-1])
            if bad == 0:
                spread = float(np.std(answers))
            share = f"{np.mean(decisive):.0%} of {len(decisive)}" if decisive else "–"
            print(
                f"{n:>5} {bad:>4} {lift:>6.0%} {np.mean(named):>10.1%} {np.mean(every):>14.1%} {share:>15} {np.mean(good):>11.1%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
