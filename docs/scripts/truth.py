"""Make docs/truth.md and its figure: forecasts of the expensive runs of public sweeps from their cheap ones, beside what happened.

python docs/scripts/truth.py [folder of tables that may not ship] > docs/truth.md     # three minutes

Quokka's sweep and the runs of arXiv 2607.25271 ship, and are drawn; Epoch's and datablations are read from the folder where there is one.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import quokka_laws as ql
from quokka_laws.exceptions import FitError, RunsError
from quokka_laws.reporting.plot.axes import BLACK, BLUE, ORANGE

FIGURE, DRAWN = Path(__file__).parents[1] / "images" / "truth.png", 10.0
FACTORS, LEVEL, FEWEST, REFITS = (3.0, 10.0, 30.0), 0.9, 15, 300
FEW_EPOCHS, LEARNED = (
    4.0,
    6.0,
)  # repeated tokens up to here are worth about fresh ones; losses above are a model that has learned nothing

SHIPPED = ("Quokka", "arXiv 2607.25271")

HEAD = """# Forecasts and outcomes

*Made by `python docs/scripts/truth.py`; do not edit.*

Each row fits the runs whose compute is at most the largest over the factor, and forecasts the losses of all more expensive runs. *Error* is the root mean
square of ln(forecast/outcome), *held* the share of outcomes inside the 90 % interval of one run, *width* its mean width in ln loss. `average` is
`ql.average(None, runs)`; beside it a bootstrap of Chinchilla's law alone (`predict(kind="run")`), which is what is usually printed. *Law* is what
`ql.fit(runs)` chooses from the cheap runs. *Of all runs* is the error on the more expensive runs of the better of Chinchilla's and Skaling's law when they are
fitted to these as well, every run counting the same: what such laws miss where nothing is held back.

