"""How runs are computed. None of it is part of what a run is: a spec, and so a run's name, knows nothing of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from reference_trainer.errors import TrainerError

PRECISIONS = ("auto", "fp32", "bf16")


def _option(default: Any, text: str) -> Any:
    return dataclasses.field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Execution:
    """The options that every training command shares."""

    device: str = _option("cpu", "cpu, cuda:0, or cuda.")
    compile: bool = _option(
        False, "torch.compile the models: seconds per shape, then faster; on a CPU it needs a C++ compiler."
    )
    precision: str = _option("auto", "fp32, or bf16 with weights and optimiser in fp32; auto: bf16 on CUDA.")
    accumulate: int = _option(1, "Parts that a batch is computed in, one after another: less memory, the same step.")
    recompute: bool = _option(False, "Keep no activations within layers: less memory, a third more work.")
    shard: bool = _option(False, "Share weights and moments among torchrun's processes, for a model that does not fit.")
    save_every: float = _option(60.0, "Seconds between checkpoints.")

    def __post_init__(self) -> None:
        faults = []
        if self.precision not in PRECISIONS:
            faults.append(f"precision {self.precision!r} is not one of {', '.join(PRECISIONS)}")
        if self.accumulate < 1:
            faults.append(f"accumulate = {self.accumulate} must be at least 1")
        if not self.save_every > 0:
            faults.append(f"save_every = {self.save_every} must be above 0")
        if self.shard and self.compile:
            faults.append("shard and compile do not go together: leave one out")
        if faults:
            raise TrainerError("; ".join(faults))

    @property
    def on_cuda(self) -> bool:
        """Whether a GPU computes."""
        return self.device.startswith("cuda")

    @property
    def bf16(self) -> bool:
        """Whether products are computed in bfloat16."""
        return self.precision == "bf16" or (self.precision == "auto" and self.on_cuda)
