"""One epoch: learning rates, exponents by convention of N, IsoFLOP slices, seeds, and the largest width forecast."""

from __future__ import annotations

import datetime
import json

import numpy as np
import pandas as pd
from calibration_rows import (
    DATA,
    NOT_YET,
    OBJECTIVES,
    PLATEAU,
    keep,
    learned,
    load,
    panels,
    present,
    rms,
    select,
    sizes_on,
    table,
)

import quokka_laws as ql

FORECAST = DATA / "forecast.json"
CONVENTIONS = {"N": "active embedding rows", "N_nonembedding": "without embedding", "N_12Ld2": "12·L·d²"}
BUDGETS = (1e11, 2e11, 4e11)  # of the preset's slices
DRAWS = 1000
LEVEL = 0.9  # of the intervals that predictions are held against
TRUSTED = 1.5, 0.005  # a rate is tuned within this factor of the best, or where it costs less than this share


def tuning(runs: pd.DataFrame) -> pd.DataFrame:
    """Best rate of each size, as the library finds it, and what the rate that was used costs beside it."""
    probes = runs[runs["group"] == "probe"]
    found = []
    for objective, table_of in probes.groupby("objective"):
        columns = ["run_id", "N", "D", "lr", "loss"]
        cells = ql.fit_hyperparameters(ql.check_runs(table_of[columns]), over="lr", bootstrap=DRAWS, seed=0).cells
        for row in cells.itertuples():
            width = table_of.loc[table_of["N"] == row.N, "width"].iloc[0]
            line = {"objective": objective, "width": width, "runs": row.runs}
            same = (
                (runs["objective"] == objective) & (runs["width"] == width) & runs["group"].isin(("grid", "held-out"))
            )
            if not np.isfinite(row.lr):
                stuck = (table_of.loc[table_of["width"] == width, "loss"] >= PLATEAU).sum()
                found.append(line | {"best rate": f"not determined: {row.state}, {stuck} on the plateau"})
                continue
            line |= {"best rate": f"{row.lr:.4f}", "95 %": f"{row.lr_lower:.4f} to {row.lr_upper:.4f}"}
            if same.any():
                used = runs.loc[same, "lr"].iloc[0]
                off = np.log(used / row.lr)
                cost = 0.5 * row.lr_curvature * off**2
                tuned = abs(off) < np.log(TRUSTED[0]) or cost < TRUSTED[1]
                line |= {"used": f"{used:.4f}", "used / best": np.exp(off), "cost": f"{cost:.2%}"}
                line["tuned"] = "yes" if tuned else "no"
            found.append(line)
    return pd.DataFrame(found).fillna("")


def rates_figure(runs: pd.DataFrame) -> None:
    """Loss against learning rate, the mean of seeds."""
    shown = present(runs, "probe")
    fig, axes = panels(1, shown, "learning rate")
    probes = runs[runs["group"] == "probe"]
    for ax, objective in zip(axes.flat, shown, strict=True):
        for width, curve in probes[probes["objective"] == objective].groupby("width"):
            mean = curve.groupby("lr")["loss"].mean()
            ax.plot(mean.index, mean, marker=".", label=f"width {width:.0f}")
    keep(fig, axes, "calibration-rates.png")


def single_epoch(runs: pd.DataFrame) -> str:
    """Exponents by convention of N, by Chinchilla's law and the law that ``ql.fit`` chooses."""
    text = []
    for objective in OBJECTIVES:
        every = select(runs, "grid", objective)
        grid = learned(every)
        if len(grid) < 12 or grid["width"].nunique() < 4:
            text.append(f"**{objective}**: {NOT_YET}")
            continue
        chosen = ql.fit(grid, seed=0).law.name
        lines, pairs = [], {}
        for law in dict.fromkeys(("chinchilla", chosen)):
            for column, meaning in CONVENTIONS.items():
                rows = learned(select(runs, "grid", objective, N=column))
                fit = ql.fit(law, rows, bootstrap=DRAWS, seed=0)
                summary = fit.summary.reset_index().set_index("coefficient")
                if law == "chinchilla":
                    pairs[column] = summary
                kept = [k for k in ("E", "alpha", "beta", "k") if k in summary.index]
                cells = {k: "{value:.3f} ({lower:.3f} to {upper:.3f})".format(**summary.loc[k]) for k in kept}
                lines.append({"law": law, "N": f"{column}, {meaning}", **cells, "rms": f"{rms(fit, rows):.2%}"})
        left = every[every["loss"] >= PLATEAU]
        names = ", ".join(f"width {w:.0f} at {D:,.0f}" for w, D in left.groupby(["width", "D"]).groups) or "none"
        text.append(
            f"**{objective}**, {len(grid)} points of {grid['run_id'].nunique()} trunks (N {grid['N'].min():,.0f} to "
            f"{grid['N'].max():,.0f}), 95 % intervals; `ql.fit` chooses {chosen}:\n\n{table(pd.DataFrame(lines).fillna(''))}\n\n"
            f"Left out by the rule (loss of {PLATEAU:.2f} or more): {names}. {agreement(pairs)}"
        )
    return "\n\n".join(text)


def agreement(pairs: dict[str, pd.DataFrame]) -> str:
    """Whether the exponents by the conventions of N differ by less than their intervals."""
    said = []
    for name in ("alpha", "beta"):
        values = [s.loc[name, "value"] for s in pairs.values()]
        widest = max(s.loc[name, "upper"] - s.loc[name, "lower"] for s in pairs.values())
        apart = max(values) - min(values)
        said.append(
            f"{name} differs by {apart:.3f} between conventions, {'less' if apart < widest else 'more'} than its interval"
        )
    why = (
        " The embedding is a fifth of N at the smallest width and a twenty-fifth at the largest: without it the sizes lie "
        "further apart in log N for the same losses, and alpha is smaller."
    )
    return "; ".join(said).capitalize() + "." + why


