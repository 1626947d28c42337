"""Final losses forecast from unfinished curves: simulated runs of three schedules, and runs of the reference trainer.

    python benchmarks/curves.py [--tables 40]     # simulated
    python benchmarks/curves.py --trained         # the trainer's (data/curves), from 30 % on, into docs/how-to/plan-from-curves.md

Simulated: the multi-power law of each size (arXiv 2503.12811) with Chinchilla's terms, correlated noise within a run, an offset between runs;
3 or 6 runs of one schedule, the largest unfinished. Neither the gain, which grows with N here, nor the time that it takes is the
fitted law's own. Trained: ``benchmarks/curve_runs.py`` made them; each run in turn is forecast from its first part, beside what is said of it
without other runs.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

import quokka_laws as ql
from quokka_laws._typing import Array

SIZES = {3: (3e7, 8e7, 2e8), 6: (3e7, 5e7, 8e7, 1.2e8, 1.8e8, 2.7e8)}
SHARES = (0.2, 0.3, 0.5)
SCORES = ("error", "held", "width")
TRAINED = Path(__file__).parents[1] / "data" / "curves" / "runs.csv.gz"
FEWEST_FINISHED = 2  # runs that a forecast leans on
SEEDS = 3  # of a dozen of trained runs: one a schedule
PAGE, BEGIN, END = (
    Path(__file__).parents[1] / "docs" / "how-to" / "plan-from-curves.md",
    "<!-- trained -->\n",
    "<!-- end of trained -->",
)
SETTLED = 0.1  # of the planned tokens: before, no power law holds
GAIN, PEAK, C, BETA, GAMMA = 400.0, 3e-4, 2.1, 0.59, 0.64


def curve(N: float, D: float, schedule: str, rng: np.random.Generator, steps: int) -> tuple[pd.DataFrame, float]:
    """One run's log and its final loss without noise within the run."""
    at = np.unique(np.linspace(0.01 * steps, steps - 1, 200).astype(int))
    rate = ql.schedules.relative_rate(schedule, np.arange(steps) / steps)
    warm = max(20, steps // 100)
    rate[:warm] = np.arange(1, warm + 1) / warm
    smooth = 1.8 + 480.0 / N**0.347 + 2100.0 / (np.cumsum(rate) * D / steps) ** 0.367
    lr = np.maximum(rate * PEAK, 1e-9)
    total, fell = np.cumsum(lr), np.maximum(lr[:-1] - lr[1:], 0.0)
    where = np.flatnonzero(fell > 0)
    gain = np.zeros(len(at))
    for i, t in enumerate(at):
        k = where[where < t]
        gain[i] = (fell[k] * (1.0 - (1.0 + C * lr[k + 1] ** -GAMMA * (total[t] - total[k])) ** -BETA)).sum()
    noise = np.zeros(len(at))
    for i in range(1, len(at)):
        noise[i] = 0.8 * noise[i - 1] + 0.0024 * rng.standard_normal()
    clean = np.log(smooth[at] - GAIN * (N / 1e8) ** 0.13 * gain) + 0.002 * rng.standard_normal()
    log = pd.DataFrame(
        {"N": N, "D": (at + 1) / steps * D, "lr": rate[at] * PEAK, "loss": np.exp(clean + noise), "D_final": D}
    )
    return log, float(np.exp(clean[-1]))


def table(schedule: str, count: int, seed: int) -> tuple[pd.DataFrame, str, float]:
    """Logs of runs, the name of the largest, and its final loss."""
    rng = np.random.default_rng(seed)
    logs, end = [], 0.0
    for i, N in enumerate(SIZES[count]):
        tokens = 20.0 * rng.choice([1.0, 2.0])
        log, end = curve(N, tokens * N, schedule, rng, int(200 * tokens))
        logs.append(log.assign(run_id=f"run {i}"))
    return pd.concat(logs, ignore_index=True), f"run {len(logs) - 1}", end


def simulated(tables: int) -> pd.DataFrame:
    """One row a forecast."""
    rows = []
    for schedule in ("cosine", "wsd", "constant"):
        for count in SIZES:
            for seed in range(tables):
                logs, largest, truth = table(schedule, count, seed)
                for share in SHARES:
                    known = logs[(logs["run_id"] != largest) | (logs["D"] <= share * logs["D_final"])]
                    begun = time.process_time()
                    found = ql.fit_curves(known).forecast().iloc[0]
                    rows.append((schedule, f"{count} runs", share, *_scored(found, truth), time.process_time() - begun))
    return pd.DataFrame(rows, columns=["schedule", "runs", "share", "error", "held", "width", "seconds"])


def sizes_from_logs(tables: int) -> pd.DataFrame:
    """Error of ln N at 100 times the largest compute: from 3 or 6 logs, and from 30 final losses of cosine runs."""
    rows = []
    best = _best_size(480.0, 0.347, 2100.0, 0.367, 1e22)
    for seed in range(tables):
        for count in SIZES:
            found = ql.fit_curves(table("cosine", count, seed)[0]).final_law()
            rows.append((f"{count} logs", np.log(ql.plan.compute_optimal(found, 1e22, level=None)["N"].iloc[0] / best)))
        rng = np.random.default_rng(seed)
        ends = []
        for N in np.geomspace(3e7, 2.7e8, 6):
            for ratio in (10, 20, 40, 60, 80):
                ends.append(
                    (
                        N,
                        ratio * N,
                        curve(N, ratio * N, "cosine", rng, 100 * ratio)[1] * np.exp(0.004 * rng.standard_normal()),
                    )
                )
        runs = ql.check_runs(pd.DataFrame(ends, columns=["N", "D", "loss"]))
        fit = ql.fit(ql.laws.Chinchilla(), runs, objective="auto")
        rows.append(("30 final losses", np.log(ql.plan.compute_optimal(fit, 1e22, level=None)["N"].iloc[0] / best)))
    return pd.DataFrame(rows, columns=["from", "error"])


def _best_size(A: float, alpha: float, B: float, beta: float, C: float) -> float:
    return float(((alpha * A / (beta * B)) * (C / 6.0) ** beta) ** (1.0 / (alpha + beta)))


def trained(runs: pd.DataFrame, share: float) -> pd.DataFrame:
    """One row a run, a set of finished runs and a method: what the end is forecast as from the first part of the run.

    Sets, of the same dozen: every other run; those of its schedule; those of its schedule that cost less, as in a ladder that is
    trained upwards.
    """
    return pd.concat([_dozen(own, share) for _, own in runs.groupby(runs["seed"] // SEEDS)])


def _dozen(runs: pd.DataFrame, share: float) -> pd.DataFrame:
    rows = []
    ends = runs.groupby("run_id", sort=False).last()
    for name, own in runs.groupby("run_id", sort=False):
        begun, end = own[own["D"] <= share * own["D_final"] * (1 + 1e-9)], float(own["loss"].iloc[-1])
        alike = ends[(ends["schedule"] == own["schedule"].iloc[0]) & (ends.index != name)]
        cheaper = alike[alike["N"] * alike["D"] < ends.at[name, "N"] * ends.at[name, "D"]]
        row = {"run": name, "schedule": own["schedule"].iloc[0], "share": share}
        for finished, names in {
            "all others": ends.index.drop(name),
            "its schedule": alike.index,
            "cheaper": cheaper.index,
        }.items():
            if len(names) >= FEWEST_FINISHED:
                known = pd.concat([runs[runs["run_id"].isin(names)], begun])
                row |= {"finished": finished, "runs": len(names)}
                found = (
                    ql.fit_curves(known[["run_id", "N", "D", "D_final", "schedule", "lr", "loss"]]).forecast().iloc[0]
                )
                rows.append({**row, "method": "fit_curves", **dict(zip(SCORES, _scored(found, end), strict=True))})
        for method, said in naive(begun, float(own["D_final"].iloc[0])).items():
            rows.append({**row, "finished": "none", "runs": 0, "method": method, "error": float(np.log(said / end))})
    return pd.DataFrame(rows)


def naive(begun: pd.DataFrame, D_final: float) -> dict[str, float]:
    """What is said without other runs: the last loss, and a power law of the tokens through the curve so far."""
    D, loss = (begun.loc[begun["D"] >= SETTLED * D_final, c].to_numpy() for c in ("D", "loss"))
    line = np.polyfit(np.log(D), np.log(loss), 1)
    bent = least_squares(
        lambda x: np.log(x[0] + np.exp(x[1] - x[2] * np.log(D / D[-1]))) - np.log(loss),
        [0.7 * loss[-1], np.log(0.3 * loss[-1]), 0.5], bounds=([0.0, -10.0, 0.0], [loss[-1], 10.0, 3.0]),
    ).x  # fmt: skip
    return {
        "last loss": float(loss[-1]),
        "power law": float(np.exp(np.polyval(line, np.log(D_final)))),
        "power law with a floor": float(bent[0] + np.exp(bent[1] - bent[2] * np.log(D_final / D[-1]))),
    }


def _scored(found: pd.Series, truth: float) -> tuple[float, bool, float]:
    error = float(np.log(found["loss"] / truth))
    return (
        error,
        bool(found["loss_lower"] <= truth <= found["loss_upper"]),
        float(np.log(found["loss_upper"] / found["loss_lower"])),
    )


def shown(found: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Errors, coverage and widths as text."""
    groups = found.groupby(by, sort=False)
    return pd.DataFrame(
        {
            "forecasts": groups.size(),
            "error rms": groups["error"].agg(_rms).map("{:.2%}".format),
            "largest": groups["error"].agg(lambda e: e.abs().max()).map("{:.2%}".format),
            "within 1 %": groups["error"].agg(lambda e: (e.abs() < 0.01).mean()).map("{:.0%}".format),
            "95 % interval held": groups["held"].agg(lambda h: f"{h.mean():.0%}" if h.notna().all() else "–"),
            "its width": groups["width"].agg(lambda w: f"{w.median():.2%}" if w.notna().all() else "–"),
        }
    )


def write(found: pd.DataFrame) -> None:
    """The table of trained runs, on the terminal and in the page."""
    text = shown(found.sort_values("runs", ascending=False, kind="stable"), ["method", "finished"]).reset_index()
    lines = [
        "| " + " | ".join(map(str, row)) + " |" for row in [text.columns, ["---"] * len(text.columns), *text.to_numpy()]
    ]
    table = "\n".join(lines) + "\n"
    print(table)
    page = PAGE.read_text(encoding="utf-8")
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tables", type=int, default=40)
    parser.add_argument("--trained", action="store_true")
    options = parser.parse_args()
    if options.trained:
        write(trained(pd.read_csv(TRAINED), 0.3))
        return
    found = simulated(options.tables)
    print(shown(found, ["schedule", "runs", "share"]).to_string())
    print(f"processor time of a forecast with its hindcasts: {found['seconds'].median():.2f} s")
    print("\nError of ln N at 1e22 FLOPs (rms)")
    print(
        sizes_from_logs(max(options.tables // 2, 5)).groupby("from")["error"].agg(_rms).map("{:.3f}".format).to_string()
    )


if __name__ == "__main__":
    main()
