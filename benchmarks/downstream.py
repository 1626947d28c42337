"""How often 90 % intervals of task accuracy hold the truth at ten times the compute of the largest run, in lawful worlds.

python benchmarks/downstream.py [tables of each]      # 200; a quarter of an hour of processor time

Losses follow 1.7 + 400/N^0.34 + 410/D^0.28 with noise of 0.4 % from run to run. In the worlds of two stages a run's accuracy is a sigmoid
of its own loss, in the direct worlds −ln Q = A/N^0.4 + B/D^0.35; a seed adds to it, and a score is binomial in the questions. Sizes
from 50M to 2B at 5, 20 and 80 tokens per parameter. ``mean``: the true curve in the interval of the curve. ``run``: the score of one new
run in the interval of a run. ``false``: tables whose task was called not predictable.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from tqdm import tqdm

import quokka_laws as ql

LOSS_NOISE, LEVEL, REFITS = 0.004, 0.9, 400
RATIOS = (5.0, 20.0, 80.0)


@dataclass(frozen=True)
class World:
    """How accuracy comes about."""

    name: str
    method: str
    chance: float
    questions: int
    seed_sd: float
    accuracy: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def sigmoid(chance: float, ceiling: float, middle: float, width: float) -> Callable[..., np.ndarray]:
    """Accuracy of a loss."""
    return lambda N, D, loss: chance + (ceiling - chance) / (1.0 + np.exp((loss - middle) / width))


def power(chance: float, a: float, b: float) -> Callable[..., np.ndarray]:
    """Accuracy of N and D; a and b: the terms at 1e9 parameters and 2e10 tokens."""
    return lambda N, D, loss: chance + (1.0 - chance) * np.exp(-(a * (N / 1e9) ** -0.4 + b * (D / 2e10) ** -0.35))


WORLDS = (
    World("four choices, steady", "two-stage", 0.25, 10042, 0.005, sigmoid(0.25, 0.95, 2.3, 0.30)),
    World("four choices, near its ceiling", "two-stage", 0.25, 2376, 0.005, sigmoid(0.25, 0.85, 2.6, 0.25)),
    World("two choices, few questions", "two-stage", 0.5, 1838, 0.008, sigmoid(0.5, 0.9, 2.5, 0.35)),
    World("free text, early", "two-stage", 0.0, 5153, 0.005, sigmoid(0.0, 0.9, 2.2, 0.25)),
    World("direct, four choices", "direct", 0.25, 10042, 0.005, power(0.25, 0.6, 0.6)),
    World("direct, free text", "direct", 0.0, 5153, 0.008, power(0.0, 0.8, 0.5)),
)
DESIGNS = {"12 runs": (4, 1), "24 runs": (8, 1), "24 runs, 2 seeds": (4, 2)}


def law(N: np.ndarray, D: np.ndarray) -> np.ndarray:
    """The true loss."""
    return 1.7 + 400.0 / N**0.34 + 410.0 / D**0.28


def simulate(world: World, sizes: int, seeds: int, rng: np.random.Generator) -> pd.DataFrame:
    """One table of runs with scores."""
    N, ratio = (v.ravel() for v in np.meshgrid(np.geomspace(5e7, 2e9, sizes), RATIOS))
    N, D = np.repeat(N, seeds), np.repeat(N * ratio, seeds)
    return trained(world, N, D, rng)


def trained(world: World, N: np.ndarray, D: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Runs at N and D."""
    loss = law(N, D) * np.exp(LOSS_NOISE * rng.standard_normal(len(N)))
    p = world.accuracy(N, D, loss) + world.seed_sd * rng.standard_normal(len(N))
    score = rng.binomial(world.questions, np.clip(p, 0.0, 1.0)) / world.questions
    return pd.DataFrame({"N": N, "D": D, "loss": loss, "task": score, "run_id": [f"r{i}" for i in range(len(N))]})


def one(world: World, sizes: int, seeds: int, number: int, objective: str) -> dict[str, float]:
    """Whether the intervals of one table hold, and how wide they are."""
    rng = np.random.default_rng([number, sizes, seeds, WORLDS.index(world)])
    runs = ql.read_runs(simulate(world, sizes, seeds, rng))
    fit = ql.fit("chinchilla", runs, objective=objective, bootstrap=REFITS, seed=number)
    found = ql.downstream(
        runs, fit, "task", world.chance, world.questions, method=world.method, level=LEVEL, seed=number
    )
    if not found.tasks[0].predictable:
        return {"false": 1.0}
    N, D = np.array([2e9 * 10**0.5]), np.array([2e9 * 10**0.5 * 80.0])
    mean, run = (found.predict(N=N, D=D, kind=kind).iloc[0] for kind in ("mean", "run"))
    truth = float(world.accuracy(N, D, law(N, D))[0])
    new = float(trained(world, N, D, rng)["task"].iloc[0])
    return {
        "truth": truth,
        "highest": float(runs["task"].max()),
        "mean": float(mean["accuracy_lower"] <= truth <= mean["accuracy_upper"]),
        "run": float(run["accuracy_lower"] <= new <= run["accuracy_upper"]),
        "width": mean["accuracy_upper"] - mean["accuracy_lower"],
        "bias": mean["accuracy"] - truth,
        "false": 0.0,
    }


def main(count: int, objectives: tuple[str, ...] = ("auto", "huber")) -> None:
    """Print one line per world, design and objective of the loss."""
    rows = []
    for objective in objectives:
        for design, (sizes, seeds) in DESIGNS.items():
            for world in WORLDS:
                began = time.process_time()
                label = f"{objective}, {design}, {world.name}"
                found = [one(world, sizes, seeds, i, objective) for i in tqdm(range(count), desc=label, leave=False)]
                means = pd.DataFrame(found).mean().to_dict()
                seconds = (time.process_time() - began) / count
                rows.append({"loss by": objective, "design": design, "world": world.name, **means, "seconds": seconds})
                shown = pd.DataFrame(rows[-1:]).round(4)
                print(shown.to_string(index=False, header=len(rows) == 1), flush=True)
    table = pd.DataFrame(rows)
    print(
        table.groupby(["loss by", "design"], sort=False)[["mean", "run", "false", "width", "seconds"]].mean().round(3)
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
