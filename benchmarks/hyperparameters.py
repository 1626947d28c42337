"""How often intervals of a law of learning rate and batch hold its true exponents, on simulated sweeps of Step Law's shape.

python benchmarks/hyperparameters.py [tables of each design]      # 200; about half an hour of processor time

Each table has 17 pairs of N and D with 60 to 120 runs: a grid of learning rates and batches a factor √2 apart (12 by 5 to 10), laid about the
optimum of the law, with 36 values of each over the table. The optimum is ``lr = 1.79·N^-0.713·D^0.307``, ``batch = 0.58·D^0.571`` tokens (arXiv 2503.04715, Eq. 1); twice the learning rate costs
0.3 % of the loss, twice the batch .2 %, and the two are correlated. The noise of a run is normal, relative.

Beside it, the way of Step Law's own tool (github.com/step-law/steplaw, code/fit_tool.py): ordinary least squares through all runs within .25 % of the lowest of
their pair, and a bootstrap of those runs.

Printed for each design: the share of 95 % intervals that hold the truth, for each exponent; their median width; the same for the loss of
the frontier at ± 2 standard errors; how much too low the lowest runs are, and the frontier; seconds of processor time for one table. The root mean square error of the
exponents of the learning rate, here and by Step Law's way, and the share of its intervals that hold them.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from tqdm import tqdm

import quokka_laws as ql

LR, BATCH = (1.79, -0.713, 0.307), (0.58, 0.0, 0.571)
STEEP_LR, STEEP_BATCH, TOGETHER = 0.012, 0.008, -0.5
STEP = 0.5 * np.log(2.0)
SIZES = np.array([6e7, 1.2e8, 2.1e8, 2.7e8, 4.3e8, 5.4e8, 1.07e9])
REFITS = 400
COUNT = 200


@dataclass(frozen=True)
class Design:
    """What a table is like.

    Parameters
    ----------
    name : str
    noise : float
        Of ln(loss).
    scatter : float
        Of the optimum of a pair about the law, as a logarithm.
    lopsided : float
        Cubic term of the learning rate.
    shift : float
        How far the grid of learning rates lies below the optimum of the law, at most, in logarithms: optima at and beyond its edge.
    corner : bool
        Whether the runs with large learning rates and small batches are missing, as those that diverged.
    cells : int
    """

    name: str
    noise: float = 0.002
    scatter: float = 0.0
    lopsided: float = 0.0
    shift: float = 0.0
    corner: bool = False
    cells: int = 17


DESIGNS = (
    Design("plain"),
    Design("little noise", noise=0.0005),
    Design("much noise", noise=0.006),
    Design("optima scatter", scatter=0.12),
    Design("lopsided", lopsided=0.0015),
    Design("optima at the edge", shift=2.4),
    Design("optima at the edge, much noise", shift=2.4, noise=0.006),
    Design("optima at the edge, scatter", shift=2.4, scatter=0.12),
    Design("missing corner", corner=True),
    Design("missing corner, much noise", corner=True, noise=0.006),
    Design("nine pairs, scatter", cells=9, scatter=0.12),
)


def simulate(design: Design, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Runs, and the true lowest loss of each pair."""
    rng = np.random.default_rng([seed, len(design.name)])
    tables, truths = [], []
    for i in range(design.cells):
        N = SIZES[i % len(SIZES)]
        D = N * (8.0, 30.0, 90.0)[i // len(SIZES)] * rng.uniform(0.8, 1.25)
        own = design.scatter * rng.standard_normal(2)
        best_lr = np.log(LR[0]) + LR[1] * np.log(N) + LR[2] * np.log(D) + own[0]
        best_batch = np.log(BATCH[0]) + BATCH[2] * np.log(D) + own[1]
        batches = int(rng.integers(5, 11))
        away = rng.uniform(0.0, design.shift)
        lr = _grid(best_lr - own[0] - away, 12)
        batch = _grid(best_batch - own[1] + rng.uniform(-0.3, 0.3), batches)
        z = np.stack([v.ravel() for v in np.meshgrid(lr, batch)])
        x, y = z[0] - best_lr, z[1] - best_batch
        if design.corner:
            there = x - y < 1.6
            z, x, y = z[:, there], x[there], y[there]
        cross = TOGETHER * np.sqrt(STEEP_LR * STEEP_BATCH) * x * y
        height = 0.5 * (STEEP_LR * x**2 + STEEP_BATCH * y**2) + cross + design.lopsided * x**3 * (x > -2.5)
        floor = 1.7 + 400.0 / N**0.34 + 410.0 / D**0.28
        loss = floor * np.exp(height + design.noise * rng.standard_normal(len(x)))
        tables.append(pd.DataFrame({"N": N, "D": D, "lr": np.exp(z[0]), "batch_tokens": np.exp(z[1]), "loss": loss}))
        truths.append({"N": N, "D": D, "loss": floor})
    return pd.concat(tables, ignore_index=True), pd.DataFrame(truths)


def _grid(about: float, count: int) -> np.ndarray:
    """Logarithms of values a factor √2 apart, the same everywhere."""
    first = np.round(about / STEP) - count // 2
    return (first + np.arange(count)) * STEP


def near_lowest(runs: pd.DataFrame, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Exponents of the learning rate in N and D by least squares through the runs near the lowest, and their 95 % intervals."""
    lowest = runs.groupby(["N", "D"])["loss"].transform("min")
    near = np.log(runs.loc[runs["loss"] < 1.0025 * lowest, ["N", "D", "lr"]].to_numpy())
    x, y = np.column_stack([np.ones(len(near)), near[:, :2]]), near[:, 2]
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(REFITS):
        rows = rng.integers(len(y), size=len(y))
        draws.append(np.linalg.lstsq(x[rows], y[rows], rcond=None)[0][1:])
    return np.linalg.lstsq(x, y, rcond=None)[0][1:], np.percentile(draws, [2.5, 97.5], axis=0)


def judge(design: Design, count: int) -> dict[str, float | str]:
    """One line of the table."""
    truth = {("lr", "N"): LR[1], ("lr", "D"): LR[2], ("batch_tokens", "N"): BATCH[1], ("batch_tokens", "D"): BATCH[2]}
    held: dict[tuple[str, str], list[bool]] = {k: [] for k in truth}
    widths: dict[tuple[str, str], list[float]] = {k: [] for k in truth}
    inside, too_low, off, used, lawful = [], [], [], [], []
    errors, other_errors, other_held = [], [], []
    true = np.array(LR[1:])
    seconds = 0.0
    for seed in tqdm(range(count), desc=design.name, leave=False):
        runs, best = simulate(design, seed)
        began = time.process_time()
        fit = ql.fit_hyperparameters(runs, over=["lr", "batch_tokens"], bootstrap=REFITS, seed=seed)
        lawful.append(fit.has_law)
        seconds += time.process_time() - began
        other, (low, high) = near_lowest(runs, seed)
        other_errors.append(other - true)
        other_held.append((low <= true) & (true <= high))
        if fit.has_law:
            errors.append(fit.values["lr"][1:] - true)
        for k, value in truth.items() if fit.has_law else ():
            row = fit.coefficients.loc[k]
            held[k].append(bool(row["lower"] <= value <= row["upper"]))
            widths[k].append(float(row["upper"] - row["lower"]))
        at = fit.frontier.merge(best, on=["N", "D"], suffixes=("", "_true"))
        away = at["loss"] / at["loss_true"] - 1.0
        inside.append(float((away.abs() <= 2.0 * at["loss_error"] / at["loss"]).mean()))
        off.append(float(away.mean()))
        lowest = fit.cells.merge(best, on=["N", "D"], suffixes=("", "_true"))
        too_low.append(float((lowest["lowest"] / lowest["loss_true"] - 1.0).mean()))
        used.append(float((fit.cells["state"] == "inside").mean()))
    line: dict[str, float | str] = {"design": design.name}
    line |= {f"{h[:2]} {k}": float(np.mean(v)) for (h, k), v in held.items()}
    line |= {f"width {h[:2]} {k}": float(np.median(v)) for (h, k), v in widths.items()}
    line |= {"law": float(np.mean(lawful)), "inside": float(np.mean(used)), "frontier": float(np.mean(inside))}
    line |= {"frontier off %": 100 * float(np.mean(off)), "lowest off %": 100 * float(np.mean(too_low))}
    rms, other_rms = (np.sqrt(np.mean(np.square(e), axis=0)) for e in (errors, other_errors))
    line |= {"rms lr N": rms[0], "rms lr D": rms[1], "near: rms lr N": other_rms[0], "near: rms lr D": other_rms[1]}
    line |= dict(zip(("near: lr N", "near: lr D"), np.mean(other_held, axis=0), strict=True))
    return line | {"seconds": seconds / count}


def main(count: int, only: str = "") -> None:
    """Print one line per design."""
    lines = []
    for design in DESIGNS:
        if only in design.name:
            lines.append(judge(replace(design), count))
            print(
                pd.DataFrame(lines[-1:]).to_string(index=False, header=len(lines) == 1, float_format="{:.3f}".format),
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT, sys.argv[2] if len(sys.argv) > 2 else "")
