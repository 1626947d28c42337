"""The whole way: train on a source of known entropy rate, fit, and find that entropy in the interval of E."""

from __future__ import annotations

from pathlib import Path

import pytest

from reference_trainer import corpus
from reference_trainer.presets import SMALL
from reference_trainer.records import append_rows
from reference_trainer.spec import RunSpec
from reference_trainer.train import Trainer


@pytest.mark.slow
def test_floor_of_a_ladder_is_the_entropy_of_the_source(tmp_path: Path) -> None:
    ql = pytest.importorskip("quokka_laws")
    text = corpus.load("synthetic")
    assert text.entropy_rate is not None
    for width in (4, 8, 12, 16, 24, 32):
        spec = RunSpec(
            objective="autoregressive", width=width, depth=1, context=32, batch=16, tokens=2**21,
            cooled_at=tuple(2**k for k in range(16, 22)), eval_sequences=4096, **{**SMALL, "init": "scaled", "head_size": min(width, 8)},
        )  # fmt: skip
        append_rows(Trainer([spec], tmp_path, corpus=text).run(), tmp_path / "runs.jsonl")
    runs = ql.read_runs(tmp_path / "runs.jsonl")
    fit = ql.fit(ql.laws.Chinchilla(), runs, bootstrap=300, cluster=None, seed=0)
    floor = fit.summary.loc["E"]
    print(f"entropy {text.entropy_rate:.4f}, lowest loss {runs['loss'].min():.4f}", floor, sep="\n")
    assert floor["lower"] <= text.entropy_rate <= floor["upper"], (text.entropy_rate, floor)
    assert floor["value"] == pytest.approx(text.entropy_rate, rel=0.05)
