"""Make docs/intervals.md: how often intervals hold the truth of simulated runs, and how far off each rule is.

python docs/scripts/intervals.py FOLDER > docs/intervals.md     # two minutes

The simulations are those of benchmarks/coverage.py and benchmarks/one_answer.py, the real sweeps those of benchmarks/one_answer_real.py. Epoch's
table may not ship: without the folder of public tables that section is left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from calibration_rows import table

from quokka_laws.fitting.budgets import group_budgets
from quokka_laws.fitting.isoflop_errors import Minima
from quokka_laws.literature.datasets import load_quokka_isoflops

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import coverage  # noqa: E402
import one_answer  # noqa: E402
import one_answer_real  # noqa: E402
from one_answer_real import epoch, forecasts  # noqa: E402
from truths import DESIGNS, TRUTHS  # noqa: E402

TABLES, FEW = 800, 100
BEND_AT, CUTS = 1e20, (1e19, 3e19, 1e20, 3e20, 1e21, 1e22)
NAMES = {
    "6, grid": "6, a grid",
    "9, grid": "9, a grid",
    "15, isoflop": "15, IsoFLOP",
    "30, L-shaped": "30, an L",
    "40, isoflop": "40, IsoFLOP",
    "87, quokka": "87, Quokka's",
}

HEAD = f"""# What intervals hold

*Made by `python docs/scripts/intervals.py`; do not edit.*

Runs are simulated from a known law, so that the truth is known, and 95 % intervals are asked whether they hold it.

## One law that is right

