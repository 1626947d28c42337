"""Time and objective beside other tools, on the same rows and with the same objective; and what a person waits for here.

    python benchmarks/peers.py [--epoch svg_extracted_data.csv] [--starts 40]

Processor time of this process; the objective is Hoffmann's, the sum of Huber(1e-3) of log-residuals, evaluated here for the coefficients
that each tool ends with. Tools that are not installed are skipped and said to be: ``pip install chinchilla``, ``pip install
simple-scaling-laws`` (Python 3.12), vpnls from github.com/Open-Athena/vpnls. None is a dependency of this project.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import logsumexp

import quokka_laws as ql

DELTA = 1e-3
GRID = list(
    itertools.product(
        range(0, 30, 5), range(0, 30, 5), (-1, -0.5, 0, 0.5, 1), np.arange(0, 2.5, 0.5), np.arange(0, 2.5, 0.5)
    )
)
"""Hoffmann's starts for ln A, ln B, ln E, alpha, beta."""


def objective(runs: pd.DataFrame, v: dict[str, float]) -> float:
    """Sum of Huber(1e-3) of log-residuals."""
    r = np.abs(
        np.log(v["E"] + v["A"] * runs["N"] ** -v["alpha"] + v["B"] * runs["D"] ** -v["beta"]) - np.log(runs["loss"])
    )
    return float(np.where(r <= DELTA, 0.5 * r * r, DELTA * (r - 0.5 * DELTA)).sum())


def ours(runs: pd.DataFrame, starts: int) -> tuple[dict[str, float], float, str]:
    """``ql.fit``."""
    del starts
    return ql.fit(ql.laws.Chinchilla(), runs).values, 1.0, ql.__version__


def notebook(runs: pd.DataFrame, starts: int) -> tuple[dict[str, float], float, str]:
    """L-BFGS-B from Hoffmann's grid with numerical gradients; a part of the grid is timed."""
    log_N, log_D, log_L = (np.log(runs[k].to_numpy(dtype=float)) for k in ("N", "D", "loss"))

    def value(theta: Any) -> float:
        a, b, e, alpha, beta = theta
        r = np.abs(logsumexp(np.stack([a - alpha * log_N, b - beta * log_D, np.full_like(log_N, e)]), axis=0) - log_L)
        return float(np.where(r <= DELTA, 0.5 * r * r, DELTA * (r - 0.5 * DELTA)).sum())

    chosen = np.random.default_rng(0).choice(len(GRID), min(starts, len(GRID)), replace=False)
    found = min((minimize(value, GRID[i], method="L-BFGS-B") for i in chosen), key=lambda f: f.fun)
    a, b, e, alpha, beta = found.x
    values = {"E": np.exp(e), "A": np.exp(a), "B": np.exp(b), "alpha": alpha, "beta": beta}
    return values, len(GRID) / len(chosen), importlib.metadata.version("scipy")


def chinchilla(runs: pd.DataFrame, starts: int) -> tuple[dict[str, float], float, str]:
    """The package ``chinchilla``: BFGS from a grid, here of 2 values a coefficient, in this process."""
    del starts
    core, metrics = importlib.import_module("chinchilla"), importlib.import_module("chinchilla._metrics")
    grid = {"E": (1.5, 2.5), "a": (5.0, 10.0), "b": (5.0, 10.0), "alpha": (0.3, 0.5), "beta": (0.3, 0.5)}
    with tempfile.TemporaryDirectory() as folder:
        tool = core.Chinchilla(
            folder,
            param_grid=grid,
            seed_ranges={"C": (1e18, 1e21), "N_to_D": (5, 100)},
            loss_fn=lambda a, b: metrics.log_huber(a, b, DELTA),
            log_level=40,
        )
        tool.database.df = runs[["C", "N", "D", "loss"]].astype(float)
        tool.fit(parallel=False)
    values = {name: float(getattr(tool, name)) for name in ("E", "A", "B", "alpha", "beta")}
    return values, 1.0, importlib.metadata.version("chinchilla")


def vpnls(runs: pd.DataFrame, starts: int) -> tuple[dict[str, float], float, str]:
    """vpnls: variable projection and a grid, of plain squares, which is its own objective."""
    del starts
    tool = importlib.import_module("vpnls")
    fit = tool.fit_vpnls(*(runs[k].to_numpy(dtype=float) / unit for k, unit in (("N", 1e6), ("D", 1e9), ("loss", 1.0))))
    scaled = {"E": fit.E, "A": fit.A * 1e6**fit.alpha, "B": fit.B * 1e9**fit.beta, "alpha": fit.alpha, "beta": fit.beta}
    return scaled, 1.0, importlib.metadata.version("vpnls")


