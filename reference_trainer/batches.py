"""Batches of a pack, each a pure function of its step: sequences in an order reshuffled every epoch, and their noise.

Those of a block of steps are made at once, because a call of numpy costs as much as a small batch, and travel to a GPU
at once: no threads, which would take the interpreter from the loop that launches the work.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reference_trainer import objectives
from reference_trainer.corpus import Corpus
from reference_trainer.shards import Rows
from reference_trainer.spec import RunSpec

BLOCK_TOKENS, BLOCK_STEPS = 2**17, 128  # a block is no larger than either


class Stream:
    """Sequences of one model."""

    def __init__(self, rows: NDArray[np.integer] | Rows, seed: int, batch: int) -> None:
        self.rows, self.seed, self.batch = rows, seed, batch
        self._orders: dict[int, NDArray[np.int64]] = {}

    def at(self, step: int, steps: int) -> NDArray[np.integer]:
        """The global batches of consecutive steps, (steps, batch, T)."""
        first, size = step * self.batch, len(self.rows)
        last = first + steps * self.batch
        pick = [
            self._order(epoch)[max(first - epoch * size, 0) : last - epoch * size]
            for epoch in range(first // size, (last - 1) // size + 1)
        ]
        return self.rows[np.concatenate(pick)].reshape(steps, self.batch, -1)

    def _order(self, epoch: int) -> NDArray[np.int64]:
        order = self._orders.get(epoch)
        if order is None:
            rng = np.random.Generator(np.random.Philox(key=np.array([self.seed, epoch + (1 << 40)], dtype=np.uint64)))
            order = rng.permutation(len(self.rows))
            self._orders = {**{k: v for k, v in self._orders.items() if k >= epoch - 1}, epoch: order}
        return order


class Batches:
    """Batches of K models by step.

    Parameters
    ----------
    specs : list of RunSpec
        Of one pack.
    share : slice
        The rows of each global batch that this process trains on.
    device : torch.device
        Where batches are wanted.
    """

    def __init__(
        self, specs: list[RunSpec], corpus: Corpus, *, mask_token: int, share: slice, device: torch.device | str = "cpu"
    ) -> None:
        self.specs, self.mask_token, self.share, self.device = specs, mask_token, share, torch.device(device)
        self.vocabulary = corpus.vocabulary
        self.streams = [
            Stream(corpus.unique(s.unique_tokens or len(corpus.train), s.context, at_least=s.batch), s.seed, s.batch)
            for s in specs
        ]
        # Of the spec alone: how many models are packed or processes share must not change the noise.
        self.steps = max(1, min(BLOCK_STEPS, BLOCK_TOKENS // specs[0].tokens_per_step))
        self._number, self._block = -1, list[dict[str, Tensor]]()

    def at(self, step: int) -> dict[str, Tensor]:
        """The batch of a step, (models, rows of this process, …)."""
        number, place = divmod(step, self.steps)
        if number != self._number:
            self._number, self._block = number, self._make(number)
        return self._block[place]

    def _make(self, number: int) -> list[dict[str, Tensor]]:
        block = stack([self.of(k, number) for k in range(len(self.specs))], axis=1)
        values = [value[:, :, self.share] for value in block.values()]
        if self.device.type != "cpu":
            values = [value.pin_memory().to(self.device, non_blocking=True) for value in values]
        return [dict(zip(block, each, strict=True)) for each in zip(*values, strict=True)]

    def of(self, k: int, number: int) -> objectives.Batch:
        """The global batches of model k in a block of steps, with their noise."""
        spec, first = self.specs[k], number * self.steps
        size = (self.steps, spec.batch, spec.context)
        trained = (first + np.arange(self.steps)) * spec.tokens_per_step / spec.tokens
        noise = objectives.NO_NOISE
        if spec.objective != "autoregressive":
            noise = objectives.draw_noise(
                size,
                key=(spec.seed, number),
                stratified=spec.sampler != "iid-t",
                vocabulary=self.vocabulary if spec.objective == "uniform" else 0,
                window=np.minimum(1.0, trained) if spec.curriculum == "moving-gaussian" else None,
            )
        return objectives.prepare(
            self.streams[k].at(first, self.steps),
            noise,
            objective=spec.objective,
            mask_token=self.mask_token,
            sampler=spec.sampler,
            schedule=spec.schedule,
            weighting=spec.weighting,
        )


def stack(batches: list[objectives.Batch], *, axis: int = 0) -> dict[str, Tensor]:
    """Batches of K models with an axis of models; that of one model is not copied."""

    def joined(name: str) -> NDArray[np.generic]:
        arrays = [getattr(batch, name) for batch in batches]
        return np.stack(arrays, axis=axis) if len(arrays) > 1 else np.expand_dims(arrays[0], axis)

    return {name: torch.from_numpy(joined(name)) for name in ("inputs", "targets", "weight", "t")}
