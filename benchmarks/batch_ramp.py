"""Whether a batch that grows while training is worth it for small models: its loss beside constant batches'.

    python benchmarks/batch_ramp.py --corpus TEXT --validation TEXT [--objective masked] [--tokens 524288]

Every schedule sees the same tokens in the same order, is warmed up over as many of them and cooled down over the last fifth.
Each is trained at three rates and two seeds; a rate is that of a batch of four times the root of batch / 4, so that a ramp
changes it with its batch. Printed is the mean loss of the seeds at each rate: schedules are to be compared at their best.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from dataclasses import replace

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from reference_trainer import corpus
from reference_trainer.batches import Batches
from reference_trainer.evaluate import Validation, validation_rows
from reference_trainer.model import Transformer
from reference_trainer.spec import RunSpec
from reference_trainer.step import Step

# Sequences a step, from a share of the tokens on.
SCHEDULES = {
    "2": ((0.0, 2),),
    "4": ((0.0, 4),),
    "8": ((0.0, 8),),
    "2, 4 from 1/4 on, 8 from 1/2 on": ((0.0, 2), (0.25, 4), (0.5, 8)),
}
FACTORS, SEEDS, RULED = (0.5, 1.0, 2.0), (0, 1), 4
WARMUP, COOLDOWN = 100 * 4, 0.2  # sequences; share of the tokens


def trained(schedule: tuple[tuple[float, int], ...], spec: RunSpec, text: corpus.Corpus) -> Transformer:
    """A pack of every rate and seed after the tokens of a spec."""
    packs = [replace(spec, lr=spec.lr * factor, seed=seed) for factor in FACTORS for seed in SEEDS]
    model = Transformer(spec.shape(text.vocabulary), [each.seed for each in packs], init=spec.init)
    sequences, count, moments = spec.tokens // spec.context, 0, None
    ends = [*(share for share, _ in schedule[1:]), 1.0]
    for (begin, batch), end in zip(schedule, ends, strict=True):
        own = [replace(each, batch=batch) for each in packs]
        step = Step(model, [each.lr * math.sqrt(batch / RULED) for each in own], own[0])
        if moments is not None:
            step.first.copy_(moments[0])
            step.second.copy_(moments[1])
        batches = Batches(own, text, mask_token=model.mask_token, share=slice(0, batch))
        for i in range(round(begin * sequences) // batch, round(end * sequences) // batch):
            seen = (i + 1) * batch
            cooled = max(0.0, i * batch / sequences - (1.0 - COOLDOWN)) / COOLDOWN
            count += 1
            step(batches.at(i), min(1.0, seen / WARMUP) * (1.0 - math.sqrt(cooled)), count)
        moments = step.first, step.second
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--validation")
    parser.add_argument("--objective", default="autoregressive")
    parser.add_argument("--tokens", type=int, default=2**19)
    options = parser.parse_args()
    torch.set_num_threads(1)
    text = corpus.load(options.corpus, validation=options.validation, alphabet="compact")
    spec = RunSpec(
        objective=options.objective, width=32, depth=2, head_size=8, rope_base=100.0, init="mup", beta2=0.99,
        tokens=options.tokens,
    )  # fmt: skip
    rows, _ = validation_rows(text, spec.context, 1024)
    recipe = Validation(rows, spec.objective, spec.shape(text.vocabulary), passes=4)
    print(f"{spec.objective}, width 32, depth 2, {spec.tokens:,} tokens; rate of a batch of 4 times", *FACTORS)
    for name, schedule in SCHEDULES.items():
        began = time.process_time()
        model = trained(schedule, spec, text)
        losses = np.array([score.loss for score in recipe.scores(model, bytes_per_token=1.0)]).reshape(len(FACTORS), -1)
        spread = losses.std(axis=1, ddof=1).mean()
        said = "  ".join(f"{loss:.4f}" for loss in losses.mean(axis=1))
        print(f"batch {name:<32} {said}  (seeds ± {spread:.4f}; {time.process_time() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
