"""How often 90 % intervals of a speed-up hold the true multiplier, by design, and how wide they are.

python benchmarks/speedup.py [tables of each]      # 100; a quarter of an hour of processor time
python benchmarks/speedup.py peer [tables of each] # 30; beside `compare` of simple-scaling-laws (Python 3.12), where it is installed

Two recipes at D = 20·N, each size once; the loss of both is ``1.7 + K·(m·C)^-0.17`` with m = 1 for the baseline. The noise of a run has a
standard deviation of 0.4 %. Paired: the same sizes, and 70 % of its variance is shared by the two runs of a size (data order,
initialisation, evaluation set). Unpaired: other sizes, nothing shared. Without pairing: the paired tables, ``pair=None``.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd
from tqdm import tqdm

import quokka_laws as ql

E, K, GAMMA = 1.7, 1500.0, 0.17
NOISE, SHARED = 0.004, 0.7
MULTIPLIERS, SIZES = (1.0, 1.05, 1.2, 2.0), (5, 9)
REFITS = 300
BUDGETS = (1e20, 1e22)
"""Within the runs, and ten times beyond the largest."""


def simulate(m: float, sizes: int, paired: bool, seed: int) -> pd.DataFrame:
    """One table of two recipes."""
    rng = np.random.default_rng([seed, sizes, int(paired), round(100 * m)])
    N = np.geomspace(3e7, 3e9, sizes)
    tables = []
    common = rng.standard_normal(sizes)
    for recipe, factor in (("A", 1.0), ("B", m)):
        size = N if paired or recipe == "A" else N * 1.2
        own = rng.standard_normal(sizes)
        noise = np.sqrt(SHARED) * common + np.sqrt(1.0 - SHARED) * own if paired else own
        loss = E + K * (factor * 6.0 * size * 20.0 * size) ** -GAMMA
        tables.append(
            pd.DataFrame({"recipe": recipe, "N": size, "D": 20.0 * size, "loss": loss * np.exp(NOISE * noise)})
        )
    return pd.concat(tables, ignore_index=True)


def truth(m: float, C: float) -> float:
    """Loss of the baseline less that of a recipe at one budget."""
    return K * C**-GAMMA * (1.0 - m**-GAMMA)


def peer_interval(runs: pd.DataFrame, C: float, seed: int) -> tuple[float, float]:
    """90 % interval of the same difference by simple-scaling-laws: a law of each recipe, their draws compared."""
    import polars
    import simple_scaling_laws

    models = {}
    for recipe, rows in runs.groupby("recipe"):
        table = {
            "training_run_id": [f"{recipe}{i}" for i in range(len(rows))],
            "test_set_id": ["all"] * len(rows),
            "model_size__n_params": rows["N"].to_numpy(),
            "test_loss__ce": rows["loss"].to_numpy(),
        }
        models[recipe] = simple_scaling_laws.fit(polars.DataFrame(table), n_draws=REFITS, seed=seed)
    points = {"model_size__n_params": [(C / 120.0) ** 0.5]}
    found = simple_scaling_laws.compare(models, points, reference="A", quantiles=[0.05, 0.5, 0.95])
    row = found.filter(polars.col("system") == "B").to_dicts()[0]
    return -row["difference__q950"], -row["difference__q050"]


def beside_peer(count: int) -> None:
    """Print coverage, width and time of the loss difference by both, at the same tables and budgets."""
    rows = []
    for sizes in SIZES:
        for paired in (True, False):
            held: dict[tuple[str, float], list[bool]] = {}
            widths: dict[tuple[str, float], list[float]] = {}
            spent = {"here": 0.0, "peer": 0.0}
            for seed in tqdm(range(count), desc=f"{sizes} sizes, paired {paired}", leave=False):
                runs = simulate(1.2, sizes, paired, seed)
                began = time.process_time()
                table = ql.speedup(runs, "recipe", "A", C=list(BUDGETS), bootstrap=REFITS, seed=seed).table
                spent["here"] += time.process_time() - began
                began = time.process_time()
                for C, row in zip(BUDGETS, table.itertuples(), strict=True):
                    for who, (low, high) in (
                        ("here", (row.loss_gain_lower, row.loss_gain_upper)),
                        ("peer", peer_interval(runs, C, seed)),
                    ):
                        held.setdefault((who, C), []).append(low <= truth(1.2, C) <= high)
                        widths.setdefault((who, C), []).append(high - low)
                spent["peer"] += (time.process_time() - began) / len(BUDGETS)
            for (who, C), inside in held.items():
                rows.append(
                    {
                        "sizes": sizes,
                        "paired": paired,
                        "by": who,
                        "C": C,
                        "difference": truth(1.2, C),
                        "coverage": np.mean(inside),
                        "width": np.median(widths[who, C]),
                        "seconds": spent[who] / count,
                    }
                )
            print(pd.DataFrame(rows[-2 * len(BUDGETS) :]).round(4).to_string(index=False), flush=True)


def main(count: int) -> None:
    """Print one line per design."""
    rows = []
    for sizes in SIZES:
        for design in ("paired", "without pairing", "unpaired"):
            for m in MULTIPLIERS if design != "without pairing" else MULTIPLIERS[2:3]:
                held, widths, first, began = [], [], [], time.process_time()
                for seed in tqdm(range(count), desc=f"{sizes} sizes, {design}, {m}", leave=False):
                    runs = simulate(m, sizes, design != "unpaired", seed)
                    pair = None if design == "without pairing" else "auto"
                    found = ql.speedup(runs, "recipe", "A", C=1e20, pair=pair, bootstrap=REFITS, seed=seed)
                    row = found.table.iloc[0]
                    held.append(row["multiplier_lower"] <= m <= row["multiplier_upper"])
                    widths.append(np.log(row["multiplier_upper"] / row["multiplier_lower"]))
                    first.append(found.taken == 0)
                rows.append(
                    {
                        "sizes": sizes,
                        "design": design,
                        "m": m,
                        "coverage": np.mean(held),
                        "width": np.exp(np.median(widths)) - 1.0,
                        "one multiplier": np.mean(first),
                        "seconds": (time.process_time() - began) / count,
                    }
                )
                print(pd.DataFrame(rows[-1:]).to_string(index=False, header=len(rows) == 1), flush=True)
    table = pd.DataFrame(rows)
    print(table.groupby(["sizes", "design"], sort=False)[["coverage", "width", "one multiplier", "seconds"]].mean())


if __name__ == "__main__":
    if sys.argv[1:2] == ["peer"]:
        beside_peer(int(sys.argv[2]) if len(sys.argv) > 2 else 30)
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
