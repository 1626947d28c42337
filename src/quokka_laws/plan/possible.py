"""A plan that comes to a loss that no model has is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from quokka_laws.exceptions import FitError
from quokka_laws.results.format import human

LISTED = 4
"""Rows that a refusal names."""


def possible(law: Any, table: pd.DataFrame) -> pd.DataFrame:
    """A plan, refused where it comes to a loss that no model has: a budget of 22 FLOPs lacks its exponent.

    Raises
    ------
    FitError
    """
    limit = getattr(law, "highest_loss", np.inf)
    if "loss" in table and (lost := table[table["loss"] > limit]).size:
        asked = "; ".join(
            f"{', '.join(f'{k} = {human(row[k])}' for k in ('C', 'N', 'D') if k in row)}: {row['loss']:.4g}"
            for _, row in lost.head(LISTED).iterrows()
        )
        raise FitError(
            f"{law.label} predicts a loss that no model has ({asked}); more than {limit:g} is none. This is too far outside the runs "
            "it was fitted to: is a unit missing?"
        )
    return table
