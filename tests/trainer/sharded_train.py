"""What each of torchrun's processes does in ``test_sharded.py``: train runs in parts, and say what came out.

torchrun --nproc-per-node 2 sharded_train.py FOLDER SPEC...
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from reference_trainer.execution import Execution
from reference_trainer.schedule import trunk_factor
from reference_trainer.spec import RunSpec
from reference_trainer.train import Trainer


def main(folder: Path, specs: list[RunSpec]) -> None:
    torch.distributed.init_process_group("gloo")
    said, plain, less = {}, Execution(shard=True), Execution(shard=True, accumulate=2, recompute=True)
    for spec in specs:
        name = spec.objective
        said[name] = Trainer([spec], folder / "none", execution=plain, keep=folder / f"{name} kept").run()
        said[f"{name} in parts"] = Trainer([spec], folder / "none", execution=less).run()
    said["continued"] = Trainer(specs[:1], folder, execution=plain).run()
    (folder / "begun by two").mkdir(exist_ok=True)
    trainer = Trainer(specs[:1], folder / "begun by two", execution=plain)
    for step in range(15):
        trainer.train_step(step, trunk_factor(trainer.spec, step))
        trainer.state.step += 1
    trainer.save_now()
    own = torch.tensor(sum(tensor.numel() for tensor in trainer.step.tensors[:-1]))
    torch.distributed.all_reduce(own)
    if trainer.rank == 0:
        print(json.dumps({**said, "numbers": int(own)}), flush=True)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), [RunSpec.from_dict(json.loads(each)) for each in sys.argv[2:]])
