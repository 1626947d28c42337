"""Fit the project's own calibration runs and write docs/calibration.md with its figures.

    python docs/scripts/calibration.py               # the page, from the rows there are
    python docs/scripts/calibration.py --forecast autoregressive    # before the largest width is trained: data/calibration/forecast.json

Reads data/calibration/*/runs.jsonl only: no training, no corpus, a few minutes on one core. Every number of the page is
computed here. Parts of the page whose runs are not there yet say so.
"""

from __future__ import annotations

import argparse
import datetime
import json
import warnings
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import quokka_laws as ql

ROOT = Path(__file__).parents[2]
DATA, IMAGES = ROOT / "data" / "calibration", ROOT / "docs" / "images"
FORECAST = DATA / "forecast.json"
OBJECTIVES = ("autoregressive", "masked", "uniform")
REPEATED = OBJECTIVES[:2]
PLATEAU = 3.08 - 0.15  # nats: 3.08 is what letter frequencies alone leave of the validation books
CONVENTIONS = {"N": "active embedding rows", "N_nonembedding": "without embedding", "N_12Ld2": "12·L·d²"}
BUDGETS = (1e11, 2e11, 4e11)  # of the preset's slices
DRAWS = 1000  # of the one-epoch fits; a fit of a repeated-data law costs a hundred times more
LEVEL = 0.9  # of the intervals that predictions are held against
REPEATED_DRAWS = 40
STARTS = 16
TRUSTED = 1.5, 0.005  # a rate is tuned within this factor of the best, or where it costs less than this share
LAWS = {
    "Quokka Eq. 14": ql.laws.QuokkaRepeated,
    "additive (Eq. 18)": ql.laws.AdditiveOverfit,
    "softplus (Eq. 22)": ql.laws.SoftplusOverfit,
    "Memorization": ql.laws.Memorization,
    "bounded Memorization": ql.laws.BoundedMemorization,
    "effective data (Muennighoff)": ql.laws.EffectiveData,
}
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


def spans(runs: pd.DataFrame, group: str, column: str) -> float:
    """Largest over smallest value in a group."""
    values = runs.loc[runs["group"] == group, column]
    return float(values.max() / values.min())


def rms(fit: ql.FittedLaw, rows: pd.DataFrame) -> float:
    """Root mean square of log(predicted / observed)."""
    data = {k: rows[k].to_numpy() for k in fit.law.variables}
    return float(np.sqrt(np.mean(np.log(fit(**data) / rows["loss"]) ** 2)))


# ---- learning rates -------------------------------------------------------------------------------------------


def tuning(runs: pd.DataFrame) -> pd.DataFrame:
    """Best rate of each size by a parabola in log lr through the lowest point and its neighbours; cost of the one used."""
    probes = runs[runs["group"] == "probe"]
    found = []
    for (objective, width), curve in probes.groupby(["objective", "width"]):
        curve = curve.sort_values("lr")
        x, y = np.log2(curve["lr"].to_numpy()), curve["loss"].to_numpy()
        low = int(y.argmin())
        line = {"objective": objective, "width": width, "lowest at": curve["lr"].iloc[low]}
        used = runs[
            (runs["objective"] == objective) & (runs["width"] == width) & runs["group"].isin(("grid", "held-out"))
        ]
        if 0 < low < len(y) - 1:
            a, b, c = np.polyfit(x[low - 1 : low + 2], y[low - 1 : low + 2], 2)
            best = -b / (2 * a)
            line |= {"fitted best": 2.0**best}
            if len(used):
                off = np.log2(used["lr"].iloc[0]) - best
                share = a * off**2 / (c - b**2 / (4 * a))
                line |= {"used": used["lr"].iloc[0], "used / best": 2.0**off, "cost": f"{100 * share:.2f} %"}
                tuned = abs(off) < np.log2(TRUSTED[0]) or share < TRUSTED[1]
                line["tuned"] = "yes" if tuned else "no"
        found.append(line)
    return pd.DataFrame(found)


