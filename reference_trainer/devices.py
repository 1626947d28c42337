"""Where a process trains."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import shutil

import torch

from reference_trainer.errors import TrainerError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's mallopt


def check_device(name: str) -> None:
    """Raise a TrainerError for a device that is not here, before any work is lost to it."""
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or not (number.isdigit() or not number):
        raise TrainerError(f"device {name!r} is not one of cpu, cuda, cuda:0, cuda:1 …")
    if kind == "cuda" and not torch.cuda.is_available():
        raise TrainerError(f"device {name!r} was asked for, but torch sees no CUDA device; use --device cpu")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise TrainerError(f"device {name!r} was asked for, but torch sees {torch.cuda.device_count()} CUDA device(s)")


def find_device(name: str) -> torch.device:
    """A device by name, made the current one; "cuda" is the current one, or this process's own under torchrun."""
    check_device(name)
    kind, _, number = name.partition(":")
    if kind == "cpu":
        return torch.device("cpu")
    own = os.environ["LOCAL_RANK"] if torch.distributed.is_torchelastic_launched() else torch.cuda.current_device()
    device = torch.device("cuda", int(number or own))
    torch.cuda.set_device(device)  # streams, graphs and page-locked memory go by the current device
    return device


def prepare_cpu() -> None:
    """Let this process train on one core: one thread, and no memory given back between steps."""
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)  # shared cores: more threads are slower at these sizes, and not repeatable
    with contextlib.suppress(OSError, AttributeError):  # another C library than glibc
        tune = ctypes.CDLL(None).mallopt
        tune(M_MMAP_THRESHOLD, 2**25)
        tune(M_TRIM_THRESHOLD, 2**30)


def check_compiler(device: torch.device) -> None:
    """Raise a TrainerError where torch.compile would look for a C++ compiler in vain."""
    names = [os.environ["CXX"]] if "CXX" in os.environ else ["g++", "clang++"]
    if device.type == "cpu" and not any(map(shutil.which, names)):
        raise TrainerError(
            f"compile needs a C++ compiler, {' or '.join(names)}, on a CPU: install one, or leave it out"
        )


def device_name(device: torch.device) -> str:
    """What it ran on."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu {platform.machine()}"