def simple_scaling_laws(runs: pd.DataFrame, starts: int) -> tuple[dict[str, float], float, str]:
    """simple-scaling-laws: needs Python 3.12. Its own objective; two bootstrap draws, the fewest that leave the fit itself."""
    del starts
    tool = importlib.import_module("simple_scaling_laws")
    table = pd.DataFrame(
        {
            "training_run_id": [f"run_{i}" for i in range(len(runs))],
            "train_set_id": "train",
            "test_set_id": "test",
            "model_size__n_params": runs["N"].to_numpy(dtype=float),
            "dataset_size__n_tokens": runs["D"].to_numpy(dtype=float),
            "test_loss__cross_entropy": runs["loss"].to_numpy(dtype=float),
        }
    )
    polars = importlib.import_module("polars")
    fit = tool.fit(polars.from_dict(table.to_dict("list")), law="separable-power", n_draws=2)
    values = {k: float(v) for k, v in fit.params("test_loss__cross_entropy").items()}
    unit = {k: float(v["reference"]) for k, v in fit.observed_domain.items()}
    values["A"] *= unit["model_size__n_params"] ** values["alpha"]
    values["B"] *= unit["dataset_size__n_tokens"] ** values["beta"]
    return values, 1.0, importlib.metadata.version("simple-scaling-laws")


TOOLS: dict[str, Callable[[pd.DataFrame, int], tuple[dict[str, float], float, str]]] = {
    "quokka-laws": ours,
    "notebook (scipy L-BFGS-B)": notebook,
    "chinchilla": chinchilla,
    "vpnls": vpnls,
    "simple-scaling-laws": simple_scaling_laws,
}


def compared(runs: pd.DataFrame, starts: int) -> pd.DataFrame:
    """One row a tool."""
    rows = []
    for name, tool in TOOLS.items():
        try:
            begun = time.process_time()
            values, times, version = tool(runs, starts)
        except (ImportError, importlib.metadata.PackageNotFoundError) as error:
            rows.append((name, "–", np.nan, np.nan, f"skipped: {error}"))
            continue
        seconds = (time.process_time() - begun) * times
        rows.append(
            (name, version, seconds, objective(runs, values), "" if times == 1 else f"extrapolated ×{times:.0f}")
        )
    return pd.DataFrame(rows, columns=["tool", "version", "seconds", "objective", "remark"]).set_index("tool")


def waits(runs: pd.DataFrame) -> pd.DataFrame:
    """What a person waits for, in seconds of processor time, beside the goals."""
    law = ql.laws.Chinchilla()
    nine = runs.iloc[np.linspace(0, len(runs) - 1, 9).astype(int)].reset_index(drop=True)
    nine.attrs = runs.attrs
    asked: dict[str, tuple[Callable[[], object], float]] = {
        "fit": (lambda: ql.fit(law, runs), 0.04),
        "fit, 1,000 refits": (lambda: ql.fit(law, runs, bootstrap=1000), 0.5),
        "average": (lambda: ql.average(None, runs), 2.0),
        "compare, no bootstrap": (lambda: ql.compare(None, runs, bootstrap=0), 2.0),
        "compare, 200 refits a split": (lambda: ql.compare(None, runs), 2.0),
        "9 rows, 300 refits": (lambda: ql.fit(law, nine, bootstrap=300), 0.2),
    }
    rows = {}
    for name, (call, goal) in asked.items():
        begun = time.process_time()
        call()
        rows[name] = (time.process_time() - begun, goal)
    return pd.DataFrame(rows, index=["seconds", "goal"]).T


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epoch", type=Path)
    parser.add_argument("--starts", type=int, default=40)
    options = parser.parse_args()
    quokka = ql.datasets.load_quokka_isoflops()
    ql.fit(ql.laws.Chinchilla(), quokka, bootstrap=10)  # imports and caches
    tables = {"Quokka, 87 runs": quokka}
    if options.epoch is not None:
        runs = ql.datasets.read_epoch_chinchilla(options.epoch).sort_values("loss", kind="stable").iloc[:-5]
        tables["Epoch, 240 runs"] = ql.check_runs(runs.reset_index(drop=True))
    for name, runs in tables.items():
        found = compared(runs, options.starts)
        found["objective"] = found["objective"].map("{:.9g}".format)
        print(f"{name}\n{found.to_string(float_format='{:.3g}'.format)}\n")
    print(f"What a person waits for, 87 runs\n{waits(quokka).to_string(float_format='{:.3g}'.format)}")


if __name__ == "__main__":
    main()
