"""Fit the project's own calibration runs and write docs/calibration.md with its figures.

    python docs/scripts/calibration.py               # the page, from the rows there are
    python docs/scripts/calibration.py --forecast autoregressive    # before the largest width is trained: data/calibration/forecast.json

Reads data/calibration/*/runs.jsonl only: no training, no corpus, a few minutes on one core. Every number of the page is
computed here. Parts of the page whose runs are not there yet say so.
"""

from __future__ import annotations

import argparse
import warnings

import pandas as pd
from calibration_one_epoch import TRUSTED, forecast, rates_figure, scored, seeds, single_epoch, slices, tuning
from calibration_repeated import REPEATED_DRAWS, coefficients, compare, crossings, epochs_figure, minima
from calibration_rows import NOT_YET, REPEATED, ROOT, load, table


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--forecast", choices=REPEATED, help="write the forecast of the largest width, nothing else")
    if objective := parser.parse_args().forecast:
        forecast(objective)
        return
    warnings.simplefilter("ignore")
    runs = load()
    rates_figure(runs)
    epochs_figure(runs)
    page = f"""# Calibration: our own runs, fitted by our own library

Written by `docs/scripts/calibration.py` from `data/calibration/*/runs.jsonl` ({len(runs)} rows of
{runs["run_id"].nunique()} runs; `data/calibration/README.md` has the command that continues them). Byte-level models of
{runs["N"].min():,.0f} to {runs["N"].max():,.0f} parameters on two cores of a shared x86-64 server. Losses are nats per byte on
eight books that no model trained on: exact for autoregressive models, an upper bound (ELBO) for masked and uniform
diffusion. N counts the embedding rows of the bytes that occur.

These are toy sizes. The page shows that the tools work on data nobody smoothed, and what so little compute can and
cannot determine. Do not use its coefficients for a large model.

## Learning rates

Six rates at every width, half a million tokens, cooled down; diffusion by five seeds. The best rate and its interval are those of
`ql.fit_hyperparameters`. A width counts as tuned where the rate of its runs is within a factor {TRUSTED[0]} of the best, or costs less
than {100 * TRUSTED[1]:.1f} % of the loss.

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
