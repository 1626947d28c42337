"""Layouts of a first sweep at equal cost, and how far D/N has to spread: by simulation, paired on the same truths.

python benchmarks/layouts.py [--total 2e20] [--repeats 100]

Every layout costs the same and is fitted by the same law; errors are means over the truths that ``ql.plan.simulate`` takes by default.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

import quokka_laws as ql
from quokka_laws.plan.design.ladder import LAYOUTS


def spread(total: float, ratio: float, sizes: int = 5, count: int = 5) -> pd.DataFrame:
    """A grid of sizes and ratios D/N about 20, the largest ``ratio`` times the smallest, at a total cost."""
    n, r = (
        v.ravel()
        for v in np.meshgrid(np.geomspace(1.0, 10.0, sizes), 20.0 * np.geomspace(ratio**-0.5, ratio**0.5, count))
    )
    N = np.sqrt(total / (6.0 * (n**2 * r).sum())) * n
    return pd.DataFrame({"N": N, "D": r * N})


def row(sweep: pd.DataFrame, repeats: int) -> dict[str, float]:
    """Errors of the best size at ×100 and of a loss there, and how often their intervals held."""
    C = 100.0 * float((6.0 * sweep["N"] * sweep["D"]).max())
    size = ql.plan.simulate(sweep, target_C=C, repeats=repeats)
    N = np.sqrt(C / 120.0)
    loss = ql.plan.simulate(sweep, target={"N": N, "D": 20.0 * N}, repeats=repeats)
    return {
        "runs": len(sweep),
        "ln N, rms": float(np.sqrt((size["sd"] ** 2 + size["bias"] ** 2).mean())),
        "held (N)": float(size["held"].mean()),
        "ln loss, rms": float(np.sqrt((loss["sd"] ** 2 + loss["bias"] ** 2).mean())),
        "held (loss)": float(loss["held"].mean()),
    }


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--total", type=float, default=2e20)
    parser.add_argument("--repeats", type=int, default=100)
    options = parser.parse_args()
    sweeps = {layout: ql.plan.ladder(options.total, layout=layout) for layout in LAYOUTS}
    # The same question for all: a hundred times the largest run of the slices.
    C = 100.0 * float(sweeps["isoflop"]["C"].max())
    rows = {}
    for name, sweep in sweeps.items():
        size = ql.plan.simulate(sweep, target_C=C, repeats=options.repeats)
        N = np.sqrt(C / 120.0)
        loss = ql.plan.simulate(sweep, target={"N": N, "D": 20.0 * N}, repeats=options.repeats)
        rows[name] = {
            "runs": len(sweep),
            "ln N, rms": np.sqrt((size["sd"] ** 2 + size["bias"] ** 2).mean()),
            "held (N)": size["held"].mean(),
            "ln loss, rms": np.sqrt((loss["sd"] ** 2 + loss["bias"] ** 2).mean()),
            "held (loss)": loss["held"].mean(),
        }
    print(f"{options.total:.3g} FLOPs in all, asked at C = {C:.3g}")
    print(pd.DataFrame(rows).T.to_string(float_format="{:.3f}".format))
    print(
        "\nD/N from r^-1/2 to r^1/2 times 20, five sizes by five ratios, the same cost, asked at 100 times the dearest run"
    )
    found = {r: row(spread(options.total, r), options.repeats) for r in (2.0, 4.0, 8.0, 16.0, 32.0, 64.0)}
    print(pd.DataFrame(found).T.rename_axis("r").to_string(float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
