"""Draw the figures of the README and of the first page from the runs that ship with the package.

python docs/scripts/images.py
"""

from __future__ import annotations

from pathlib import Path

import quokka_laws as ql
from quokka_laws import plot
from quokka_laws.reporting.study import LLADA

IMAGES = Path(__file__).parents[1] / "images"


def main() -> None:
    """The demo's runs, the law that they choose, and what it allows at LLaDA's budget."""
    fit = ql.fit(ql.datasets.load_quokka_isoflops(), bootstrap=1000, seed=0)
    print(plot.save(plot.loss_against_compute(fit, C=LLADA), IMAGES / "loss-against-compute.png"))


if __name__ == "__main__":
    main()
