"""Sweeps by name, sized by measured throughput of one CPU core (see docs/trainer.md)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reference_trainer.spec import RunSpec

LADDER = ((8, 1), (16, 1), (24, 2), (32, 2), (48, 2), (64, 3))  # width, depth
# Small models leave the plateau of letter frequencies sooner with these (docs/trainer.md); the paper's choices are the
# spec's defaults.
SMALL: dict[str, Any] = {"head_size": 8, "rope_base": 100.0, "init": "scaled"}


def powers(low: int, high: int) -> tuple[int, ...]:
    """2^low … 2^high."""
    return tuple(2**k for k in range(low, high + 1))


def smoke(corpus: str, validation: str = "") -> list[RunSpec]:
    """Two sizes, two token counts, both objectives: seconds, to see that everything works."""
    base = RunSpec(corpus=corpus, validation=validation, eval_sequences=64, eval_passes=2, batch=8, **SMALL)
    return [
        replace(base, objective=o, width=w, depth=1, tokens=2**15, cooled_at=(2**14, 2**15), lr=0.0)
        for o in ("autoregressive", "masked")
        for w in (8, 16)
    ]


def cpu_demo(corpus: str, validation: str = "") -> list[RunSpec]:
    """A single-epoch autoregressive ladder and a repeated-data set: minutes on two cores."""
    base = RunSpec(
        objective="autoregressive", corpus=corpus, validation=validation, batch=8, eval_sequences=512, **SMALL
    )
    runs = []
    for w, d in LADDER:
        top = 19 if w < 48 else 18
        runs.append(replace(base, width=w, depth=d, tokens=2**top, cooled_at=powers(14, top), lr=0.0, group="grid"))
    for w, d in ((16, 1), (32, 2), (48, 2)):
        for U, epochs in ((2**12, 128), (2**13, 64), (2**14, 32)):
            runs.append(_repeated(replace(base, width=w, depth=d, eval_sequences=256, lr=0.0), U, U * epochs, ratio=2))
    return largest_first(runs)


def calibration(corpus: str, validation: str = "") -> list[RunSpec]:
    """The committed calibration data: grids, repetition, seeds, held-out runs and ablations; an hour or two on CPU."""
    base = RunSpec(corpus=corpus, validation=validation, **SMALL)
    runs: list[RunSpec] = []
    for objective in ("autoregressive", "masked"):
        own = replace(base, objective=objective)
        grid = powers(17, 22)
        for w, d in LADDER:
            runs.append(replace(own, width=w, depth=d, tokens=grid[-1], cooled_at=grid, lr=0.0, group="grid"))
        for w, d in ((16, 1), (32, 2), (48, 2), (64, 3)):
            for U in (2**11, 2**13, 2**15):
                few = replace(own, width=w, depth=d, eval_sequences=512, early_stop=0.5, lr=0.0)
                runs.append(_repeated(few, U, 2**22, ratio=2**0.5))
        for w, d in ((16, 1), (32, 2)):
            short = replace(own, width=w, depth=d, tokens=2**20, cooled_at=(2**18, 2**20), lr=0.0, group="seeds")
            runs += [replace(short, seed=seed) for seed in (1, 2)]
        largest = replace(own, width=96, depth=3, tokens=2**22, cooled_at=(2**22,), lr=0.0)
        runs.append(replace(largest, group="held-out"))
    return largest_first(runs) + ablations(base)


def ablations(base: RunSpec) -> list[RunSpec]:
    """The paper's Section 5 at one size, two seeds each; and each choice of ``SMALL`` taken back."""
    small = replace(
        base, objective="masked", width=32, depth=2, tokens=2**20, cooled_at=(2**20,), lr=0.0, group="ablation"
    )
    runs = [
        small,
        *(
            replace(small, sampler=s, schedule=f)
            for s in ("stratified-t", "iid-t")
            for f in ("linear", "poly2", "cosine")
        ),
        replace(small, weighting="maskgit"),
        replace(small, curriculum="moving-gaussian"),
        replace(small, objective="uniform"),
        *(replace(small, weight_decay=w) for w in (0.0, 1.0)),
        *(replace(small, lr=small.lr * f) for f in (0.5, 2.0)),
        *(replace(small, batch=b) for b in (4, 64)),
        replace(small, init="normal-0.02"),
        replace(small, rope_base=10000.0),
        replace(small, head_size=32),
    ]
    return [replace(run, seed=seed) for run in runs for seed in (0, 1)]


def _repeated(spec: RunSpec, U: int, tokens: int, *, ratio: float) -> RunSpec:
    """U unique tokens repeated up to a token count; evaluated at one epoch times powers of ``ratio``."""
    marks = []
    epochs = 1.0
    while U * epochs <= tokens * 1.001:
        marks.append(round(U * epochs))
        epochs *= ratio
    learned = tuple(m for m in marks if m >= 2**13)  # before that nothing has been learned that could be forgotten
    return replace(spec, unique_tokens=U, tokens=tokens, cooled_at=(), evaluated_at=learned, group="repeated")


def largest_first(runs: list[RunSpec]) -> list[RunSpec]:
    """Long runs first, so that the last worker does not finish alone."""
    return sorted(runs, key=lambda s: -s.tokens * (s.depth * s.width**2 + 2000))


PRESETS = {"smoke": smoke, "cpu-demo": cpu_demo, "calibration": calibration}
