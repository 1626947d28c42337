"""Batches of a pack, each a pure function of its step: sequences in an order reshuffled every epoch, and their noise."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from reference_trainer import objectives
from reference_trainer.corpus import Corpus
from reference_trainer.shards import Rows
from reference_trainer.spec import RunSpec

AHEAD = 16  # batches prepared in advance for a GPU


class Stream:
    """Sequences of one model."""

    def __init__(self, rows: np.ndarray | Rows, seed: int, batch: int) -> None:
        self.rows, self.seed, self.batch = rows, seed, batch
        self._orders: dict[int, np.ndarray] = {}

    def at(self, step: int) -> np.ndarray:
        """The global batch of a step, (batch, T)."""
        index = np.arange(step * self.batch, (step + 1) * self.batch)
        epoch, place = np.divmod(index, len(self.rows))
        pick = [self._order(e)[place[epoch == e]] for e in np.unique(epoch).tolist()]
        return self.rows[np.concatenate(pick)].astype(np.int64)

    def _order(self, epoch: int) -> np.ndarray:
        order = self._orders.get(epoch)
        if order is None:
            rng = np.random.Generator(np.random.Philox(key=np.array([self.seed, epoch + (1 << 40)], dtype=np.uint64)))
            order = rng.permutation(len(self.rows))
            self._orders = {**{k: v for k, v in self._orders.items() if k >= epoch - 1}, epoch: order}
        return order


class Batches:
    """Batches of K models by step; on the way to a GPU, threads prepare those of coming steps while it works.

    Parameters
    ----------
    specs : list of RunSpec
        Of one pack.
    share : slice
        The rows of each global batch that this process trains on.
    ahead : bool
        Prepare in threads, into page-locked memory.
    """

    def __init__(self, specs: list[RunSpec], corpus: Corpus, *, mask_token: int, share: slice, ahead: bool) -> None:
        self.specs, self.mask_token, self.share, self.ahead = specs, mask_token, share, ahead
        self.vocabulary = corpus.vocabulary
        self.streams = [
            Stream(corpus.unique(_unique(s, corpus), s.context, at_least=s.batch), s.seed, s.batch) for s in specs
        ]
        self._pool = ThreadPoolExecutor(4) if ahead else None
        self._waiting: dict[int, Future[dict[str, Tensor]]] = {}

    def at(self, step: int) -> dict[str, Tensor]:
        """The share of this process, stacked over models; starts on the steps after it."""
        if self._pool is None:
            return self._make(step)
        wanted = range(step, step + AHEAD)
        self._waiting = {s: future for s, future in self._waiting.items() if s in wanted}
        for s in wanted:
            if s not in self._waiting:
                self._waiting[s] = self._pool.submit(self._make, s)
        return self._waiting.pop(step).result()

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _make(self, step: int) -> dict[str, Tensor]:
        return stack([self.of(k, step).rows(self.share) for k in range(len(self.specs))], pin=self.ahead)

    def of(self, k: int, step: int) -> objectives.Batch:
        """The global batch of model k at a step, with its noise."""
        spec = self.specs[k]
        trained = min(1.0, step * spec.tokens_per_step / spec.tokens)
        noise = objectives.draw_noise(
            spec.batch,
            spec.context,
            key=(spec.seed, step),
            stratified=spec.sampler != "iid-t",
            vocabulary=self.vocabulary if spec.objective == "uniform" else 0,
            window=trained if spec.curriculum == "moving-gaussian" else None,
        )
        return objectives.prepare(
            self.streams[k].at(step),
            noise,
            objective=spec.objective,
            mask_token=self.mask_token,
            sampler=spec.sampler,
            schedule=spec.schedule,
            weighting=spec.weighting,
        )


def stack(batches: list[objectives.Batch], *, pin: bool = False) -> dict[str, Tensor]:
    """Batches of K models with a leading axis, in page-locked memory for a GPU."""
    stacked = {
        name: torch.from_numpy(np.stack([getattr(b, name) for b in batches]))
        for name in ("inputs", "targets", "weight", "t")
    }
    return {name: value.pin_memory() for name, value in stacked.items()} if pin else stacked


def _unique(spec: RunSpec, corpus: Corpus) -> int:
    return (spec.unique_tokens or len(corpus.train)) // spec.context * spec.context
