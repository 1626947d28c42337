"""Runs that ship with the package, as files such as a person would drop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from quokka_laws.literature import datasets
from quokka_laws.writing import csv_text

STATED = ("N_counts", "loss_split", "loss_kind", "loss_unit", "tokenizer", "corpus")


@dataclass(frozen=True)
class Shipped:
    """A table with the name of its file."""

    title: str
    file: str
    load: Callable[[], pd.DataFrame]

    def csv(self) -> bytes:
        """As CSV that reads back the same: conventions that the loader states are columns."""
        runs = self.load()
        conventions = runs.attrs.get("conventions", {})
        stated = {k: conventions[k] for k in STATED if conventions.get(k, "unstated") != "unstated"}
        return csv_text(runs.assign(**stated)).encode()


SHIPPED = (
    Shipped(
        "Quokka: 87 masked-diffusion runs at 9 budgets (IsoFLOP)", "quokka-isoflops.csv", datasets.load_quokka_isoflops
    ),
    Shipped(
        "Qin et al. 2026: autoregressive runs that repeat their data (Dolma)",
        "reuse2026-dolma.csv",
        lambda: datasets.load_reuse2026("dolma", least_U_per_N=5),
    ),
)