# ---- single epoch ---------------------------------------------------------------------------------------------


def single_epoch(runs: pd.DataFrame) -> str:
    text = []
    for objective in OBJECTIVES:
        every = select(runs, "grid", objective)
        grid = learned(every)
        if len(grid) < 12 or grid["width"].nunique() < 4:
            text.append(f"**{objective}**: {NOT_YET}")
            continue
        lines, pairs = [], {}
        for column, meaning in CONVENTIONS.items():
            rows = learned(select(runs, "grid", objective, N=column))
            fit = ql.fit(ql.laws.Chinchilla(), rows, bootstrap=DRAWS, seed=0)
            summary = fit.summary.reset_index().set_index("coefficient")
            pairs[column] = summary
            cell = {
                k: "{value:.3f} ({lower:.3f} to {upper:.3f})".format(**summary.loc[k]) for k in ("E", "alpha", "beta")
            }
            lines.append({"N": f"{column}, {meaning}", **cell, "rms": rms(fit, rows), "status": fit.status.name})
        left = every[every["loss"] >= PLATEAU]
        names = ", ".join(f"width {w:.0f} at {D:,.0f}" for w, D in left.groupby(["width", "D"]).groups) or "none"
        text.append(
            f"**{objective}**, {len(grid)} points of {grid['run_id'].nunique()} trunks (N {grid['N'].min():,.0f} to "
            f"{grid['N'].max():,.0f}), 95 % intervals:\n\n{table(pd.DataFrame(lines))}\n\n"
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
    fig, axes = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True)
    text = []
    for ax, objective in zip(axes, OBJECTIVES, strict=True):
        grid = select(runs, "grid", objective)
        ax.set(title=objective, xscale="log", xlabel="N")
        if grid.empty:
            continue
        near = [abs(grid["C"] / C - 1) < 0.02 for C in BUDGETS]
        rows = learned(grid[np.logical_or.reduce(near)])
        rows = rows.assign(slice=[BUDGETS[int(np.argmin(abs(np.log(c / np.array(BUDGETS)))))] for c in rows["C"]])
        mean = rows.groupby(["N", "slice"])["loss"].mean()
        for C in BUDGETS:
            some = mean[mean.index.get_level_values(1) == C].reset_index()
            ax.plot(some["N"], some["loss"], marker=".", label=f"C = {C:.0e}")
        ax.grid(alpha=0.3)
        ax.legend(fontsize=7)
        try:
            found = ql.fit_isoflops(rows).summary
            text.append(f"**{objective}**\n\n{table(found.reset_index())}")
        except (ql.RunsError, ql.FitError, AttributeError) as error:
            text.append(f"**{objective}**: no minimum of a slice lies between its sizes ({error}).")
    axes[0].set_ylabel("validation loss, nats/byte")
    fig.tight_layout()
    fig.savefig(IMAGES / "calibration-isoflops.png", dpi=90)
    plt.close(fig)
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


# ---- the largest width, predicted before it was trained ---------------------------------------------------------


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


# ---- repeated data --------------------------------------------------------------------------------------------


def repeated(runs: pd.DataFrame, objective: str) -> pd.DataFrame:
    return learned(select(runs, "repeated", objective))


def minima(runs: pd.DataFrame) -> str:
    rows = []
    for objective in OBJECTIVES:
        every = select(runs, "repeated", objective)
        for (width, U), run in every.groupby(["width", "U_D"]) if len(every) else []:
            if len(run) < 3:
                continue
            best = run.loc[run["loss"].idxmin()]
            rows.append((objective, width, U, best["loss"], best["epochs"], run["epochs"].max(), run["loss"].iloc[-1]))
    names = ["objective", "width", "U_D", "lowest loss", "at epochs", "trained to", "loss there"]
    frame = pd.DataFrame(rows, columns=names)
    if frame.empty:
        return NOT_YET
    turned = frame["loss there"] > 1.01 * frame["lowest loss"]
    frame["turned up"] = np.where(turned, "yes", "no")
    return table(frame.reset_index(drop=True))


