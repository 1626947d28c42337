"""Where a process trains: memory that steps use again."""

from __future__ import annotations

import platform
import resource

import pytest
import torch

from reference_trainer.devices import prepare_cpu


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="how glibc gives memory back")
def test_memory_of_a_step_is_there_for_the_next() -> None:
    """A hundred MiB, taken and given back again and again, are asked of the kernel once."""
    prepare_cpu()
    faults = []
    for _ in range(4):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        taken = [torch.empty(2**18).fill_(1.0) for _ in range(100)]
        del taken
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    assert faults[-1] < 100 * 2**20 / resource.getpagesize() / 10
