"""Batches: each a function of its step alone; an epoch is every sequence once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from reference_trainer.batches import Batches, Stream
from reference_trainer.corpus import Corpus
from reference_trainer.spec import RunSpec

TOKENS = np.arange(64 * 8, dtype=np.uint16) % 200
TEXT = Corpus(TOKENS, TOKENS, 200, 1.0, "bytes", "digest")
SPEC = RunSpec(objective="masked", context=8, batch=4, tokens=10_000)


def batches(specs: list[RunSpec], share: slice = slice(0, 4)) -> Batches:
    return Batches(specs, TEXT, mask_token=200, share=share)


@pytest.mark.parametrize("objective", ["masked", "uniform", "autoregressive"])
def test_a_batch_is_a_function_of_its_step(objective: str) -> None:
    """In any order, in any pack, shared by any number of processes."""
    spec = replace(SPEC, objective=objective)
    alone, packed = batches([spec]), batches([replace(spec, seed=5), spec])
    halves = [batches([spec], share) for share in (slice(0, 2), slice(2, 4))]
    steps = [0, 1, 127, 128, 300, 5]
    for step in steps:
        one = alone.at(step)
        for name, value in one.items():
            assert torch.equal(batches([spec]).at(step)[name], value)
            assert torch.equal(packed.at(step)[name][1:], value)
            assert torch.equal(torch.cat([h.at(step)[name] for h in halves], dim=1), value)
    assert not torch.equal(alone.at(3)["inputs"], alone.at(4)["inputs"])


def test_an_epoch_is_every_sequence_once_in_a_new_order() -> None:
    rows = np.arange(10)[:, None]
    seen = Stream(rows, seed=0, batch=4).at(0, 5).ravel()  # 20 rows: two epochs
    np.testing.assert_array_equal(np.sort(seen[:10]), np.arange(10))
    np.testing.assert_array_equal(np.sort(seen[10:]), np.arange(10))
    assert not np.array_equal(seen[:10], seen[10:])


def test_masked_inputs_hide_targets_and_nothing_else() -> None:
    batch = batches([SPEC]).at(7)
    hidden = batch["inputs"] == 200
    assert torch.equal(batch["inputs"][~hidden], batch["targets"][~hidden])
    assert hidden.any(dim=2).all()
    torch.testing.assert_close(batch["weight"], 1.0 / hidden.sum(dim=2))
