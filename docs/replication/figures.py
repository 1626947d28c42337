"""Figures of the replication study; see replicate.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import quokka_laws as ql
from quokka_laws import plot

DRAWN = ("Eq. 14", "Eq. 18", "Eq. 22", "Memorization")


def draw(fits: dict[str, ql.FitResult], runs: pd.DataFrame, out: Path) -> None:
    """Curves, contours, minima and profile."""
    budgets = np.sort(runs["U_D"].unique())
    figure = Figure(figsize=(13, 8), layout="constrained")
    for ax, (name, U_D) in zip(
        figure.subplots(2, 3).ravel(),
        [(n, u) for n in ("Eq. 14", "Memorization") for u in (budgets[0], budgets[3], budgets[-1])],
        strict=True,
    ):
        plot.epoch_curves(fits[name], U_D=U_D, ax=ax)
        ax.set_title(f"{name}: {ax.get_title()}", fontsize=10)
    figure.savefig(out / "curves.png", dpi=110)

    figure = Figure(figsize=(13, 8), layout="constrained")
    for ax, (name, U_D) in zip(
        figure.subplots(2, 3).ravel(),
        [(n, u) for n in ("Eq. 14", "Memorization") for u in (budgets[0], budgets[3], budgets[-1])],
        strict=True,
    ):
        plot.repeat_contours(fits[name], U_D, ax=ax)
        ax.set_title(f"{name}: {ax.get_title()}", fontsize=10)
    figure.savefig(out / "contours.png", dpi=110)

    train = runs[runs["U_D"] < 6e7].reset_index(drop=True)
    test = runs[runs["U_D"] > 6e7].reset_index(drop=True)
    chosen = []
    for name in DRAWN:
        chosen.append(replace(ql.fit(fits[name].law, train, n_starts=16, seed=0), name=name))
    figure = Figure(figsize=(7, 4.6), layout="constrained")
    ax = plot.held_out_runs(chosen, test, ax=figure.add_subplot())
    ax.set_title("fitted on U_D ≤ 49M, predicting 82M and 139M", fontsize=10)
    figure.savefig(out / "held_out.png", dpi=110)

    figure = Figure(figsize=(7, 4.6), layout="constrained")
    ax = figure.add_subplot()
    from replicate import measured_minima

    minima = measured_minima()
    for k, name in enumerate(("Eq. 14", "Eq. 18", "Memorization")):
        plan = [ql.plan.max_epochs(fits[name], r.N, r.U_D)["epochs"].iloc[0] for r in minima.itertuples()]
        ax.plot(minima["epochs"], plan, "os^"[k], ms=4, alpha=0.7, label=name)
    line = np.array([40, 1000])
    ax.plot(line, line, "-", color="0.4", lw=1)
    ax.set(xscale="log", yscale="log", xlabel="epoch of the minimum, measured", ylabel="by the law fitted to all runs")
    ax.legend(frameon=False)
    figure.savefig(out / "minima.png", dpi=110)
