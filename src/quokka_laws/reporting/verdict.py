"""What a table of several laws comes to: which of them apply, and which are asked far outside the runs behind them."""

from __future__ import annotations

import pandas as pd

from quokka_laws.results.format import how_far, human

FAR = 10.0
"""Factor outside the runs of a law from which on its row is no answer beside those of others."""


def verdict(table: pd.DataFrame, C: float, U_D: float | None = None) -> str:
    """A line for each family of models: what the laws that apply say, or that none does.

    Parameters
    ----------
    table : DataFrame
        One row per law: ``law, family, N, D, extrapolation``, ``epochs`` with ``U_D``, and ``note`` where a law does not know
        of repetition that its row asks for.
    C : float
    U_D : float, optional
    """
    data = f" and {human(U_D)} unique tokens" if U_D is not None else ""
    lines = [f"At C = {C:.3g}{data}:"]
    for family, rows in table.groupby("family", sort=False):
        repeats = rows["note"].fillna("").ne("") if "note" in rows else pd.Series(False, index=rows.index)
        far = rows["extrapolation"] > FAR
        alone = len(table) == 1  # who asks one law has its answer, with how far out it is asked
        sound = rows[~repeats & (~far | alone)]
        name = f"  {family}: " if family != "unstated" else "  kind of loss unstated: "
        if len(sound):
            lines.append(name + _advice(sound))
        else:
            lines.append(name + "no answer; " + _why_not(rows, repeats, far))
    return "\n".join(lines)


def _advice(rows: pd.DataFrame) -> str:
    low, high = rows["N"].min(), rows["N"].max()
    size = human(low) if len(rows) == 1 else f"{human(low)} to {human(high)}"
    if "epochs" in rows and rows["epochs"].notna().any() and (rows["epochs"] > 1).any():
        a, b = rows["epochs"].min(), rows["epochs"].max()
        length = f"{a:.3g} epochs" if len(rows) == 1 else f"{a:.3g} to {b:.3g} epochs"
    else:
        a, b = rows["D"].min(), rows["D"].max()
        length = f"{human(a)} tokens" if len(rows) == 1 else f"{human(a)} to {human(b)} tokens"
    farthest = rows["extrapolation"].max()
    where = "inside its runs" if len(rows) == 1 else "inside their runs"
    if not farthest <= 1:
        far = f"{how_far(farthest)} outside its runs" if len(rows) == 1 else f"up to {how_far(farthest)} outside"
        where = far if farthest == farthest else "runs not stated"
    return f"{size} parameters on {length} ({', '.join(rows['law'])}; {where})"


def _why_not(rows: pd.DataFrame, repeats: pd.Series, far: pd.Series) -> str:
    said = [
        f"{row['law']} is asked {how_far(row['extrapolation'])} outside its runs"
        for _, row in rows[far & ~repeats].iterrows()
    ]
    if repeats.any():
        said.append(
            f"{', '.join(rows['law'][repeats])} would repeat data and know{'s' if repeats.sum() == 1 else ''} nothing of it"
        )
    return "; ".join(said)
