"""How often outlying runs are named, and how often lawful ones are: designs of 9 to 87 runs, one and three bad runs.

python benchmarks/influence.py [--repeats 200] [--noise 0.003]

A bad run counts as decisive if leaving it out moves ln N at ten times the largest budget by more than the standard deviation of
ln N over clean tables of the same design. ``oracle`` is the share of the same tables in which a test that knows the law's
derivatives, the noise and that one run is bad and too high finds the right row: no rule can be expected to do better.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import norm

import quokka_laws as ql
from quokka_laws.fitting.answer import Answer
from quokka_laws.fitting.influence import Refits
from quokka_laws.fitting.linearised import predictions
from quokka_laws.fitting.multistart import optimise
from quokka_laws.fitting.outliers import outliers

LAW = ql.laws.Chinchilla()
TRUTH = {"E": 1.8172, "A": 477.8, "B": 2143.4, "alpha": 0.3473, "beta": 0.3672}
SETTINGS = ((0, 0.0), (1, 0.02), (1, 0.05), (1, 0.2), (3, 0.02), (3, 0.05), (3, 0.2))
LEVEL = 0.05  # of the oracle, over all rows


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


class Design:
    """One design: clean and spoiled tables of it, each with its optimum."""

    def __init__(self, table: pd.DataFrame, noise: float) -> None:
        self.noise = noise
        self.log_truth = np.log(np.asarray(LAW.loss(TRUTH, N=table["N"], D=table["D"])))
        clean = ql.fit(LAW, ql.check_runs(table.assign(loss=np.exp(self.log_truth))))
        self.template = clean.diagnose.refits
        self.answer = Answer.of(clean)
        self.near = self.template.best.u[None], self.template.best.off[None]
        _, J = predictions(self.template.space, self.template.data, *self.near)
        Q, _ = np.linalg.qr(J[0] / np.linalg.norm(J[0], axis=0))
        self.hat = Q @ Q.T

    def tables(self, repeats: int, bad: int, lift: float, seed: int) -> Iterator[tuple[Refits, np.ndarray]]:
        """Tables with ``bad`` of their rows lifted, and which."""
        rng = np.random.default_rng(seed)
        for _ in range(repeats):
            rows = rng.choice(len(self.log_truth), size=bad, replace=False)
            log_loss = self.log_truth + self.noise * rng.standard_normal(len(self.log_truth))
            log_loss[rows] += np.log1p(lift)
            data = replace(self.template.data, loss=np.exp(log_loss))
            yield self.fitted(data), rows

    def fitted(self, data: object) -> Refits:
        """The optimum of a table, from the clean one's and a few automatic starts."""
        t = self.template
        best = optimise(LAW, data, t.space, t.objective, n_starts=None, seed=0, near=self.near, briefly=True)
        return replace(t, data=data, best=best)

    def answer_of(self, refits: Refits) -> float:
        """ln N at ten times the largest budget."""
        return float(self.answer(refits.space.batch_values(refits.best.u[None], refits.best.off[None]))[0])

    def oracle(self, log_loss: np.ndarray) -> int:
        """The row that a test with the true noise and derivatives names, -1 for none."""
        left = 1.0 - np.diag(self.hat)
        residual = log_loss - self.log_truth
        score = (residual - self.hat @ residual) / (self.noise * np.sqrt(np.maximum(left, 1e-9)))
        return int(score.argmax()) if score.max() > norm.isf(LEVEL / len(score)) else -1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--noise", type=float, default=0.003)
    parser.add_argument("--runs", type=int, nargs="*", help="of the designs, 9 15 30 87")
    options = parser.parse_args()
    print(f"{options.repeats} tables each, noise {options.noise:.1%}")
    heads = ("any named", "all bad named", "decisive named", "oracle", "good named")
    print(f"{'runs':>5} {'bad':>4} {'lift':>6} " + " ".join(f"{head:>15}" for head in heads))
    for n, table in designs().items():
        if options.runs and n not in options.runs:
            continue
        design, spread = Design(table, options.noise), 1.0
        for bad, lift in SETTINGS:
            named, every, decisive, oracle, good, answers = [], [], [], [], [], []
            for refits, rows in design.tables(options.repeats, bad, lift, 1000 * n + 10 * bad + int(100 * lift)):
                found = outliers(refits, design.answer)
                chosen = set() if found is None else set(map(int, found.rows))
                answers.append(design.answer_of(refits))
                named.append(bool(chosen))
                every.append(bad > 0 and set(rows) <= chosen)
                good.append(bool(chosen - set(rows)))
                if bad == 1:
                    kept = np.setdiff1d(np.arange(n), rows)
                    without = design.answer_of(design.fitted(refits.data.take(kept)))
                    if abs(without - answers[-1]) > spread:
                        decisive.append(every[-1])
                        oracle.append(design.oracle(np.log(refits.data.loss)) == rows[0])
            if bad == 0:
                spread = float(np.std(answers))
            shares = [np.mean(named), np.mean(every), None, None, np.mean(good)]
            cells = ["–" if x is None else f"{x:.1%}" for x in shares]
            if decisive:
                cells[2:4] = f"{np.mean(decisive):.0%} of {len(decisive)}", f"{np.mean(oracle):.0%}"
            print(f"{n:>5} {bad:>4} {lift:>6.0%} " + " ".join(f"{cell:>15}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
