"""Our fit and bootstrap against scipy on the same rows and objective, in one run, as ratios of processor time.

    python benchmarks/fit_speed.py [path of Epoch's svg_extracted_data.csv | quokka]

Without an argument, Epoch's table is fetched; where that fails, and with `quokka`, the shipped Quokka runs are used.
Timings of a few starts and refits are extrapolated to the full counts, and said to be. What a bootstrap is for is the
spread it finds: that of the exponent a of N_opt ∝ C^a is printed for every optimiser, on the same resamples.
"""

from __future__ import annotations

import itertools
import resource
import subprocess
import sys
import time

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

import quokka_laws as ql
from quokka_laws.fitting.bootstrap import resample_weights

LAW, DELTA = ql.laws.Chinchilla(), 1e-3
STARTS_TIMED, REFITS_TIMED, REFITS, CHECKED = 100, 200, 4000, 40


def load() -> tuple[object, str]:
    """Rows to fit and what they are."""
    if sys.argv[1:] == ["quokka"]:
        return ql.datasets.load_quokka_isoflops(), "Quokka, 87 runs"
    if len(sys.argv) > 1:
        runs = ql.datasets.read_epoch_chinchilla(sys.argv[1])
    else:
        try:
            runs = ql.datasets.fetch_epoch_chinchilla()
        except ql.QuokkaError:
            return ql.datasets.load_quokka_isoflops(), "Quokka, 87 runs"
    return ql.check_runs(runs.sort_values("loss", kind="stable").iloc[:-5].reset_index(drop=True)), "Epoch, 240 runs"


def scipy_objective(runs: object):
    """The usual notebook: log-sum-exp of three terms, Huber, numerical gradient left to scipy."""
    log_N, log_D, log_L = (np.log(runs[k].to_numpy()) for k in ("N", "D", "loss"))

    def value(theta: np.ndarray, weights: np.ndarray) -> float:
        a, b, e, alpha, beta = theta
        terms = np.stack([a - alpha * log_N, b - beta * log_D, np.full_like(log_N, e)])
        r = np.abs(logsumexp(terms, axis=0) - log_L)
        return float((weights * np.where(r <= DELTA, 0.5 * r * r, DELTA * (r - 0.5 * DELTA))).sum())

    return value


