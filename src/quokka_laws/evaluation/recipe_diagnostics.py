"""What to know before relying on a comparison of recipes: losses of two kinds, repeated data, what the law alone says, wider laws, pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from quokka_laws.fitting.run_diagnostics import repetition
from quokka_laws.results.diagnostic import Diagnostic, Severity
from quokka_laws.results.intervals import interval_with_never

if TYPE_CHECKING:
    from quokka_laws.evaluation.compute_multiplier import Speedup

FAR = 10.0
"""Times outside the runs, from which on a multiplier of the law is a warning."""
WORTH_SAYING = 0.3
"""p of a law that was taken, below which a wider one that disagrees is worth a warning."""
HALF_SHARED = 0.5


def diagnosed(found: Speedup) -> tuple[Diagnostic, ...]:
    """Everything there is to know, what decides first."""
    repeated = repetition(found.runs, "this comparison")
    return (*_kinds(found), *repeated, *_from_law(found), *_wider(found), *_pairing(found), *_checkpoints(found))


def _kinds(found: Speedup) -> list[Diagnostic]:
    return [Diagnostic("LOSSES_OF_TWO_KINDS", Severity.ERROR, {"kinds": found.kinds})] if found.kinds else []


def _from_law(found: Speedup) -> list[Diagnostic]:
    said = []
    for r, recipe in enumerate(found.recipes[1:], 1):
        low, high = found.overlap(r)
        if low > high:
            said.append(
                Diagnostic(
                    "NO_OVERLAP_IN_LOSS",
                    numbers={"recipe": recipe, "baseline": found.baseline, "above": low, "below": high},
                )
            )
            continue
        rows = found.table[(found.table["recipe"] == recipe) & (found.table["rests_on"] == "law")]
        if len(rows):
            farthest = rows.loc[rows["extrapolation"].idxmax()]
            factor = float(farthest["extrapolation"])
            numbers = {"recipe": recipe, "C": float(farthest["C"]), "factor": factor}
            severity = Severity.WARNING if factor >= FAR and found.asked else Severity.NOTE
            said.append(Diagnostic("SPEEDUP_FROM_LAW", severity, numbers))
    return said


def _wider(found: Speedup) -> list[Diagnostic]:
    """Steps that were not taken and would say something else at the largest budget asked."""
    said = []
    C = np.array([found.C.max()])
    for step in found.steps[found.taken + 1 :]:
        wide = step.frontiers(step.values, len(found.recipes))
        for r, recipe in enumerate(found.recipes[1:], 1):
            lower, upper = interval_with_never(found.drawn.multiplier(C, r), found.level)
            m = wide.multiplier(C, r)[0, 0]
            if step.p < WORTH_SAYING and not lower[0] <= m <= upper[0]:
                numbers = {
                    "step": step.name,
                    "recipe": recipe,
                    "C": float(C[0]),
                    "multiplier": float(m),
                    "p": step.p,
                }
                said.append(Diagnostic("WIDER_LAW_DISAGREES", numbers=numbers))
    return said


def _pairing(found: Speedup) -> list[Diagnostic]:
    if not found.paired:
        saved = 1.0 - np.sqrt(1.0 - HALF_SHARED)
        return [Diagnostic("UNPAIRED", Severity.NOTE, {"shared": HALF_SHARED, "saved": float(saved)})]
    shared = found.step.shared_noise(found.units)
    saved = 1.0 - np.sqrt(1.0 - np.clip(shared, 0.0, 0.99)) if np.isfinite(shared) else 0.0
    return [Diagnostic("PAIRED", Severity.NOTE, {"pairs": found.paired, "shared": shared, "saved": float(saved)})]


def _checkpoints(found: Speedup) -> list[Diagnostic]:
    return [Diagnostic("LAST_CHECKPOINTS", Severity.NOTE, {"left_out": found.left_out})] if found.left_out else []
