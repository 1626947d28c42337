"""When runs want their points, where cool-down branches leave the trunk, and the learning rate on the way."""

from __future__ import annotations

import math
from collections.abc import Sequence

from reference_trainer.spec import RunSpec


def ends(spec: RunSpec, kind: str) -> set[int]:
    """Steps at which a run wants a point of a kind: "trunk", or "cooled" by a branch that ends there."""
    tokens = spec.cooled_at if kind == "cooled" else spec.evaluated_at
    return {round(D / spec.tokens_per_step) for D in tokens}


def departure(spec: RunSpec, end: int) -> int:
    """The step of the trunk at which the branch that ends at ``end`` begins."""
    return end - max(1, round(end * spec.cooldown))


def events(specs: Sequence[RunSpec]) -> list[tuple[int, str, int]]:
    """What a pack does: (step of the trunk, kind, last step) in order, a branch being entered where it departs."""
    found = set()
    for spec in specs:
        found |= {(end, "trunk", end) for end in ends(spec, "trunk")}
        found |= {(departure(spec, end), "cooled", end) for end in ends(spec, "cooled")}
    return sorted(found)


def total_tokens(specs: Sequence[RunSpec]) -> int:
    """Tokens that each model of a pack processes, in trunk and branches together."""
    found = events(specs)
    branches = sum(end - step for step, kind, end in found if kind == "cooled")
    return (max(step for step, _, _ in found) + branches) * specs[0].tokens_per_step


def trunk_factor(spec: RunSpec, step: int) -> float:
    """Of the peak learning rate: warm-up, then constant."""
    return min(1.0, (step + 1) / max(1, spec.warmup))


def branch_factor(spec: RunSpec, step: int, start: int, end: int) -> float:
    """Of the peak learning rate in a branch, which goes down to zero as 1 − √progress."""
    return trunk_factor(spec, step) * (1.0 - math.sqrt((step - start) / (end - start)))
