"""Time and memory of a fit with its refits for tables of 10² to 10⁶ rows: checkpoints of up to 500 runs.

    python benchmarks/scale.py [--workers 2] [--refits 1000] [--rows 100 1000 …]

Every table is fitted in a process of its own, so that its peak memory is its own. Processor time counts all workers.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd

import quokka_laws as ql

RUNS = 500
SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)


def checkpoints(rows: int, seed: int = 0) -> pd.DataFrame:
    """Runs whose losses share .8 % of noise, and whose checkpoints have .4 % of their own; below 500 rows each is a run."""
    rng = np.random.default_rng(seed)
    runs = min(RUNS, rows)
    each = rows // runs
    N = np.exp(rng.uniform(np.log(1e7), np.log(1e10), runs))
    last = N * np.exp(rng.uniform(np.log(5), np.log(200), runs))
    along = np.linspace(0.05, 1, each) if each > 1 else np.ones(1)
    size, D = np.repeat(N, each), (last[:, None] * along).ravel()
    noise = np.repeat(rng.normal(0, 0.008, runs), each) + rng.normal(0, 0.004, runs * each)
    loss = (1.8 + 480 / size**0.35 + 2100 / D**0.37) * np.exp(noise)
    names = np.repeat([f"run-{i}" for i in range(runs)], each)
    return pd.DataFrame({"run_id": names, "N": size, "D": D, "loss": loss})


def processor() -> float:
    """Seconds of this process and of workers that have ended."""
    return sum(time.process_time() if who is None else who.ru_utime + who.ru_stime for who in (None, _children()))


def _children() -> resource.struct_rusage:
    return resource.getrusage(resource.RUSAGE_CHILDREN)


def measure(rows: int, refits: int, workers: int) -> dict[str, float]:
    """Seconds and peak memory of reading, of the bare fit and of the fit with its refits."""
    table = checkpoints(rows)
    ql.fit("chinchilla", ql.datasets.load_quokka_isoflops())  # imports
    wall, begun = time.perf_counter(), processor()
    runs = ql.read_runs(table)
    read = processor()
    ql.fit("chinchilla", runs)
    bare = processor()
    bare_wall = time.perf_counter()
    fit = ql.fit("chinchilla", runs, bootstrap=refits, workers=workers)
    done = time.perf_counter()
    if workers != 1:
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(wait=True)  # so that its processor time is counted
    return {
        "rows": rows,
        "read_s": read - begun,
        "fit_s": bare - read,
        "with_refits_s": processor() - bare,
        "with_refits_wall_s": done - bare_wall,
        "all_wall_s": done - wall,
        "converged": int(fit.bootstrap["converged"]),
        "peak_GiB": (
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + (workers != 1) * workers * _children().ru_maxrss
        )
        / 2**20,
    }


def main() -> None:
    """One line for each number of rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--refits", type=int, default=1000)
    parser.add_argument("--rows", type=float, nargs="+", default=SIZES)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(int(given.rows[0]), given.refits, given.workers)))
        return
    print(f"{given.refits} refits by run, {given.workers} worker(s); seconds of processor, and of the clock")
    for rows in given.rows:
        options = ["--one", "--rows", str(rows), "--refits", str(given.refits), "--workers", str(given.workers)]
        done = subprocess.run([sys.executable, __file__, *options], capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        print(
            ", ".join(f"{k} {v:.3g}" if k not in ("rows", "converged") else f"{k} {v}" for k, v in found.items()),
            flush=True,
        )


if __name__ == "__main__":
    main()
