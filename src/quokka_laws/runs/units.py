"""The unit of a loss, by name or as stated: converted to nats per token where the factor is known, kept otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from quokka_laws.runs.checks import rows_of
from quokka_laws.runs.conventions import Conventions
from quokka_laws.runs.remarks import Remark
from quokka_laws.runs.words import unit_of

NATS = "nats/token"
SPELLED = {
    "ppl": "perplexity",
    "nats": NATS,
    "nat/token": NATS,
    "bits": "bits/token",
    "bit/token": "bits/token",
    "bpb": "bits/byte",
    "bit/byte": "bits/byte",
    "bpc": "bits/character",
    "bits/char": "bits/character",
    "nats/char": "nats/character",
    "acc": "accuracy",
    "error": "share of errors",
    "error rate": "share of errors",
}
LOGARITHM = {"perplexity": NATS, "perplexity per byte": "nats/byte", "perplexity per word": "nats/word"}
KNOWN = (
    NATS, "bits/token", "perplexity", "perplexity per byte", "perplexity per word", "nats/word", "bits/word", "bits/byte", "nats/byte",
    "bits/character", "nats/character", "accuracy", "share of errors", "normalised loss", "reducible loss",
)  # fmt: skip


def convert(
    table: pd.DataFrame, conventions: Conventions, column: str, stated: str | None, bytes_per_token: float | None
) -> tuple[pd.DataFrame, Conventions, list[Remark], list[Remark]]:
    """The loss in nats per token where that is known to be possible, else in its own unit; notes and faults.

    Parameters
    ----------
    column : str
        What the loss is called in the source: its name may state a unit.
    stated : str or None
        A unit that was stated; it wins over the name.
    bytes_per_token : float or None
        Bytes of text for each token: turns losses per byte into losses per token.
    """
    by_name = unit_of(column)
    unit = SPELLED.get(stated.strip().lower(), stated.strip()) if stated else by_name or NATS
    notes: list[Remark] = []
    if unit not in KNOWN:
        return table, conventions, [], [Remark("unknown_unit", {"unit": unit, "known": list(KNOWN)})]
    if stated and by_name and unit != by_name:
        notes.append(Remark("stated_against_name", {"column": column, "unit": by_name, "stated": unit}))
    if unit == "accuracy":
        if not stated:
            advice = ({"columns": {"loss": column}, "loss_unit": "accuracy"},)
            return table, conventions, [], [Remark("accuracy", {"column": column}, advice=advice)]
        whole = 100.0 if float(table["loss"].max()) > 1 else 1.0
        notes.append(_converted(unit, "share of errors", f"1 - accuracy/{whole:g}"))
        return (
            table.assign(loss=1 - table["loss"] / whole),
            replace(conventions, loss_unit="share of errors"),
            notes,
            [],
        )
    if unit in LOGARITHM:
        low = (table["loss"] < 1).to_numpy()
        if low.any():
            advice = ({"columns": {"loss": column}, "loss_unit": NATS},)
            return table, conventions, [], [Remark("no_perplexity", {"column": column}, rows_of(table, low), advice)]
        into = LOGARITHM[unit]
        notes.append(_converted(unit, into, "ln"))
        table = table.assign(loss=np.log(table["loss"]))
        if into == NATS:
            return table, replace(conventions, loss_unit=NATS), notes, []
        unit = into
    factors = {"bits/token": (np.log(2), "× ln 2")}
    if bytes_per_token:
        factors["bits/byte"] = (np.log(2) * bytes_per_token, f"× ln 2 × {bytes_per_token:g} bytes/token")
        factors["nats/byte"] = (bytes_per_token, f"× {bytes_per_token:g} bytes/token")
    if unit in factors:
        factor, how = factors[unit]
        notes.append(_converted(unit, NATS, how))
        return table.assign(loss=table["loss"] * factor), replace(conventions, loss_unit=NATS), notes, []
    if unit != NATS and (not stated or unit != stated):
        notes.append(Remark("kept_unit", {"column": column, "unit": unit}))
    return table, replace(conventions, loss_unit=unit), notes, []


def _converted(unit: str, into: str, how: str) -> Remark:
    return Remark("converted", {"unit": unit, "into": into, "how": how})
