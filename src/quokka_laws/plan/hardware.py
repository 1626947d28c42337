"""GPU-hours or money to FLOPs, and back."""

from __future__ import annotations

import difflib

from quokka_laws.plan.arguments import one_positive

PEAK_FLOPS = {
    "A100": 312e12,
    "H100": 989e12,
    "H200": 989e12,
}
"""Dense bf16 FLOP/s by the vendor's data sheet (SXM parts); pass ``peak=`` for anything else."""


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
        raise ValueError("give either gpu, a name, or peak, FLOP/s of one")
    if peak is not None:
        return one_positive(peak=peak)[0]
    assert gpu is not None
    if gpu.upper() not in PEAK_FLOPS:
        near = difflib.get_close_matches(gpu.upper(), PEAK_FLOPS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(
            f"no peak is on record for {gpu!r}{hint} Known: {', '.join(PEAK_FLOPS)}; or pass peak=, in FLOP/s"
        )
    return PEAK_FLOPS[gpu.upper()]


def _gpu_hours(
    count: float | None, hours: float | None, total: float | None, dollars: float | None, price: float | None
) -> float:
    ways = [(count, hours), (total,), (dollars, price)]
    used = [way for way in ways if any(v is not None for v in way)]
    if len(used) != 1 or any(v is None for v in used[0]):
        raise ValueError("say how much once: count and hours, or gpu_hours, or dollars and price (per GPU-hour)")
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
        raise ValueError(f"mfu = {mfu:g} is a share of peak: between 0 and 1")
    return mfu
