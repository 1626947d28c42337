"""Learning rates by measurement: a short pack of rates at each size, kept as rows, and the best of each curve."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reference_trainer.execution import Execution
from reference_trainer.records import read_rows
from reference_trainer.spec import RunSpec, default_lr
from reference_trainer.step import DEFAULT
from reference_trainer.sweep import sweep
from reference_trainer.train import PROBE, Trainer

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
PROBE_FACTORS = (0.125, 0.25, 0.5, 0.71, 1.0, 1.41, 2.0, 4.0)  # of the command `probe`
TOKENS = 2**19  # of a probe, at most


def probes(spec: RunSpec) -> list[RunSpec]:
    """The runs of the tuning curve of a spec's size: rates around the rule's, one seed, one cool-down."""
    tokens = min(spec.tokens, TOKENS)
    one = replace(
        spec, group=PROBE, tokens=tokens, cooled_at=(tokens,), evaluated_at=(), unique_tokens=0, seed=0, early_stop=0.0
    )
    rule = default_lr(spec.width, spec.init, spec.objective)
    return [replace(one, lr=float(f"{rule * factor:.4g}")) for factor in FACTORS]


def best_rate(lr: Iterable[float], loss: Iterable[float]) -> float:
    """Rate at the minimum of a parabola in log lr through the lowest point and its neighbours.

    At an edge of the curve, or where a neighbour has no loss, it is the lowest point itself.
    """
    curve = pd.Series(list(loss), index=np.log(list(lr)), dtype=float).sort_index()
    low = int(np.nanargmin(curve.to_numpy()))
    around = curve.iloc[max(0, low - 1) : low + 2]
    if len(around) < 3 or around.isna().any():
        return float(np.exp(curve.index[low]))
    a, b, _ = np.polyfit(around.index.to_numpy(), around.to_numpy(), 2)
    return float(np.exp(-b / (2 * a)))


def tune(specs: list[RunSpec], out: Path, **options: Any) -> list[RunSpec]:
    """Train the tuning curve of each size and give every run of it that has the rule's rate the best one.

    The curves stay in ``runs.jsonl`` as rows of ``phase = "probe"``; finished ones are not trained again.

    Parameters
    ----------
    options
        Of :func:`~reference_trainer.sweep.sweep`.
    """
    by_rule = [spec for spec in specs if spec.lr == default_lr(spec.width, spec.init, spec.objective)]
    curves = {spec: probes(spec) for spec in by_rule}
    sweep([probe for curve in curves.values() for probe in curve], out, **options)
    homes = {out / spec.objective if options.get("by_objective") else out for spec in by_rule}
    losses = {row["run_id"]: row.get("loss", np.nan) for home in homes for row in read_rows(home / "runs.jsonl")}
    tuned = {}
    for spec, curve in curves.items():
        found = [losses.get(probe.run_id, np.nan) for probe in curve]
        if not np.isnan(found).all():
            tuned[spec] = float(f"{best_rate([probe.lr for probe in curve], found):.4g}")
    return [replace(spec, lr=tuned.get(spec, spec.lr)) for spec in specs]


def probe_lr(
    spec: RunSpec, *, execution: Execution = DEFAULT, factors: tuple[float, ...] = PROBE_FACTORS
) -> pd.DataFrame:
    """Cooled validation loss at multiples of a learning rate, all trained at once as one pack.

    Nothing is written: a probe chooses an ``--lr``, it makes no calibration point.
    """
    with tempfile.TemporaryDirectory() as folder:
        pack = [replace(spec, lr=spec.lr * f) for f in factors]
        rows = Trainer(pack, Path(folder), execution=execution).run()
    table = pd.DataFrame(rows).reindex(columns=["lr", "loss", "val_se_mc", "status"])
    return table.sort_values("lr", ignore_index=True)
