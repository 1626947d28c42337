"""GPU-hours to FLOPs: the names people write, any other machine by its peak, and back."""

from __future__ import annotations

import pytest

import quokka_laws as ql
from quokka_laws.plan import hardware


@pytest.mark.parametrize(
    ("name", "teraflops"),
    [
        ("H100", 989),
        ("b200", 2250),
        ("GB200", 2500),
        ("MI300X", 1307.4),
        ("mi325x", 1307.4),
        ("TPU v5p", 459),
        ("tpu-v6e", 918),
        ("v6e", 918),
        ("L40S", 362),
        ("RTX 4090", 165.2),
        ("4090", 165.2),
    ],
)
def test_peaks_by_the_names_people_write(name: str, teraflops: float) -> None:
    assert hardware.flops(gpu=name, mfu=0.5, gpu_hours=2) == pytest.approx(2 * 3600 * 0.5 * teraflops * 1e12)


def test_any_machine_by_its_peak_and_back() -> None:
    C = hardware.flops(peak=989e12, mfu=0.4, count=64, hours=24)
    assert hardware.flops(gpu="H100", mfu=0.4, count=64, hours=24) == C
    assert hardware.gpu_hours(C, peak=989e12, mfu=0.4) == pytest.approx(64 * 24)


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(ql.ArgumentError, match="did you mean"):
        hardware.flops(gpu="H10", mfu=0.4, gpu_hours=1)
