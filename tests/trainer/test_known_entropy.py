"""The whole way: train on a source of known entropy rate, fit, and find that entropy in the interval of E."""

from __future__ import annotations

from pathlib import Path

import pytest

from reference_trainer import corpus
from reference_trainer.records import append_rows
from reference_trainer.spec import RunSpec
from reference_trainer.train import Trainer


@pytest.mark.slow
@pytest.mark.xfail(
    reason="not met: on small sweeps of this source the fit ends at E = 0 (entropy 1.737); on a first-order chain of 64 "
    "symbols it gave E 1.03, interval 0.74 to 2.13, where the entropy is 3.153. N is too small for A/N^alpha to be told "
    "from a floor"
)
def test_floor_of_a_ladder_is_the_entropy_of_the_source(tmp_path: Path) -> None:
    ql = pytest.importorskip("quokka_laws")
    text = corpus.load("synthetic")
    for width in (4, 6, 8, 12, 16, 24):
        spec = RunSpec(
            objective="autoregressive", width=width, depth=1, context=32, batch=16, tokens=2**19,
            cooled_at=tuple(2**k for k in range(15, 20)), eval_sequences=2048, lr=0.02,
        )  # fmt: skip
        append_rows(Trainer([spec], tmp_path, corpus=text).run(), tmp_path / "runs.jsonl")
    runs = ql.read_runs(tmp_path / "runs.jsonl")
    fit = ql.fit(ql.laws.Chinchilla(), runs, bootstrap=300, cluster=None, seed=0)
    floor = fit.summary.loc["E"]
    assert floor["lower"] <= text.entropy_rate <= floor["upper"], (text.entropy_rate, floor)
    assert floor["value"] == pytest.approx(text.entropy_rate, rel=0.15)