def main() -> None:
    """Print one line per measurement."""
    runs, what = load()
    value, ones = scipy_objective(runs), np.ones(len(runs))
    print(f"rows: {what}; LogHuber({DELTA}); one process")

    ql.fit(LAW, runs)  # imports and caches
    seconds = []
    for _ in range(5):
        begun = time.process_time()
        fit = ql.fit(LAW, runs)
        seconds.append(time.process_time() - begun)
    ours = float(np.median(seconds))

    grid = list(
        itertools.product(
            range(0, 30, 5), range(0, 30, 5), (-1, -0.5, 0, 0.5, 1), np.arange(0, 2.5, 0.5), np.arange(0, 2.5, 0.5)
        )
    )
    picked = [grid[i] for i in np.random.default_rng(0).choice(len(grid), STARTS_TIMED, replace=False)]
    begun = time.process_time()
    found = [minimize(value, start, args=(ones,), method="L-BFGS-B") for start in picked]
    loop = (time.process_time() - begun) / STARTS_TIMED * len(grid)
    best = min(f.fun for f in found)
    print(
        f"fit: {1e3 * ours:.1f} ms; scipy L-BFGS-B over {len(grid)} starts: {loop:.0f} s extrapolated from {STARTS_TIMED}; "
        f"ratio {loop / ours:,.0f}. objective {fit.objective_value:.12g}, scipy's best of {STARTS_TIMED} {best:.12g}"
    )

    begun = time.process_time()
    booted = ql.fit(LAW, runs, bootstrap=REFITS, seed=0)
    ours_boot = time.process_time() - begun - ours
    weights = resample_weights(len(runs), REFITS, seed=0)
    theta = np.array(
        [
            np.log(fit.values["A"]),
            np.log(fit.values["B"]),
            np.log(fit.values["E"]),
            fit.values["alpha"],
            fit.values["beta"],
        ]
    )
    print(f"bootstrap: {REFITS} refits {ours_boot:.2f} s, {booted.bootstrap['converged']} converged")
    for method in ("BFGS", "L-BFGS-B"):
        begun = time.process_time()
        theirs = [minimize(value, theta, args=(w,), method=method) for w in weights[:REFITS_TIMED]]
        loop_boot = (time.process_time() - begun) / REFITS_TIMED * REFITS
        points = [_point(row) for row in booted.draws.head(REFITS_TIMED).itertuples(index=False)]
        mine = [value(point, w) for w, point in zip(weights, points, strict=False)]
        gap = np.array([t.fun / m - 1 for t, m in zip(theirs, mine, strict=True)])
        print(
            f"  scipy {method}, one start each: {loop_boot:.0f} s extrapolated from {REFITS_TIMED}; ratio {loop_boot / ours_boot:,.0f}; "
            f"{np.mean(gap > 1e-6):.0%} of its refits end more than 1e-6 above ours, median gap {np.median(gap):.1e}; "
            f"standard deviation of a {_spread([t.x for t in theirs]):.4f}, ours {_spread(points):.4f}"
        )

    gaps, losses = [], 0
    for w, row, their in zip(weights[:CHECKED], booted.draws.itertuples(index=False), theirs, strict=False):
        cold = ql.fit(LAW, runs.assign(weight=w), n_starts=25)  # the known optimum of a resample: 50 cold solves
        mine = value(_point(row), w)
        gaps.append(mine / cold.objective_value - 1)
        losses += their.fun < mine * (1 - 1e-9)
    print(
        f"resamples checked {CHECKED}: largest relative gap to the best of 50 cold solves {max(gaps):.1e}; scipy better in {losses}"
    )

    rng = np.random.default_rng(0)
    N, D = np.exp(rng.uniform(16, 24, 23_000)), np.exp(rng.uniform(20, 28, 23_000))
    big = ql.read_runs(_frame(N, D, fit(N=N, D=D) * np.exp(0.01 * rng.standard_normal(len(N)))))
    begun = time.process_time()
    ql.fit(LAW, big)
    one = time.process_time() - begun
    begun = time.process_time()
    ql.fit(LAW, big, bootstrap=1000)
    print(f"23,000 rows: fit {one:.2f} s, with 1,000 refits {time.process_time() - begun:.1f} s")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    print(import_time())


def _point(row) -> np.ndarray:
    """A row of draws in scipy's coordinates."""
    return np.array([np.log(row.A), np.log(row.B), np.log(row.E) if row.E > 0 else -745.0, row.alpha, row.beta])


def _spread(points: list[np.ndarray]) -> float:
    """Standard deviation over refits of a = beta / (alpha + beta)."""
    return float(np.std([beta / (alpha + beta) for *_, alpha, beta in points], ddof=1))


def _frame(N: np.ndarray, D: np.ndarray, loss: np.ndarray):
    import pandas as pd

    return pd.DataFrame({"N": N, "D": D, "loss": loss})


def import_time() -> str:
    """Seconds to import the package beyond numpy, pandas and lmfit, best of seven processes each."""

    def seconds(modules: str) -> float:
        code = f"import time; t = time.process_time(); import {modules}; print(time.process_time() - t)"
        runs = [
            float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
            for _ in range(7)
        ]
        return min(runs)

    base, whole = seconds("numpy, pandas, lmfit"), seconds("numpy, pandas, lmfit, quokka_laws")
    return f"import: {whole:.2f} s, of which numpy, pandas and lmfit {base:.2f} s; ours {whole - base:.2f} s"


if __name__ == "__main__":
    main()
