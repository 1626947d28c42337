"""GPU-hours or money to FLOPs, and back."""

from __future__ import annotations

import difflib
import re

from quokka_laws.exceptions import ArgumentError
from quokka_laws.plan.arguments import one_positive

__all__ = [
    "PEAK_FLOPS",
    "flops",
    "gpu_hours",
    "peak_flops",
]

PEAK_FLOPS = {
    # NVIDIA data sheets of the SXM parts: A100 (2021), H100 (2023), H200 (2024), without sparsity.
    "A100": 312e12,
    "H100": 989e12,
    "H200": 989e12,
    # NVIDIA Blackwell Architecture Technical Brief (2024): HGX B200 at 1000 W; one GPU of a GB200 superchip, at 1200 W.
    "B200": 2250e12,
    "GB200": 2500e12,
    # NVIDIA L40S data sheet; NVIDIA Ada GPU Architecture white paper, appendix A: FP32 accumulation, without sparsity.
    "L40S": 362e12,
    "RTX 4090": 165.2e12,
    # AMD Instinct MI300X and MI325X data sheets, bfloat16 without sparsity.
    "MI300X": 1307.4e12,
    "MI325X": 1307.4e12,
    # cloud.google.com/tpu/docs/v5p and /v6e: peak compute per chip (bf16).
    "TPU v5p": 459e12,
    "TPU v6e": 918e12,
}
"""Dense bf16 FLOP/s of one GPU or chip, by the vendor's own page; pass ``peak=`` for anything else."""


def flops(
    *,
    mfu: float,
    gpu: str | None = None,
    peak: float | None = None,
    count: float | None = None,
    hours: float | None = None,
    gpu_hours: float | None = None,
    dollars: float | None = None,
    price: float | None = None,
) -> float:
    """Training FLOPs of a machine: ``GPU-hours · 3600 · peak · mfu``.

    Parameters
    ----------
    mfu : float
        Model FLOPs utilisation: useful FLOPs over peak, 0.3 to 0.5 for large dense models.
    gpu : str, optional
        A name in :data:`PEAK_FLOPS`; or
    peak : float, optional
        peak FLOP/s of one GPU.
    count, hours : float, optional
        GPUs and wall-clock hours; or
    gpu_hours : float, optional
        their product; or
    dollars, price : float, optional
        money, and what you pay for one GPU for one hour (no price is on record here: they change by the month).

    Raises
    ------
    ValueError
        For an unknown name, numbers that are not positive, an MFU above 1, or not exactly one way of saying how much.
    """
    return _gpu_hours(count, hours, gpu_hours, dollars, price) * 3600.0 * peak_flops(gpu, peak) * _share(mfu)


def gpu_hours(C: float, *, mfu: float, gpu: str | None = None, peak: float | None = None) -> float:
    """GPU-hours that C FLOPs take: the inverse of :func:`flops`."""
    (C,) = one_positive(C=C)
    return C / (3600.0 * peak_flops(gpu, peak) * _share(mfu))


def peak_flops(gpu: str | None, peak: float | None) -> float:
    """Peak FLOP/s by name, or as given."""
    if (gpu is None) == (peak is None):
        raise ArgumentError("give either gpu, a name, or peak, FLOP/s of one")
    if peak is not None:
        return one_positive(peak=peak)[0]
    assert gpu is not None
    known = {_plain(name): name for name in PEAK_FLOPS}
    if _plain(gpu) not in known:
        near = difflib.get_close_matches(_plain(gpu), known, n=1)
        hint = f"; did you mean {known[near[0]]}?" if near else "."
        raise ArgumentError(
            f"no peak is on record for {gpu!r}{hint} Known: {', '.join(PEAK_FLOPS)}; or give its peak FLOP/s (peak=989e12)"
        )
    return PEAK_FLOPS[known[_plain(gpu)]]


def _plain(name: str) -> str:
    """``tpu-v5p`` and ``TPUv5p`` are one name, and so are ``4090`` and ``RTX 4090``."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower()).removeprefix("nvidia").removeprefix("amd")
    return {"4090": "rtx4090", "v5p": "tpuv5p", "v6e": "tpuv6e"}.get(plain, plain)


def _gpu_hours(
    count: float | None, hours: float | None, total: float | None, dollars: float | None, price: float | None
) -> float:
    ways = [(count, hours), (total,), (dollars, price)]
    used = [way for way in ways if any(v is not None for v in way)]
    if len(used) != 1 or any(v is None for v in used[0]):
        raise ArgumentError("say how much once: count and hours, or gpu_hours, or dollars and price (per GPU-hour)")
    if total is not None:
        return one_positive(gpu_hours=total)[0]
    if dollars is not None and price is not None:
        dollars, price = one_positive(dollars=dollars, price=price)
        return dollars / price
    assert count is not None
    assert hours is not None
    count, hours = one_positive(count=count, hours=hours)
    return count * hours


def _share(mfu: float) -> float:
    (mfu,) = one_positive(mfu=mfu)
    if mfu > 1:
        raise ArgumentError(f"mfu = {mfu:g} is a share of peak: between 0 and 1")
    return mfu


def __dir__() -> list[str]:
    return __all__
