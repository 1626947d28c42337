"""Make docs/truth.md: forecasts of the dear runs of public sweeps from their cheap ones, beside what happened.

python docs/scripts/truth.py [folder of tables that may not ship] > docs/truth.md     # three minutes

Quokka's sweep and the runs of arXiv 2607.25271 ship; Epoch's and datablations are read from the folder where there is one.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import quokka_laws as ql
from quokka_laws.exceptions import FitError, RunsError

FACTORS, LEVEL, FEWEST, REFITS = (3.0, 10.0, 30.0), 0.9, 15, 300
FEW_EPOCHS, LEARNED = (
    4.0,
    6.0,
)  # repeated tokens up to here are worth about fresh ones; losses above are a model that has learned nothing

HEAD = """# Forecasts and outcomes

*Made by `python docs/scripts/truth.py`; do not edit.*

Each row fits the runs whose compute is at most the largest over the factor, and forecasts the losses of all more expensive runs. *Error* is the root mean
square of ln(forecast/outcome), *held* the share of outcomes inside the 90 % interval of one run, *width* its mean width in ln loss. `average` is
`ql.average(None, runs)`; beside it a bootstrap of Chinchilla's law alone (`predict(kind="run")`), which is what is usually printed. *Law* is what
`ql.fit(runs)` chooses from the cheap runs.
"""


def once(table: pd.DataFrame) -> pd.DataFrame:
    """One row for each size and token count: the median of what was tried."""
    return ql.check_runs(table.groupby(["N", "D"], as_index=False)["loss"].median())


def tables(folder: Path | None) -> dict[str, pd.DataFrame]:
    """Public sweeps in one pass over the data, or nearly."""
    reuse = ql.datasets.load_reuse2026()
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


def forecast(runs: pd.DataFrame, factor: float) -> dict[str, object] | None:
    """One row of the table; None with too few cheap runs."""
    cheap = runs["C"] <= runs["C"].max() / factor * (1 + 1e-6)
    fitted, dear = (runs[m].reset_index(drop=True) for m in (cheap, ~cheap))
    if len(fitted) < FEWEST or len(dear) < 3:
        return None
    at = {k: dear[k].to_numpy() for k in ("N", "D")}
    try:
        stacked = ql.average(None, fitted).predict(level=LEVEL, **at)
        alone = ql.fit("chinchilla", fitted, bootstrap=REFITS).predict(level=LEVEL, kind="run", **at)
        law = ql.fit(fitted).label
    except (FitError, RunsError):
        return None
    row: dict[str, object] = {"fitted → forecast": f"{len(fitted)} → {len(dear)}", "up to": f"×{factor:g}", "law": law}
    for name, said in (("average", stacked), ("Chinchilla", alone)):
        error = np.log(said["loss"].to_numpy() / dear["loss"].to_numpy())
        held = (said["loss_lower"] <= dear["loss"]) & (dear["loss"] <= said["loss_upper"])
        row[f"{name}: error"], row[f"{name}: held"] = float(np.sqrt(np.mean(error**2))), float(held.mean())
        row[f"{name}: width"] = float(np.log(said["loss_upper"] / said["loss_lower"]).mean())
    return row


def main() -> None:
    """Print the page."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    rows = []
    for name, runs in tables(folder).items():
        for factor in FACTORS:
            if row := forecast(runs, factor):
                rows.append({"runs": name, **row})
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
        f"{mean['average: width']:.3f}; Chinchilla alone errs by {mean['Chinchilla: error']:.2%} and holds {mean['Chinchilla: held']:.0%}."
    )


if __name__ == "__main__":
    main()
