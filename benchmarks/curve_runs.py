"""Train the runs whose curves benchmarks/curves.py forecasts: four widths, three schedules, a validation loss every fiftieth of the way.

    python benchmarks/curve_runs.py --corpus TEXT --validation TEXT [--dozens 3] --out data/curves/runs.csv.gz

Autoregressive, bytes, one epoch; a dozen runs take about four minutes of one core, and there are three dozens, with other seeds. The
trainer itself knows one schedule, a constant rate with cool-downs, and evaluates no cool-down on its way, so its steps are taken here one by
one. Runs that are in the file are not trained again.
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from quokka_laws.laws.schedules import relative_rate
from reference_trainer.corpus import Corpus, load
from reference_trainer.presets import SMALL
from reference_trainer.spec import RunSpec
from reference_trainer.train import Trainer

TOKENS = {16: 2**20, 24: 2**19, 32: 2**20, 48: 2**20}
"""By width: a run is not longer because it is wider."""
SCHEDULES = {"cosine": 0, "wsd": 1, "constant": 2}
"""With a seed each: runs of one width and one seed would be alike until their rates part."""
EVALUATIONS, WARM = 50, 0.02  # a run; the warm-up is a share of its steps


def spec(width: int, tokens: int, seed: int) -> RunSpec:
    """Two layers and small batches, as in the calibration runs."""
    return RunSpec(
        objective="autoregressive", width=width, depth=2, tokens=tokens, evaluated_at=(tokens,), batch=8, beta2=0.99,
        eval_sequences=512, seed=seed, **SMALL,
    )  # fmt: skip


def rates(schedule: str, steps: int) -> np.ndarray:
    """Learning rate of each step over the peak."""
    rate = relative_rate(schedule, (np.arange(steps) + 0.5) / steps)
    return np.asarray(rate * np.minimum(1.0, (np.arange(steps) + 1) / (WARM * steps)))


def train(run: RunSpec, schedule: str, corpus: Corpus) -> pd.DataFrame:
    """One row an evaluation."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer([run], Path(folder), corpus=corpus)
        steps = run.tokens // run.tokens_per_step
        rate = rates(schedule, steps)
        evaluated = {round(steps * k / EVALUATIONS) for k in range(1, EVALUATIONS + 1)}
        rows = []
        for step in range(steps):
            trainer.train_step(step, float(rate[step]))
            if step + 1 in evaluated:
                row = trainer.row(0, "trunk", step + 1, trainer.score()[0])
                rows.append(
                    {
                        "run_id": "",
                        "N": row["N"],
                        "D": row["D"],
                        "D_final": run.tokens,
                        "schedule": schedule,
                        "lr": float(f"{rate[step] * run.lr:.5g}"),
                        "loss": round(row["loss"], 5),
                        "train_loss": round(row["train_loss"], 5),
                        "seed": run.seed,
                    }
                )
    return pd.DataFrame(rows)


def main() -> None:
    """Train what the file does not have yet, and write it after every run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--validation", required=True)
    parser.add_argument("--dozens", type=int, default=3, help="the same runs, with other seeds")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    corpus = load(options.corpus, validation=options.validation, tokenizer=None, alphabet="compact")
    parts = [pd.read_csv(options.out)] if options.out.exists() else []
    there = set(parts[0]["run_id"]) if parts else set()
    for dozen, (width, tokens), (schedule, seed) in product(range(options.dozens), TOKENS.items(), SCHEDULES.items()):
        seed += len(SCHEDULES) * dozen
        name = f"width {width}, {schedule}, seed {seed}"
        if name not in there:
            parts.append(train(spec(width, tokens, seed), schedule, corpus).assign(run_id=name))
            print(f"{name}: {parts[-1]['loss'].iloc[-1]}", flush=True)
            pd.concat(parts).to_csv(options.out, index=False, compression={"method": "gzip", "mtime": 0})


if __name__ == "__main__":
    main()
