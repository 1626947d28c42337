"""What a sweep costs: FLOPs of its trunks and branches, and GPU hours at a utilisation.

FLOPs are the trainer's own count (``flops_exact`` of its rows: 6 a weight and token, attention scores included), of what is
really trained: a trunk once, and each branch from where it departs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from reference_trainer.export import stages
from reference_trainer.model import counts
from reference_trainer.spec import RunSpec
from reference_trainer.sweep_table import shape_near

H200 = 989e12  # FLOP/s: dense bf16 of an H100 or H200
TOKENS_PER_PARAMETER = 20
RATIO = 2.0


def training_flops(specs: Iterable[RunSpec], vocabulary: int) -> float:
    """FLOPs of all jobs of some runs."""
    total = 0.0
    for spec in specs:
        steps = sum(stage.end - stage.begin for stage in stages(spec))
        total += float(steps * spec.tokens_per_step * counts(spec.shape(vocabulary))["flops_per_token"])
    return total


def gpu_hours(flops: float, mfu: float, *, peak: float = H200) -> float:
    """Hours of one GPU.

    Parameters
    ----------
    mfu : float
        Share of the peak that training uses, between 0 and 1.
    peak : float
        FLOP/s.
    """
    if not 0 < mfu <= 1:
        raise ValueError(f"mfu = {mfu} is not between 0 and 1")
    return flops / (mfu * peak) / 3600


def grid(
    compute: float, *, sizes: int = 5, points: int = 5, vocabulary: int = 50304, context: int = 2048, batch: int = 64
) -> list[RunSpec]:
    """A sweep whose largest run has ``compute`` = 6·N·D at 20 tokens a parameter; N and D go down by factors of two.

    One run a size: its trunk, with a branch that cools down for each D.
    """
    N = math.sqrt(compute / (6 * TOKENS_PER_PARAMETER))
    D = [round(TOKENS_PER_PARAMETER * N / RATIO**j) for j in range(points)]
    longest = RunSpec(
        objective="autoregressive", context=context, batch=batch, tokens=D[0], cooled_at=tuple(D), lr=1e-3
    )
    shapes = [shape_near(N / RATIO**i, vocabulary=vocabulary) for i in range(sizes)]
    return [replace(longest, width=width, depth=depth) for width, depth in shapes]