def crossings(runs: pd.DataFrame, draws: int = 500) -> str:
    """Where masked diffusion, repeated long enough, passes below the best autoregression can do on the same data.

    Intervals: losses perturbed by the seed noise of the grid and the validation's own, and the crossing found again.
    """
    ar, dlm = (select(runs, "repeated", o) for o in REPEATED)
    grid = runs[runs["group"] == "grid"].groupby(["objective", "width", "D"])["loss"].agg(["mean", "std"])
    noise = (grid["std"] / grid["mean"]).groupby("objective").median()
    rng, rows = np.random.default_rng(0), []
    for (width, U), run in dlm.groupby(["width", "U_D"]) if len(dlm) else []:
        other = ar[(ar["width"] == width) & (ar["U_D"] == U)] if len(ar) else ar
        if other.empty or len(run) < 3:
            continue
        run = run.sort_values("epochs")
        found = []
        for draw in range(draws):
            a, b = (
                (1 + (draw > 0) * noise.get(o, 0.0) * rng.standard_normal()) * x["loss"].to_numpy()
                for o, x in zip(REPEATED, (other, run), strict=True)
            )
            b = b + (draw > 0) * run["val_se_mc"].to_numpy() * rng.standard_normal(len(b))
            found.append(crossing(run["epochs"].to_numpy(), b, a.min()))
        times = np.array(found[1:])
        low, high = np.quantile(times, [0.05, 0.95])
        span = "never" if np.isinf(low) else f"{low:.0f} to {'never' if np.isinf(high) else f'{high:.0f}'}"
        first = "never" if np.isinf(found[0]) else f"{found[0]:.0f}"
        rows.append((width, U, other["loss"].min(), run["loss"].min(), first, span, run["epochs"].max()))
    names = ["width", "U_D", "best autoregressive", "best masked", "masked below best AR from epoch", "90 % interval"]
    return table(pd.DataFrame(rows, columns=[*names, "masked trained to"])) if rows else NOT_YET


def crossing(epochs: np.ndarray, losses: np.ndarray, level: float) -> float:
    """First epoch, interpolated in its logarithm, at which a curve is below a level; inf where it never is."""
    below = np.flatnonzero(losses < level)
    if not len(below):
        return np.inf
    i = below[0]
    if i == 0:
        return float(epochs[0])
    share = (losses[i - 1] - level) / (losses[i - 1] - losses[i])
    return float(np.exp(np.log(epochs[i - 1]) + share * np.log(epochs[i] / epochs[i - 1])))


