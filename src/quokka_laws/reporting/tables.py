"""Tables of a page: cells as people read them, and behind them the numbers, to download as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from quokka_laws.writing import csv_text

MOST_ROWS = 5000
"""Rows of numbers that a page carries; of more it would be too large to send."""
DIGITS = 8


@dataclass(frozen=True)
class Table:
    """Rows as text with the numbers behind them.

    Parameters
    ----------
    name : str
        What its file is called, without an ending.
    rows : sequence of dict
        Cells as text, all with the same keys.
    numbers : DataFrame
        Every number with its digits; may have more columns, and rows, than are shown.
    """

    name: str
    rows: Sequence[dict[str, str]]
    numbers: pd.DataFrame

    @property
    def csv(self) -> str:
        """The numbers as CSV; empty where they are too many for a page."""
        return as_csv(self.numbers)


def as_csv(numbers: pd.DataFrame | None) -> str:
    """Numbers with eight digits, texts that no spreadsheet runs; empty for nothing and for more rows than a page takes."""
    if numbers is None or not 0 < len(numbers) <= MOST_ROWS:
        return ""
    rounded = numbers.copy()
    for k in range(rounded.shape[1]):
        if pd.api.types.is_float_dtype(rounded.dtypes.iloc[k]):
            rounded.isetitem(k, [_digits(v) for v in rounded.iloc[:, k]])
    return csv_text(rounded)


def _digits(value: Any) -> str:
    return "" if value != value else f"{value:.{DIGITS}g}"
