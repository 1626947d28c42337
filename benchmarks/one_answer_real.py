"""The best size at dear budgets from the cheap ones, on two public sweeps: each budget's own parabola is the outcome.

python benchmarks/one_answer_real.py [folder of Epoch's table]     # Quokka's ships; Epoch's may not

Every budget from the fourth on is forecast from the runs below it. An outcome has an error of its own, which is added to the forecast's.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm

import quokka_laws as ql
from quokka_laws.exceptions import QuokkaError
from quokka_laws.fitting.budgets import group_budgets
from quokka_laws.fitting.isoflop_errors import Minima

LEVEL, FEWEST = 0.95, 15


def epoch(folder: Path) -> pd.DataFrame:
    """Epoch's digitised runs without the five highest losses."""
    table = pd.read_csv(folder / "svg_extracted_data.csv").dropna(subset=["Model Size", "Training FLOP", "loss"])
    runs = pd.DataFrame({"N": table["Model Size"], "C": table["Training FLOP"], "loss": table["loss"]})
    runs["D"] = runs["C"] / (6.0 * runs["N"])
    return ql.check_runs(runs.sort_values("loss").iloc[:-5].reset_index(drop=True))


def forecasts(runs: pd.DataFrame, tolerance: float) -> pd.DataFrame:
    """One row a pair of budgets: the last fitted and the one forecast; errors and whether the interval holds."""
    C = group_budgets(runs["C"].to_numpy(), tolerance)
    minima = Minima.of(np.log(runs["N"].to_numpy()), C, runs["loss"].to_numpy()[None])
    if minima is None:
        return pd.DataFrame()
    outcome = pd.DataFrame({"log_C": minima.log_C, "log_N": minima.log_N[0], "error": minima.error[0]}).dropna()
    rows = []
    for last in np.unique(C)[2:-1]:
        fitted = runs[last * (1 + 1e-9) >= C].reset_index(drop=True)
        dear = outcome[outcome["log_C"] > np.log(last) + 0.1]
        if len(fitted) < FEWEST or dear.empty:
            continue
        try:
            found = ql.consensus(fitted, np.exp(dear["log_C"].to_numpy()), level=LEVEL)
        except QuokkaError:
            continue
        z = norm.ppf(0.5 + 0.5 * LEVEL)
        for _, own in found.members.iterrows():
            rows.append(_row(last, own, own["method"], dear, z))
        for _, own in found.table.iterrows():
            rows.append(_row(last, own, "consensus", dear, z))
    return pd.DataFrame(rows)


def _row(last: float, own: pd.Series, method: str, dear: pd.DataFrame, z: float) -> dict[str, object]:
    target = dear.iloc[int(np.argmin(np.abs(dear["log_C"] - np.log(own["C"]))))]
    half = np.hypot(0.5 * np.log(own["N_upper"] / own["N_lower"]), z * target["error"])
    off = np.log(own["N"]) - target["log_N"]
    return {
        "fitted to": last,
        "C": own["C"],
        "method": method,
        "error": off,
        "held": abs(off) <= half,
        "width": 2 * half,
    }


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """By method: error, bias and width of ln N, and the share of outcomes held."""
    by = found.groupby("method")
    return pd.DataFrame(
        {
            "rmse": by["error"].apply(lambda e: np.sqrt(np.mean(e**2))),
            "bias": by["error"].mean(),
            "held": by["held"].mean(),
            "width": by["width"].median(),
        }
    )


def exponents(runs: pd.DataFrame, largest: Sequence[float]) -> pd.DataFrame:
    """How fast the best N grows with C, by Skaling's law fitted to the runs up to each of these budgets."""
    rows = []
    for C in largest:
        fit = ql.fit("skaling", runs[runs["C"] <= C].reset_index(drop=True), objective="auto")
        alpha, beta = fit.values["alpha"], fit.values["beta"]
        rows.append({"runs up to C": C, "runs": len(fit.runs), "N grows as C to the": beta / (alpha + beta)})
    return pd.DataFrame(rows)


def main() -> None:
    """Print errors, bias and coverage by method."""
    tables = {"quokka": (ql.datasets.load_quokka_isoflops(), 0.1)}
    if len(sys.argv) > 1:
        tables["epoch"] = epoch(Path(sys.argv[1])), 0.2
    for name, (runs, tolerance) in tables.items():
        found = forecasts(runs, tolerance)
        count = found.groupby("method").size().max()
        print(f"\n{name}: {count} forecasts of ln N\n{summary(found).round(3).to_string()}")


if __name__ == "__main__":
    main()