def splits(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """Rows to fit, by what is extrapolated to; the others are predicted."""
    best = rows.loc[rows.groupby("run_id")["loss"].idxmin()].set_index("run_id")["epochs"]
    return {
        "larger model": (rows["width"] < rows["width"].max()).to_numpy(),
        "more unique data": (rows["U_D"] < rows["U_D"].max()).to_numpy(),
        "past twice the best epoch": (rows["epochs"] <= 2 * rows["run_id"].map(best)).to_numpy(),
    }


def compare(runs: pd.DataFrame) -> str:
    text = []
    for objective in REPEATED:
        rows = repeated(runs, objective)
        if len(rows) < 20 or rows["width"].nunique() < 3:
            text.append(f"**{objective}**: {NOT_YET}")
            continue
        parts = splits(rows)
        result = []
        print(objective, len(rows), flush=True)
        for name, law in LAWS.items():
            line: dict[str, object] = {"law": name}
            for split, mine in {"all rows (fitted)": np.ones(len(rows), dtype=bool), **parts}.items():
                kept, rest = rows[mine].reset_index(drop=True), rows[~mine] if not mine.all() else rows
                try:
                    line[split] = rms(ql.fit(law(), kept, seed=0, n_starts=STARTS), rest)
                except (ql.RunsError, ql.FitError) as error:
                    line[split] = f"no fit: {type(error).__name__}"
            result.append(line)
        frame = pd.DataFrame(result)
        winners = [
            f"{split}: {frame.loc[pd.to_numeric(frame[split], errors='coerce').idxmin(), 'law']}" for split in parts
        ]
        sizes = ", ".join(f"{k} {int((~v).sum())}" for k, v in parts.items())
        text.append(
            f"**{objective}**: {len(rows)} checkpoints of {rows['run_id'].nunique()} runs; "
            f"predicted rows: {sizes}.\n\n{table(frame)}\n\nLowest held-out error — {'; '.join(winners)}."
        )
    return "\n\n".join(text)


def coefficients(runs: pd.DataFrame) -> str:
    text = []
    for objective in REPEATED:
        rows = repeated(runs, objective)
        if len(rows) < 20 or rows["width"].nunique() < 3:
            continue
        for name in ("Quokka Eq. 14", "Memorization"):
            fit = ql.fit(LAWS[name](), rows, bootstrap=REPEATED_DRAWS, seed=0, n_starts=STARTS)
            summary = fit.summary.reset_index()[["coefficient", "value", "lower", "upper", "at_bound"]]
            loose = summary[(summary["upper"] > 10 * summary["lower"].clip(lower=1e-12)) | summary["at_bound"]]
            text.append(
                f"**{objective}, {name}** (status `{fit.status.name}`):\n\n{table(summary)}\n\n"
                f"Not identified (at a bound, or 95 % interval wider than a factor of ten): "
                f"{', '.join(loose['coefficient']) or 'none'}."
            )
    return "\n\n".join(text)


def ablations(runs: pd.DataFrame) -> str:
    """What each option changes, beside the recipe the others are measured against."""
    rows = runs[runs["group"] == "ablation"]
    if rows.empty:
        return NOT_YET
    options = ["objective", "sampler", "schedule", "weighting", "curriculum", "weight_decay", "beta2", "batch", "init"]
    options += ["rope_base", "head_size"]
    usual = rows[options].mode().iloc[0]
    rows = rows.assign(
        option=[
            ", ".join(
                f"{k} {r[k]:g}" if isinstance(r[k], float) else f"{k} {r[k]}" for k in options if r[k] != usual[k]
            )
            or "the recipe itself"
            for _, r in rows.iterrows()
        ]
    )
    by = rows.groupby("option")["loss"]
    found = pd.DataFrame({"runs": by.size(), "mean loss": by.mean(), "difference of seeds": by.max() - by.min()})
    return table(found.sort_values("mean loss").reset_index(), digits=4)


# ---- figures --------------------------------------------------------------------------------------------------


def draw(runs: pd.DataFrame) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    sizes = sorted(runs.loc[runs["group"] == "probe", "width"].unique())
    fig, axes = plt.subplots(1, 3, figsize=(10, 3.4))
    for ax, objective in zip(axes, OBJECTIVES, strict=True):
        for width in sizes:
            curve = runs[(runs["group"] == "probe") & (runs["objective"] == objective) & (runs["width"] == width)]
            curve = curve.sort_values("lr")
            ax.plot(curve["lr"], curve["loss"], marker=".", label=f"width {width:.0f}")
        ax.set(title=objective, xscale="log", xlabel="learning rate")
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("validation loss, nats/byte")
    axes[0].legend(fontsize=7)
    fig.tight_layout()
    fig.savefig(IMAGES / "calibration-rates.png", dpi=90)
    fig, axes = plt.subplots(2, 3, figsize=(10, 6), sharex=True, sharey=True)
    for i, objective in enumerate(REPEATED):
        rows = select(runs, "repeated", objective)
        for j, U in enumerate((2048, 4096, 8192)):
            ax = axes[i, j]
            for width, run in rows[rows["U_D"] == U].groupby("width") if len(rows) else []:
                ax.plot(run["epochs"], run["loss"], marker=".", label=f"width {width:.0f}")
            ax.set(title=f"{objective}, U_D = {U:,}", xscale="log", ylim=(2, 5))
            ax.grid(alpha=0.3)
        axes[i, 0].set_ylabel("validation loss, nats/byte")
    if axes[0, 0].lines:
        axes[0, 0].legend(fontsize=8)
    for ax in axes[1]:
        ax.set_xlabel("epochs")
    fig.tight_layout()
    fig.savefig(IMAGES / "calibration-epochs.png", dpi=90)
    plt.close("all")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--forecast", choices=REPEATED, help="write the forecast of the largest width, nothing else")
    if objective := parser.parse_args().forecast:
        forecast(objective)
        return
    warnings.simplefilter("ignore")
    runs = load()
    draw(runs)
    page = f"""# Calibration: our own runs, fitted by our own library

Written by `docs/scripts/calibration.py` from `data/calibration/*/runs.jsonl` ({len(runs)} rows of
{runs["run_id"].nunique()} runs so far; `data/calibration/README.md` has the command that continues them). Byte-level models of
{runs["N"].min():,.0f} to {runs["N"].max():,.0f} parameters on two cores of a shared x86-64 server. Losses are nats per byte on
eight books that no model trained on: exact for autoregressive models, an upper bound (ELBO) for masked and uniform
diffusion. N counts the embedding rows of the bytes that occur.

These are toy sizes. The page shows that the tools work on data nobody smoothed, and what so little compute can and
cannot determine. Do not use its coefficients for a large model.

## Learning rates

Six rates at every width, half a million tokens, cooled down; the best by a parabola in log lr through the lowest three.
A width counts as tuned where the rate of its runs is within a factor {TRUSTED[0]} of the best, or costs less than
{100 * TRUSTED[1]:.1f} % of the loss.

{table(tuning(runs)) if (runs["group"] == "probe").any() else NOT_YET}

![loss against learning rate](images/calibration-rates.png)

The best rate falls with the tokens as well (about as their power −0.3 at width 32), and one trunk serves all token counts
of a size: at the ends of its range a rate that is best in the middle costs up to about one percent.

## One epoch

Cooled losses: three seeds of one trunk per size, a 20 % cool-down branch per token count. The points of a trunk are not
independent: intervals resample whole trunks. Rows on the plateau of letter frequencies are left out by one rule, for all
objectives alike, and named.

{single_epoch(runs)}

### IsoFLOP slices

{slices(runs)}

![loss against N at fixed compute](images/calibration-isoflops.png)

### Noise between seeds

{seeds(runs)}

### The largest width, predicted before it was trained

{scored(runs)}

## Repeated data: the loss turns up

Trunk losses at constant learning rate. A run stops when its loss stays 0.3 nats above its minimum three times.

![loss against epochs](images/calibration-epochs.png)

{minima(runs)}

### Autoregression or diffusion on the same unique data

{crossings(runs)}

### Which law predicts what it has not seen?

Root mean square of log(predicted / observed); 0.01 is one percent. Every law but bounded Memorization has the Chinchilla base; all are fitted with
the default objective. The split "past twice the best epoch" is the practical one: it asks whether a law knows how bad
overfitting gets before having seen much of it. `Memorization` is this project's own form; these runs were not used to
design it.

{compare(runs)}

### Coefficients

Intervals resample whole runs ({REPEATED_DRAWS} draws: the ends are rough).

{coefficients(runs) or NOT_YET}

## The paper's ablations at one size

Width 32, depth 2, masked unless said, 1,048,576 tokens, cooled, two seeds, one validation recipe for all. Each row
changes what it names in the recipe; a difference smaller than that of two seeds is no ranking. The uniform model's loss
is the exact ELBO of its own process. ``head_size`` is the heads' as built.

{ablations(runs)}
"""
    (ROOT / "docs" / "calibration.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
