"""Sweeps by name, sized by measured throughput of one CPU core (see docs/trainer.md)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reference_trainer.model import Shape, counts
from reference_trainer.spec import RunSpec

LADDER = ((8, 1), (16, 1), (24, 2), (32, 2), (48, 2), (64, 3))  # width, depth
# Small models leave the plateau of letter frequencies sooner with these, and one learning rate is good at all widths
# (docs/calibration.md); the paper's choices are the spec's defaults.
SMALL: dict[str, Any] = {"head_size": 8, "rope_base": 100.0, "init": "mup"}

# Of the calibration preset.
GRID = ((16, 2), (24, 2), (32, 2), (48, 3), (64, 3))
LARGEST = (96, 4)  # predicted before it is trained
TOKENS = (18, 22)  # powers of two
BUDGETS = (1e11, 2e11, 4e11)  # FLOPs of the IsoFLOP slices
SEEDS = (0, 1, 2)
RATES = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032)
ALPHABET = 105  # of the English novels it was made on: the slices' N


def powers(low: int, high: int) -> tuple[int, ...]:
    """2^low … 2^high."""
    return tuple(2**k for k in range(low, high + 1))


def smoke(corpus: str, validation: str = "") -> list[RunSpec]:
    """Two sizes, two token counts, both objectives: seconds, to see that everything works."""
    base = RunSpec(corpus=corpus, validation=validation, eval_sequences=64, eval_passes=2, batch=8, warmup=8, **SMALL)
    return [
        replace(base, objective=o, width=w, depth=1, tokens=2**15, cooled_at=(2**14, 2**15), lr=0.0)
        for o in ("autoregressive", "masked")
        for w in (8, 16)
    ]


def cpu_demo(corpus: str, validation: str = "") -> list[RunSpec]:
    """A single-epoch autoregressive ladder and a repeated-data set: minutes on two cores."""
    base = RunSpec(
        objective="autoregressive", corpus=corpus, validation=validation, batch=8, warmup=20, eval_sequences=512,
        **SMALL,
    )  # fmt: skip
    runs = []
    for w, d in LADDER:
        top = 19 if w < 48 else 18
        runs.append(replace(base, width=w, depth=d, tokens=2**top, cooled_at=powers(14, top), lr=0.0, group="grid"))
    for w, d in ((16, 1), (32, 2), (48, 2)):
        for U, epochs in ((2**12, 128), (2**13, 64), (2**14, 32)):
            runs.append(_repeated(replace(base, width=w, depth=d, eval_sequences=256, lr=0.0), U, U * epochs, ratio=2))
    return largest_first(runs)


def calibration(corpus: str, validation: str = "") -> list[RunSpec]:
    """The committed calibration data, in the order in which they are wanted; hours on two cores.

    Learning-rate curves at every width, a grid of N and D with IsoFLOP slices and three seeds, repeated data to past
    the minimum, for autoregressive and masked models; then uniform diffusion; then ablations.
    """
    base = RunSpec(corpus=corpus, validation=validation, batch=4, beta2=0.99, **SMALL)
    runs: list[RunSpec] = []
    for objective in ("autoregressive", "masked", "uniform"):
        own = replace(base, objective=objective)
        runs += [run for shape in GRID for run in _rates(own, *shape)]
        runs += [run for shape in GRID for run in _trunks(own, *shape)]
        for w, d in ((16, 2), (32, 2), (64, 3)) if objective != "uniform" else ((32, 2),):
            few = replace(own, width=w, depth=d, eval_sequences=256, early_stop=0.3, lr=0.0)
            more, most = ((2**14, 2**15, 2**16), 2**21) if objective == "autoregressive" else ((), 2**23)
            runs += [_repeated(few, U, most, ratio=2**0.5) for U in (2**11, 2**12, 2**13, *more)]
    return runs + ablations(base)


def calibration_largest(corpus: str, validation: str = "") -> list[RunSpec]:
    """The width that the calibration data's fits predict before it is trained, one seed, and its learning-rate curves."""
    base = RunSpec(corpus=corpus, validation=validation, batch=4, beta2=0.99, **SMALL)
    own = [replace(base, objective=objective) for objective in ("autoregressive", "masked")]
    trunks = [replace(run, group="held-out") for each in own for run in _trunks(each, *LARGEST)[:1]]
    return trunks + [run for each in own for run in _rates(each, *LARGEST)]


def _trunks(own: RunSpec, width: int, depth: int) -> list[RunSpec]:
    """Three seeds of a size: a cool-down at every power of two, and where an IsoFLOP slice crosses the size."""
    low, high = TOKENS
    N = counts(Shape(width, depth, ALPHABET, head_size=own.head_size))["N_total"]
    slices = (int(C / (6 * N)) for C in BUDGETS)
    points = (*powers(low, high), *(D for D in slices if 2 ** (low - 1) <= D <= 2**high))
    trunk = replace(own, width=width, depth=depth, tokens=2**high, cooled_at=points, lr=0.0, group="grid")
    return [replace(trunk, seed=seed) for seed in SEEDS]


def _rates(own: RunSpec, width: int, depth: int) -> list[RunSpec]:
    """The tuning curve of a size: of diffusion by five seeds, since its runs differ by more than its rates do."""
    probe = replace(own, width=width, depth=depth, tokens=2**19, cooled_at=(2**19,), eval_sequences=512, group="probe")
    seeds = (3,) if own.objective == "autoregressive" else (3, 4, 5, 6, 7)
    return [replace(probe, lr=lr, seed=seed) for seed in seeds for lr in RATES]


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
        *(replace(small, batch=b) for b in (16, 64)),
        replace(small, beta2=0.95),
        replace(small, init="normal-0.02"),
        replace(small, rope_base=10000.0),
        *(replace(small, head_size=size) for size in (16, 32)),
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


PRESETS = {
    "smoke": smoke,
    "cpu-demo": cpu_demo,
    "calibration": calibration,
    "calibration-largest": calibration_largest,
}
