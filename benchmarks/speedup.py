"""How often 90 % intervals of a speed-up hold the true multiplier, by design, and how wide they are.

python benchmarks/speedup.py [tables of each]      # 100; some ten minutes of processor time

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
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
