"""Rows of the calibration as its page wants them: by group and objective, as runs of the library and as Markdown."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import quokka_laws as ql

ROOT = Path(__file__).parents[2]
DATA, IMAGES = ROOT / "data" / "calibration", ROOT / "docs" / "images"
OBJECTIVES = ("autoregressive", "masked", "uniform")
REPEATED = OBJECTIVES[:2]
PLATEAU = 3.08 - 0.15  # nats: 3.08 is what letter frequencies alone leave of the validation books
NOT_YET = "*These runs are not there yet.*"


def table(frame: pd.DataFrame, digits: int = 3) -> str:
    """A Markdown table."""

    def cell(v: object) -> str:
        if isinstance(v, float):
            if v.is_integer() and abs(v) >= 1000 and abs(v) < 1e7:
                return f"{v:,.0f}"
            return "" if np.isnan(v) else f"{v:.{digits}g}" if abs(v) < 1e4 else f"{v:.2e}"
        return str(v)

    lines = ["| " + " | ".join(map(str, frame.columns)) + " |", "|" + "---|" * len(frame.columns)]
    return "\n".join([*lines, *("| " + " | ".join(map(cell, row)) + " |" for row in frame.to_numpy(dtype=object))])


def load() -> pd.DataFrame:
    files = [DATA / objective / "runs.jsonl" for objective in OBJECTIVES]
    rows = [json.loads(line) for file in files if file.is_file() for line in file.read_text().splitlines()]
    runs = pd.DataFrame(rows, columns=None if rows else ["status", "group", "objective", "phase"])
    return runs[runs["status"] == "ok"].drop_duplicates("row_id").reset_index(drop=True) if len(runs) else runs


def select(runs: pd.DataFrame, group: str, objective: str, *, N: str = "N") -> pd.DataFrame:
    """Runs of one group as the library wants them, with N by a convention; one phase a group, so none are mixed."""
    some = runs[(runs["group"] == group) & (runs["objective"] == objective)]
    if some.empty:
        return some
    columns = ["run_id", "D", "U_D", "epochs", "loss", "width", "seed", "val_se_mc"]
    some = some[columns].assign(N=some[N], C=6.0 * some[N] * some["D"])
    return ql.check_runs(some.reset_index(drop=True))


def learned(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows below the plateau of letter frequencies: on it no law of N and D holds."""
    return rows[rows["loss"] < PLATEAU].reset_index(drop=True) if len(rows) else rows


def rms(fit: ql.FittedLaw, rows: pd.DataFrame) -> float:
    """Root mean square of log(predicted / observed)."""
    data = {k: rows[k].to_numpy() for k in fit.law.variables}
    return float(np.sqrt(np.mean(np.log(fit(**data) / rows["loss"]) ** 2)))


def present(runs: pd.DataFrame, group: str) -> list[str]:
    """Objectives that have rows of a group."""
    return [o for o in OBJECTIVES if ((runs["group"] == group) & (runs["objective"] == o)).any()]


def panels(rows: int, titles: list[str], xlabel: str) -> tuple[Figure, np.ndarray]:
    """Rows of panels of losses."""
    fig, axes = plt.subplots(
        rows,
        len(titles) // rows,
        figsize=(10, 3.2 * rows),
        sharex=rows > 1,
        sharey=rows > 1,
        squeeze=False,
        layout="constrained",
    )
    for ax, title in zip(axes.flat, titles, strict=True):
        ax.set(title=title, xscale="log")
        ax.xaxis.set_major_formatter("{x:g}")
        ax.grid(alpha=0.3)
    for ax in axes[-1]:
        ax.set_xlabel(xlabel)
    for ax in axes[:, 0]:
        ax.set_ylabel("validation loss, nats/byte")
    return fig, axes


def keep(fig: Figure, axes: np.ndarray, name: str) -> None:
    """Write a figure, with a legend in every panel."""
    for ax in axes.flat:
        if ax.lines:
            ax.legend(fontsize=7)
    IMAGES.mkdir(parents=True, exist_ok=True)
    fig.savefig(IMAGES / name, dpi=110)
    plt.close(fig)


def sizes_on(ax: Axes, values: np.ndarray) -> None:
    """Ticks at the sizes there are, as people write them."""
    ax.set_xticks(values, [f"{v / 1000:.0f}k" for v in values])
    ax.minorticks_off()
