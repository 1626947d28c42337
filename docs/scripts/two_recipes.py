"""docs/how-to/two-recipes.csv: a table as W&B exports it, of a learning-rate sweep of two recipes. Synthetic, seeded.

    python docs/scripts/two_recipes.py

Losses follow 1.7 + 400/N^0.34 + 410/D^0.28, those of recipe B at 1.3 times the compute. The best learning rate is
0.002·(N/1e8)^-0.35 for A and 1.5 times that for B; a factor two off it costs 1.2 % of the loss. Noise .2 %.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

TABLE = Path(__file__).parents[1] / "how-to" / "two-recipes.csv"
SIZES, RATIOS, FACTORS = (1.2e8, 2.4e8, 4.8e8, 9.6e8, 1.92e9), (10, 50), (0.25, 0.5, 1.0, 2.0, 4.0)


def table() -> pd.DataFrame:
    """A row a run, with the columns of an export of W&B's table of runs."""
    rng = np.random.default_rng(11)
    rows = []
    for recipe, gain, shift in (("A", 1.0, 1.0), ("B", 1.3, 1.5)):
        for N in SIZES:
            for ratio in RATIOS:
                better = gain**0.5  # 1.3 times the compute, shared by N and D
                loss = 1.7 + 400 / (N * better) ** 0.34 + 410 / (N * ratio * better) ** 0.28
                best = shift * 0.002 * (N / 1e8) ** -0.35
                for factor in FACTORS:
                    lr = float(f"{0.0025 * (N / 1e8) ** -0.35 * factor:.2g}")
                    off = 0.012 * (np.log2(lr / best)) ** 2
                    diverged = factor == 4.0 and N == 1.92e9 and recipe == "A"
                    rows.append(
                        {
                            "Name": f"{recipe}-{N / 1e6:.0f}M-{ratio}x-lr{lr:g}",
                            "State": "crashed" if diverged else "finished",
                            "recipe": recipe,
                            "lr": lr,
                            "batch_tokens": 262144,
                            "n_params": int(N),
                            "tokens": int(N * ratio),
                            "val/loss": np.nan
                            if diverged
                            else round(loss * (1 + off) * np.exp(0.002 * rng.standard_normal()), 4),
                        }
                    )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    table().to_csv(TABLE, index=False)
    print(TABLE)