Chinchilla's law, fitted with `LogHuber("auto")` to {TABLES} tables of each design and kind of noise (`benchmarks/coverage.py`). Each cell has the lowest and the highest
share of intervals that hold the truth, of four: those of alpha, of the best size at the largest budget and at 100 times it, and of the loss at 10 times it. A share has
a standard error of 1 %. Under 13 runs the exponents have the [weak prior](mathematics.md#priors-of-few-runs) that is the default, and truths are drawn from it; without it
six runs hold {{without}}.
"""

NOISE = """
*Heavy tails*: Student's t with three degrees of freedom, .5 %. *Outliers*: one run in twenty 5 % too high, the others .3 %. *Uneven*: 1 % for the smallest models, a quarter
of that for the largest. There alpha, which the smallest models decide, is held less often: {uneven}.

*Mis-tuned*: the smallest models are up to 2.5 % too high, in a power of N, as when their learning rate is off. The law is then wrong in a way that no
table of final losses shows, and no interval knows: it is itself a power of N. Only a column of learning rates, or the runs' own curves, can tell.
"""

ANSWER = f"""
## One answer

The best size at 100 times the largest budget, by each rule: {FEW} tables of each of {len(TRUTHS)} truths (Chinchilla's law twice, Skaling's twice, Kaplan's with a floor, and a bounded
loss that none of the laws can be), {len(one_answer.USED)} designs and {len(one_answer.NOISE)} kinds of noise (`benchmarks/one_answer.py`). *Error* is the root mean square of ln(N found / N best),
*worst* and *least* are over the cells, *width* the mean of the interval in ln N. `consensus` is what `ql.consensus`, `quokka-laws fit` and the report answer.
"""

REAL = """
## Two real sweeps

Of a real sweep the truth is not known, but its expensive budgets are: each budget's own parabola is the outcome, and is forecast from the budgets below it
(`benchmarks/one_answer_real.py`; its error is added to the forecast's). *Bias* is the mean of ln(N forecast / N found). Losses instead of sizes are in
[forecasts and outcomes](truth.md).
"""

BEND = """
Nobody is honest on Epoch's runs, because their best sizes do not follow one power law: of the budgets up to 1e20 the minima grow as C to the {cheap:.2f}, of those beyond as C to
the {dear:.2f}. Every rule extends what it has seen, and says too large a model. The more expensive the runs that are fitted, the lower the exponent:

{exponents}

It is not the scatter of digitised points (the minima are known to {error:.0%}, the median) nor the five outlying runs (they are left out). Whether it is the recipe of
the small runs or the law, these runs do not say. A fit of such runs says that its residuals bend with C or N (`PATTERN`), and `ql.consensus` widens its interval by how fast its
answer drifts as expensive runs are left out: hence its {held:.0%} where one law's holds {alone:.0%}.
"""


def spans(found: pd.DataFrame) -> pd.DataFrame:
    """Lowest and highest share held, by design and noise, and the usual width of ln N at ×100."""
    held = [f"held: {k}" for k in coverage.ASKED]
    text = found[held].agg(["min", "max"], axis=1).apply(lambda row: span(row["min"], row["max"]), axis=1)
    wide = found.assign(text=text).pivot(index="design", columns="noise", values="text")
    wide["width of ln N at ×100, 1 %"] = found[found["noise"] == "1 %"].set_index("design")["width: N at x100"]
    names = {"5 % outliers": "outliers", "heteroscedastic": "uneven"}
    ordered = wide.loc[list(DESIGNS), [*coverage.SCATTER, wide.columns[-1]]].rename(columns=names, index=NAMES)
    return ordered.rename_axis("runs").reset_index()


def span(low: float, high: float) -> str:
    """Two shares in per cent, which a narrow column does not break."""
    return f"{100 * low:.0f}–{100 * high:.0f}\u00a0%"


def real(folder: Path) -> None:
    """Print the section of real sweeps."""
    sweeps = {"Quokka": (load_quokka_isoflops(), 0.1), "Epoch": (epoch(folder / "epoch_chinchilla"), 0.2)}
    found = {name: forecasts(*sweep) for name, sweep in sweeps.items()}
    scores = pd.concat({name: one_answer_real.summary(f) for name, f in found.items()}, names=["runs", "method"])
    shown = scores.reset_index().rename(columns={"rmse": "error"})
    print(REAL)
    print(table(shown.assign(held=shown["held"].map("{:.0%}".format))))
    runs, tolerance = sweeps["Epoch"]
    minima = Minima.of(np.log(runs["N"]), group_budgets(runs["C"].to_numpy(), tolerance), runs["loss"].to_numpy()[None])
    assert minima is not None
    log_C, log_N, error = (np.ravel(v) for v in (minima.log_C, minima.log_N, minima.error))
    growth = {}
    for side, part in (("cheap", log_C <= np.log(BEND_AT)), ("dear", log_C > np.log(BEND_AT))):
        known = part & np.isfinite(log_N) & np.isfinite(error)
        growth[side] = float(np.polyfit(log_C[known], log_N[known], 1, w=1.0 / error[known])[0])
    by_cut = one_answer_real.exponents(runs, CUTS).astype(object)
    by_cut["runs up to C"] = by_cut["runs up to C"].map("{:.0e}".format)
    held = scores["held"]["Epoch"]
    print(
        BEND.format(
            exponents=table(by_cut), error=np.nanmedian(error), held=held["consensus"], alone=held["skaling"], **growth
        ),
        end="",
    )


def main() -> None:
    """Print the page."""
    found = coverage.linearised(TABLES)
    has_prior = found["design"].isin(found.loc[found["interval"] == "prior", "design"])
    default = found[(found["interval"] == "prior") | ~has_prior]
    lawful = found[found["noise"].isin(coverage.LAWFUL)]
    six = lawful[(lawful["design"] == "6, grid") & (lawful["interval"] == "auto")][
        [f"held: {k}" for k in coverage.ASKED]
    ]
    uneven = default[(default["noise"] == "heteroscedastic") & (default["design"] != "6, grid")]["held: alpha"]
    print(HEAD.format(without=span(six.to_numpy().min(), six.to_numpy().max())))
    print(table(spans(default)))
    print(NOISE.format(uneven=span(uneven.min(), uneven.max())))
    print(ANSWER)
    rules = one_answer.summary(one_answer.simulated(FEW)).rename_axis(["designs", "rule"]).reset_index()
    for column in ("coverage", "least"):
        rules[column] = rules[column].map("{:.0%}".format)
    print(table(rules.rename(columns={"rmse": "error", "worst": "worst error", "coverage": "held"})))
    if len(sys.argv) > 1:
        real(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