def slices(runs: pd.DataFrame) -> str:
    """IsoFLOP minima and their figure."""
    shown = present(runs, "grid")
    fig, axes = panels(1, shown, "N")
    text = []
    for ax, objective in zip(axes.flat, shown, strict=True):
        grid = select(runs, "grid", objective)
        nearest = np.abs(np.log(grid["C"].to_numpy()[:, None] / np.array(BUDGETS)))
        rows = grid.assign(slice=np.take(BUDGETS, nearest.argmin(axis=1)))[nearest.min(axis=1) < 0.02]
        rows = learned(rows)
        for C, some in rows.groupby("slice"):
            mean = some.groupby("N")["loss"].mean()
            ax.plot(mean.index, mean, marker=".", label=f"C = {C:.0e}")
        sizes_on(ax, np.sort(rows["N"].unique()))
        try:
            found = ql.fit_isoflops(rows, bootstrap=DRAWS, seed=0).summary.loc[["a", "b"]]
            grows = {"a": "N grows as C^a", "b": "D grows as C^b"}
            lines = found.rename(index=grows).rename_axis("95 % intervals").reset_index()
            text.append(f"**{objective}**\n\n{table(lines)}")
        except (ql.RunsError, ql.FitError) as error:
            text.append(f"**{objective}**: no minimum of a slice lies between its sizes ({error}).")
    keep(fig, axes, "calibration-isoflops.png")
    return "\n\n".join(text) or NOT_YET


def seeds(runs: pd.DataFrame) -> str:
    cells = runs[runs["group"].isin(("grid", "held-out"))]
    by = ["objective", "width", "D"]
    three = cells.groupby(by)["loss"].agg(["size", "mean", "std"]).query("size >= 3").reset_index()
    if three.empty:
        return NOT_YET
    three["relative"] = three["std"] / three["mean"]
    summary = three.groupby(["objective", "width"])["relative"].agg(["size", "median", "max"]).reset_index()
    summary.columns = ["objective", "width", "cells", "median sd / mean", "largest"]
    noise = runs.groupby("objective")["val_se_mc"].median()
    return (
        table(summary)
        + f"\n\nMonte-Carlo error of the validation itself: median {noise.get('masked', np.nan):.4f} nats (masked; the "
        "autoregressive loss has none). Cells at a plateau's edge differ most between seeds."
    )


def forecast(objective: str) -> None:
    """Write what the grid's fits say of the largest width, once, before it is trained.

    By the law that ``ql.fit`` chooses, and by Chinchilla's.
    """
    from reference_trainer import presets
    from reference_trainer.model import counts

    runs = load()
    made = json.loads(FORECAST.read_text()) if FORECAST.exists() else {}
    if objective in made:
        raise SystemExit(f"{FORECAST} has {objective} already; a forecast is made once")
    if ((runs["group"] == "held-out") & (runs["objective"] == objective)).any():
        raise SystemExit(f"{objective}: the largest width has rows already: that would be no forecast")
    grid = learned(select(runs, "grid", objective))
    if grid.empty or grid["width"].nunique() < len(presets.GRID):
        raise SystemExit(f"{objective}: the grid is not complete")
    spec = presets._trunks(presets.calibration("x")[0], *presets.LARGEST)[0]
    N = counts(spec.shape(presets.ALPHABET + 1), presets.ALPHABET)["N_active"]
    chosen = ql.fit(grid, bootstrap=DRAWS, seed=0)
    fits = {chosen.law.name: chosen, "chinchilla": ql.fit("chinchilla", grid, bootstrap=DRAWS, seed=0)}
    found = []
    for law, fit in fits.items():
        table = fit.predict(N=N, D=np.array(spec.cooled_at, dtype=float), level=LEVEL, kind="run")
        found += [
            {
                "law": law,
                **{k: row[k] for k in ("N", "D", "loss")},
                "lower": row["loss_lower"],
                "upper": row["loss_upper"],
            }
            for row in table.to_dict("records")
        ]
    about = {"date": datetime.date.today().isoformat(), "level": LEVEL, "chosen": chosen.law.name, "rows": len(grid)}
    made[objective] = {**about, "version": ql.__version__, "predictions": found}
    FORECAST.write_text(json.dumps(made, indent=1) + "\n")


def scored(runs: pd.DataFrame) -> str:
    """Forecasts beside what came of them."""
    made = json.loads(FORECAST.read_text()) if FORECAST.exists() else {}
    text = []
    for objective, told in made.items():
        own = runs[(runs["group"] == "held-out") & (runs["objective"] == objective)]
        rows = []
        for guess in told["predictions"]:
            line = {k: guess[k] for k in ("law", "N", "D")} | {"forecast": guess["loss"]}
            line["interval of one run"] = f"{guess['lower']:.3f} to {guess['upper']:.3f}"
            at = own[abs(own["D"] / guess["D"] - 1) < 0.01]
            if len(at):
                seen = at["loss"].mean()
                line |= {"observed": f"{seen:.4f}", "error": f"{100 * (guess['loss'] / seen - 1):+.2f} %"}
                line["inside"] = "yes" if guess["lower"] <= seen <= guess["upper"] else "no"
            rows.append(line)
        text.append(
            f"**{objective}**, written on {told['date']} from {told['rows']} rows, before the width was trained "
            f"(`data/calibration/forecast.json`). `ql.fit` chose {told['chosen']}; Chinchilla's law stands beside it. "
            f"Intervals of {100 * told['level']:.0f} %.\n\n{table(pd.DataFrame(rows), 4)}"
        )
    return "\n\n".join(text) or NOT_YET
