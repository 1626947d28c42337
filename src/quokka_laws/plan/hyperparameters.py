"""Learning rate and batch size as several papers advise them, side by side. Advice, not a law of your data."""

from __future__ import annotations

import numpy as np
import pandas as pd

from quokka_laws.literature.power_rules import rules
from quokka_laws.plan.arguments import one_positive


def hyperparameters(N: float, D: float, *, loss: float | None = None, unchecked: bool = False) -> pd.DataFrame:
    """Learning rate and batch size for a model of N parameters on D tokens.

    Parameters
    ----------
    N, D : float
        Raw units. The rules count N differently; their notes say how.
    loss : float, optional
        Final loss expected, for rules of the loss (nats/token).
    unchecked : bool
        Include rules whose numbers could not be checked against their paper.

    Returns
    -------
    DataFrame
        One row per rule: ``rule, lr, batch_tokens`` (NaN where it says nothing or lacks an input), ``status, note``.
        Rules were found with different batch schedules and parametrisations: do not mix a learning rate of one
        with a batch of another.
    """
    N, D = one_positive(N=N, D=D)
    if loss is not None:
        (loss,) = one_positive(loss=loss)
    data = {"N": N, "D": D, "C": 6.0 * N * D, "loss": loss}
    rows = []
    for rule in rules.values():
        if not ({"lr", "batch_tokens"} & set(rule.formulas)) or not (rule.checked or unchecked):
            continue
        row: dict[str, object] = {"rule": rule.name}
        for quantity in ("lr", "batch_tokens"):
            known = quantity in rule.formulas and all(data[v] is not None for v in rule.needs(quantity))
            row[quantity] = float(rule(quantity, **data)) if known else np.nan
        rows.append({**row, "status": rule.status, "note": rule.note})
    return pd.DataFrame(rows)
