"""Where on its curve each checkpoint of a run lies: warm-up, descent, overfitting, second descent; trunk or cooled.

Laws of repeated data describe the descent and the overfitting that follows. Checkpoints of the warm-up and of a
second descent (double descent) are outside them; leaving those out is a selection on the outcome, so it is marked,
counted and can be undone.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from quokka_laws.exceptions import RunsError
from quokka_laws.runs.left_out import identities
from quokka_laws.runs.remarks import Remark
from quokka_laws.runs.rows import subset

STAGES = ("warmup", "descent", "overfit", "second_descent")
WARMUP_STEPS = 250
SECOND_DESCENT = 0.01
"""Relative fall after the maximum that counts as a second descent rather than as noise."""


def mark_stages(
    runs: pd.DataFrame,
    *,
    warmup_steps: float = WARMUP_STEPS,
    warmup_tokens: float = 0.0,
    second_descent: float = SECOND_DESCENT,
) -> pd.DataFrame:
    """Add a column ``stage``, run by run, from the curve itself.

    After the warm-up the minimum of the curve ends the descent; the maximum after it ends overfitting, if the loss
    then falls by more than ``second_descent`` of its value.

    Parameters
    ----------
    runs : DataFrame
        With ``run_id``, ``loss``, ``epochs`` (or ``D``) and, for a warm-up in steps, ``step``.
    warmup_steps, warmup_tokens : float
        Checkpoints up to this step, or these tokens, are warm-up.
    second_descent : float

    Returns
    -------
    DataFrame
        The same rows in the same order, with ``stage`` one of warmup, descent, overfit, second_descent.

    Raises
    ------
    RunsError
        If a column is missing.
    """
    along = "epochs" if "epochs" in runs else "D"
    if missing := [k for k in ("run_id", "loss", along) if k not in runs]:
        raise RunsError(f"stages need the columns run_id, loss and epochs (or D); missing: {', '.join(missing)}")
    stage = np.full(len(runs), "descent", dtype=object)
    step = pd.to_numeric(runs["step"], errors="coerce").to_numpy() if "step" in runs else None  # text, from a CSV
    for positions in runs.groupby("run_id", sort=False).indices.values():
        order = positions[np.argsort(runs[along].to_numpy()[positions], kind="stable")]
        loss = runs["loss"].to_numpy()[order]
        warm = np.zeros(len(order), dtype=bool)
        if step is not None:
            warm |= step[order] <= warmup_steps
        if "D" in runs:
            warm |= runs["D"].to_numpy()[order] <= warmup_tokens
        if warm.all():
            stage[order] = "warmup"
            continue
        lowest = int(np.where(warm, np.inf, loss).argmin())
        highest = lowest + int(loss[lowest:].argmax())
        falls = loss[highest] - loss[highest:].min() > second_descent * loss[highest]
        rank = np.arange(len(order))
        stage[order] = np.select(
            [warm, rank <= lowest, (rank <= highest) | (not falls)], ["warmup", "descent", "overfit"], "second_descent"
        )
    return runs.assign(stage=stage)


def one_phase(runs: pd.DataFrame, *, repeated: bool) -> pd.DataFrame:
    """Only trunk or only cooled losses, where a column ``phase`` holds both.

    A loss taken at constant learning rate (``trunk``) lies above the one at the end of a cool-down (``cooled``), by an
    amount that grows with D/N: one surface does not go through both. Laws of repeated data are fitted to the trunk,
    where the checkpoints of repeated runs are; laws of N and D to the cooled runs. What is left out is recorded in
    ``attrs["excluded"]``, by run, N and D: the numbers of checked rows are not those of their source.
    """
    if "phase" not in runs or not {"trunk", "cooled"} <= set(runs["phase"]):
        return runs
    wanted, other = ("trunk", "cooled") if repeated else ("cooled", "trunk")
    out = runs["phase"] == other
    kept = subset(runs, ~out)
    why = Remark("phase", {"phase": other, "wanted": wanted})
    gone = [{"code": why.code, "reason": str(why), **record} for record in identities(runs[out])]
    kept.attrs = {**runs.attrs, "excluded": [*runs.attrs.get("excluded", []), *gone]}
    return kept
