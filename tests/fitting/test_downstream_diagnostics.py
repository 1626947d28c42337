"""Diagnostics of tasks: lawful ones are not refused, a curve that misses repeated runs is named."""

from __future__ import annotations

import numpy as np
import pandas as pd
from simulated_tasks import loss_law

import quokka_laws as ql


def law(N: np.ndarray, D: np.ndarray) -> np.ndarray:
    return np.asarray(1.7 + 400.0 / N**0.34 + 410.0 / D**0.28)


def test_lawful_tasks_are_predicted() -> None:
    rng = np.random.default_rng(7)
    N, ratio = (v.ravel() for v in np.meshgrid(np.geomspace(5e7, 2e9, 5), [5.0, 20.0, 80.0]))
    loss = law(N, N * ratio) * np.exp(0.004 * rng.standard_normal(N.size))
    table = pd.DataFrame({"N": N, "D": N * ratio, "loss": loss})
    worlds = {
        "a": (0.25, 0.95, 2.3, 10042),
        "second": (0.5, 0.9, 2.6, 1838),
        "third": (0.0, 0.9, 2.2, 5153),
        "fourth": (0.25, 0.8, 2.8, 1000),
    }
    for name, (chance, ceiling, middle, questions) in worlds.items():
        p = chance + (ceiling - chance) / (1.0 + np.exp((loss - middle) / 0.3))
        table[name] = rng.binomial(questions, p) / questions
    runs = ql.read_runs(table)
    chances = {k: v[0] for k, v in worlds.items()}
    counts = {k: v[3] for k, v in worlds.items()}
    found = ql.downstream(runs, loss_law(), list(worlds), chances, counts)
    assert [t.why for t in found.tasks] == [""] * 4


def test_a_curve_that_misses_repeats_is_named() -> None:
    rng = np.random.default_rng(8)
    N = np.repeat(np.geomspace(5e7, 2e9, 8), 3)
    loss = law(N, 20 * N) * np.exp(0.001 * rng.standard_normal(N.size))
    steps = 0.3 + 0.5 * (loss < 3.0) + 0.1 * (loss < 2.5) - 0.05 * (loss < 2.8)  # no sigmoid
    table = pd.DataFrame({"N": N, "D": 20 * N, "loss": loss, "quiz": steps + 0.002 * rng.standard_normal(N.size)})
    task = ql.downstream(ql.read_runs(table.assign(seed=np.tile([0, 1, 2], 8))), loss_law(), "quiz", 0.25, 10**6).tasks[
        0
    ]
    assert {"ACCURACY_CURVE_MISSES", "TASK_NOT_MONOTONE"} & {d.code for d in task.diagnostics}