![The more expensive runs of two sweeps: the interval that Chinchilla's law alone claims, the forecast of the average, and the outcome at zero](images/truth.png)

The sweeps that ship, forecast from the runs of at most a tenth of the largest compute: the outcome of each more expensive run is the zero line, and a bar
that misses it was wrong.
"""


def once(table: pd.DataFrame) -> pd.DataFrame:
    """One row for each size and token count: the median of what was tried."""
    return ql.check_runs(table.groupby(["N", "D"], as_index=False)["loss"].median())


def tables(folder: Path | None) -> dict[str, pd.DataFrame]:
    """Public sweeps in one pass over the data, or nearly."""
    reuse = ql.datasets.load_reuse2026("dolma")  # losses of different corpora do not compare
    found = {
        "Quokka, 87 diffusion runs": ql.datasets.load_quokka_isoflops(),
        "arXiv 2607.25271, up to 4 epochs": once(reuse[(reuse["epochs"] <= FEW_EPOCHS) & (reuse["loss"] < LEARNED)]),
    }
    if folder is not None:
        epoch = ql.datasets.read_epoch_chinchilla(folder / "epoch_chinchilla" / "svg_extracted_data.csv")
        found["Epoch, 240 Chinchilla runs"] = ql.check_runs(epoch.sort_values("loss").iloc[:-5].reset_index(drop=True))
        blations = pd.read_csv(folder / "datablations" / "runs.csv")
        few = (blations["epochs"] <= FEW_EPOCHS) & (blations["loss"] < LEARNED) & (blations["corpus"] == "c4")
        found["datablations, up to 4 epochs"] = once(blations[few])
    return found


def said_of(runs: pd.DataFrame, factor: float) -> tuple[str, int, dict[str, pd.DataFrame], float] | None:
    """The law chosen from the cheap runs, how many they are, what is said of each expensive one, and the error of laws of all runs.

    None with too few cheap runs.
    """
    cheap = runs["C"] <= runs["C"].max() / factor * (1 + 1e-6)
    fitted, dear = (runs[m].reset_index(drop=True) for m in (cheap, ~cheap))
    if len(fitted) < FEWEST or len(dear) < 3:
        return None
    at = {k: dear[k].to_numpy() for k in ("N", "D")}
    try:
        stacked = ql.average(None, fitted).predict(level=LEVEL, **at)
        alone = ql.fit("chinchilla", fitted, bootstrap=REFITS).predict(level=LEVEL, kind="run", **at)
        law = ql.fit(fitted).label
        after = min(_missed(ql.fit(form, runs, objective="auto"), dear) for form in ("chinchilla", "skaling"))
    except (FitError, RunsError):
        return None
    outcome = {"outcome": dear["loss"].to_numpy(), "C": dear["C"].to_numpy()}
    return law, len(fitted), {"average": stacked.assign(**outcome), "Chinchilla": alone.assign(**outcome)}, after


def _missed(fit: ql.FitResult, dear: pd.DataFrame) -> float:
    """Root mean square error in log-loss."""
    return float(np.sqrt(np.mean(np.log(fit(N=dear["N"], D=dear["D"]) / dear["loss"]) ** 2)))


def scored(law: str, fitted: int, said: dict[str, pd.DataFrame], after: float, factor: float) -> dict[str, object]:
    """One row of the table."""
    dear = len(said["average"])
    row: dict[str, object] = {"fitted → forecast": f"{fitted} → {dear}", "up to": f"×{factor:g}", "law": law}
    for name, one in said.items():
        error = np.log(one["loss"] / one["outcome"])
        held = (one["loss_lower"] <= one["outcome"]) & (one["outcome"] <= one["loss_upper"])
        row[f"{name}: error"], row[f"{name}: held"] = float(np.sqrt(np.mean(error**2))), float(held.mean())
        row[f"{name}: width"] = float(np.log(one["loss_upper"] / one["loss_lower"]).mean())
    return {**row, "of all runs: error": after}


def draw(drawn: dict[str, dict[str, pd.DataFrame]]) -> None:
    """Claim, forecast and outcome of every dear run, one panel a sweep."""
    from matplotlib.figure import Figure

    counts = [len(said["average"]) for said in drawn.values()]
    figure = Figure(figsize=(9.0, 3.9), layout="constrained")
    panels = figure.subplots(1, len(drawn), sharey=True, width_ratios=[max(n, 15) for n in counts], squeeze=False)[0]
    looks = {
        "Chinchilla": ("claim: Chinchilla's law alone", ORANGE, -0.18),
        "average": ("forecast: average", BLUE, 0.18),
    }
    for ax, (name, said) in zip(panels, drawn.items(), strict=True):
        for method, (label, colour, shift) in looks.items():
            one = said[method].sort_values(["C", "N"])
            middle, low, high = (100.0 * (one[c] / one["outcome"] - 1.0) for c in ("loss", "loss_lower", "loss_upper"))
            x = np.arange(len(one)) + shift
            ax.vlines(x, low, high, color=colour, lw=2.5, label=f"{label}, {100 * LEVEL:.0f} % interval")
            ax.plot(x, middle, ".", color=colour, ms=7, mec=BLACK, mew=0.5)
        ax.axhline(0.0, color=BLACK, lw=1.2, label="outcome")
        ax.set(title=name.replace(", ", "\n", 1), xlabel="more expensive runs, cheapest first", xticks=[])
        ax.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("loss over its outcome, minus 1 (%)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(FIGURE, dpi=110)


def main() -> None:
    """Print the page."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    rows, drawn = [], {}
    for name, runs in tables(folder).items():
        for factor in FACTORS:
            if (found := said_of(runs, factor)) is not None:
                rows.append({"runs": name, **scored(*found, factor)})
                if factor == DRAWN and name.startswith(SHIPPED):
                    drawn[name] = found[2]
    draw(drawn)
    table = pd.DataFrame(rows)
    numbers = [c for c in table if ": " in c]
    mean = table[numbers].mean()
    print(HEAD)
    shown = table.copy()
    for c in numbers:
        shown[c] = table[c].map(
            "{:.3f}".format if "width" in c else "{:.0%}".format if "held" in c else "{:.2%}".format
        )
    print("| " + " | ".join(shown.columns) + " |\n|" + "---|" * len(shown.columns))
    for values in shown.to_numpy():
        print("| " + " | ".join(map(str, values)) + " |")
    print(
        f"\nOver all rows: `average` errs by {mean['average: error']:.2%}, its intervals hold {mean['average: held']:.0%} at a width of "
        f"{mean['average: width']:.3f}; Chinchilla alone errs by {mean['Chinchilla: error']:.2%} and holds {mean['Chinchilla: held']:.0%}. "
        f"Laws of all runs err by {mean['of all runs: error']:.2%}."
    )


if __name__ == "__main__":
    main()
