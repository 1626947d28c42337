"""Loss along one run from its learning rates: published laws of the schedule, for a curve rather than a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError

__all__ = [
    "annealing_law",
    "annealing_sums",
    "cosine",
    "multi_power_law",
    "relative_rate",
]

TISSUE_EXAMPLE = {"L0": 2.62779655, "A": 0.42966514, "C": 0.41077247, "alpha": 0.54984562}
"""Our refit of the example in arXiv 2408.11029 (peak 2e-4, 20,000 steps, warm-up counted at the peak)."""

MULTI_POWER = {
    "25M": (3.04045406, 0.52468604, 0.50786857, 363.78751622, 2.06560812, 0.58279013, 0.64142257),
    "100M": (2.6514477, 0.60115152, 0.45295811, 437.9464276, 2.13245612, 0.59785199, 0.65523644),
    "400M": (2.37474466, 0.65421216, 0.42878731, 523.42464371, 2.02462735, 0.59350493, 0.63472457),
}
"""L0, A, alpha, B, C, beta, gamma by model size: arXiv 2503.12811, configuration of its repository."""


def annealing_sums(lr: Any, *, decay: float = 0.999) -> tuple[Array, Array]:
    """S1 (sum of learning rates) and S2 (momentum-weighted area of annealing) after each step.

    Tissue et al. 2024 (arXiv 2408.11029): ``m_i = decay·m_(i−1) + (lr_(i−1) − lr_i)``, ``S2 = Σ m_i``.
    """
    rates = _rates(lr)
    drop = np.concatenate([[0.0], -np.diff(rates)])
    from scipy.signal import lfilter  # half a second that only schedules are worth

    return np.cumsum(rates), np.cumsum(lfilter([1.0], [1.0, -decay], drop))


def annealing_law(values: Mapping[str, float], lr: Any, *, decay: float = 0.999) -> Array:
    """Loss after each step, ``L0 + A·S1^(−alpha) − C·S2`` (Tissue et al. 2024)."""
    S1, S2 = annealing_sums(lr, decay=decay)
    return np.asarray(values["L0"] + values["A"] * S1 ** -values["alpha"] - values["C"] * S2)


def multi_power_law(values: Any, lr: Any, step: int) -> float:
    """Loss at one step, ``L0 + A·S1^(−alpha) − B·Σ_k (lr_(k−1) − lr_k)·(1 − (1 + C·lr_k^(−gamma)·S_k)^(−beta))``.

    Luo et al. 2025 (arXiv 2503.12811), evaluated as its repository does: over the whole schedule, so the rise of the warm-up
    enters the sum with a negative sign.

    Parameters
    ----------
    values : sequence of 7 floats
        In the order of :data:`MULTI_POWER`.
    lr : array
        Learning rates from the first step, warm-up included.
    step : int
        Index into ``lr``.
    """
    L0, A, alpha, B, C, beta, gamma = values
    rates = np.maximum(_rates(lr)[: step + 1], 1e-12)
    total = np.cumsum(rates)
    fallen = rates[:-1] - rates[1:]
    since = total[-1] - total[:-1]  # S_k = lr_k + … + lr_step
    moved = fallen != 0
    gain = 1.0 - (1.0 + C * rates[1:][moved] ** -gamma * since[moved]) ** -beta
    return float(L0 + A * total[-1] ** -alpha - B * np.sum(fallen[moved] * gain))


def cosine(steps: int, *, peak: float, final: float = 0.0, warmup: int = 0, warmup_at_peak: bool = False) -> Array:
    """Learning rates of a cosine schedule, after a linear warm-up from 0 (or one counted at the peak)."""
    t = np.arange(steps - warmup) / (steps - warmup)
    decay = final + 0.5 * (peak - final) * (1.0 + np.cos(np.pi * t))
    start = np.full(warmup, peak) if warmup_at_peak else peak * np.arange(warmup) / max(warmup, 1)
    return np.concatenate([start, decay])


def relative_rate(schedule: str, share: Any) -> Array:
    """Learning rate over its peak, at shares of a training run that follow the warm-up.

    Parameters
    ----------
    schedule : str
        ``"constant"``; ``"cosine"`` and ``"linear"``, which end at a tenth of the peak, or where they say: ``"cosine:0"``;
        ``"wsd"``, constant and then straight down to zero over the last fifth, or another share: ``"wsd:0.1"``.
    share : array
        Of the tokens of the whole run, 0 to 1.

    Raises
    ------
    ArgumentError
        For anything else.
    """
    kind, mark, number = str(schedule).strip().lower().partition(":")
    try:
        value = float(number) if mark else {"wsd": 0.2}.get(kind, 0.1)
    except ValueError:
        value = float("nan")
    known = kind in ("constant", "cosine", "linear", "wsd") and not (mark and kind == "constant")
    if not known or not 0.0 <= value <= 1.0 or (kind == "wsd" and value == 0.0):
        raise ArgumentError(
            f"schedule {schedule!r} is not understood; use constant, cosine or linear (ending at 0.1 of the peak; cosine:0 "
            "ends at zero), or wsd (the last fifth goes down to zero; wsd:0.1 takes the last tenth)"
        )
    s = np.clip(np.asarray(share, dtype=float), 0.0, 1.0)
    if kind == "cosine":
        return np.asarray(value + 0.5 * (1.0 - value) * (1.0 + np.cos(np.pi * s)))
    if kind == "linear":
        return np.asarray(1.0 - (1.0 - value) * s)
    if kind == "wsd":
        return np.asarray(np.clip((1.0 - s) / value, 0.0, 1.0))
    return np.ones_like(s)


def _rates(lr: Any) -> Array:
    rates = np.asarray(lr, dtype=float)
    if rates.ndim != 1 or not len(rates) or not (rates >= 0).all():
        raise ArgumentError("lr: expected the learning rates of one run in order, none negative")
    return rates


def __dir__() -> list[str]:
    return __all__
