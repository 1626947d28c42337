"""Repeated data: where the loss turns up, when diffusion passes below autoregression, and which law knows it beforehand."""

from __future__ import annotations

import numpy as np
import pandas as pd
from calibration_rows import NOT_YET, OBJECTIVES, REPEATED, keep, learned, panels, rms, select, table

import quokka_laws as ql

REPEATED_DRAWS = 40  # a fit of a repeated-data law costs a hundred times more than one of a single epoch
STARTS = 16
UNIQUE = (2048, 4096, 8192)
LAWS = {
    "Quokka Eq. 14": ql.laws.QuokkaRepeated,
    "additive (Eq. 18)": ql.laws.AdditiveOverfit,
    "softplus (Eq. 22)": ql.laws.SoftplusOverfit,
    "Memorization": ql.laws.Memorization,
    "bounded Memorization": ql.laws.BoundedMemorization,
    "effective data (Muennighoff)": ql.laws.EffectiveData,
}


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
        span = "–" if not np.isfinite(low) else f"{low:.0f} to {'never' if np.isinf(high) else f'{high:.0f}'}"
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


def epochs_figure(runs: pd.DataFrame) -> None:
    """Loss against epochs."""
    fig, axes = panels(2, [f"{o}, U_D = {U:,}" for o in REPEATED for U in UNIQUE], "epochs")
    for i, objective in enumerate(REPEATED):
        rows = select(runs, "repeated", objective)
        for ax, U in zip(axes[i], UNIQUE, strict=True):
            for width, run in rows[rows["U_D"] == U].groupby("width") if len(rows) else []:
                ax.plot(run["epochs"], run["loss"], marker=".", label=f"width {width:.0f}")
            ax.set_ylim(2, 5)
    keep(fig, axes, "calibration-epochs.png")
