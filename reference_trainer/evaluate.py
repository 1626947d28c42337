"""One validation recipe, whatever the training options, so that every loss can be compared with every other.

Fixed sequences, fixed masks from a private generator on the CPU, k stratified over the sequences of each pass,
float32 log-softmax, sums in float64. The number depends neither on the evaluation batch nor on the device (beyond
the rounding of matrix products) nor on which models it is packed with. Two standard errors, of different things:
Monte-Carlo (masks) and data (sequences). Passes are stratified one by one: they are then independent, and their spread
gives the Monte-Carlo error, which no spread within one stratified pass does.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch

from reference_trainer import objectives
from reference_trainer.corpus import Corpus, count_rows, take_rows
from reference_trainer.errors import TrainerError
from reference_trainer.model import Shape, Transformer

VALIDATION_SEED = 20251003
BATCH = 256
LOGITS_AT_ONCE = 2**28


@dataclass(frozen=True)
class Score:
    """Validation loss of one model: nats/token, its two standard errors, and bits/byte, None where the text is not known."""

    loss: float
    se_mc: float
    se_data: float
    bits_per_byte: float | None


def validation_rows(corpus: Corpus, context: int, sequences: int) -> tuple[np.ndarray, str]:
    """The fixed validation sequences, evenly spaced over the held-out text, and their hash."""
    available = count_rows(corpus.validation, context)
    if available < 1:
        raise TrainerError(
            f"the validation text has {len(corpus.validation)} tokens, fewer than one sequence of {context}"
        )
    pick = np.unique(np.linspace(0, available - 1, min(sequences, available)).astype(int))
    rows = take_rows(corpus.validation, context, pick)[:].astype(np.int64)
    return rows, hashlib.sha256(rows.tobytes()).hexdigest()[:16]


class Validation:
    """The recipe, made ready once for the many evaluations of a run.

    Parameters
    ----------
    rows : int array (sequences, T)
    objective : str
    passes : int
        Monte-Carlo passes R over the sequences; the exact autoregressive loss needs but one.
    shape : Shape
    seed : int
        Of the masks. Every run has the same ones; other seeds are for measuring what that choice matters.
    """

    def __init__(
        self, rows: np.ndarray, objective: str, shape: Shape, *, passes: int, seed: int = VALIDATION_SEED
    ) -> None:
        self.objective, self.passes = objective, 1 if objective == "autoregressive" else passes
        n, T = rows.shape
        noise = objectives.draw_noise((self.passes, n, T), key=(seed, 0), stratified=True, vocabulary=shape.vocabulary)
        clean = np.broadcast_to(rows, (self.passes, n, T))
        batch = objectives.prepare(clean, noise, objective=objective, mask_token=shape.vocabulary)
        self._batch = {
            name: torch.from_numpy(np.ascontiguousarray(getattr(batch, name))).flatten(0, 1)
            for name in ("inputs", "targets", "weight", "t")
        }

    @torch.no_grad()
    def losses(self, model: Transformer, *, batch: int = BATCH) -> np.ndarray:
        """Unbiased estimate of the loss of each sequence in each pass, (models, passes, sequences).

        ``batch`` sequences are seen at once, or fewer where their logits would fill the memory: the numbers do not
        depend on it.
        """
        models = [model.single(k) for k in range(model.models)] if model.models > 1 else [model]
        device, (rows, T) = model.device, self._batch["inputs"].shape
        batch = max(1, min(batch, LOGITS_AT_ONCE // (T * model.shape.vocabulary)))
        found: list[list[torch.Tensor]] = [[] for _ in models]
        for first in range(0, rows, batch):
            part = {name: x[None, first : first + batch].to(device) for name, x in self._batch.items()}
            part |= {name: part[name].long() for name in ("inputs", "targets")}
            for each, losses in zip(models, found, strict=True):
                loss = objectives.row_losses(
                    each(part["inputs"]), **part, objective=self.objective, mask_token=each.mask_token
                )
                losses.append(loss[0].double().cpu())
        return torch.stack([torch.cat(losses) for losses in found]).numpy().reshape(len(models), self.passes, -1)

    def scores(self, model: Transformer, *, bytes_per_token: float, batch: int = BATCH) -> list[Score]:
        """Validation loss of each model of a pack."""
        return [self._score(each, bytes_per_token) for each in self.losses(model, batch=batch)]

    def _score(self, losses: np.ndarray, bytes_per_token: float) -> Score:
        passes, n = losses.shape
        loss = float(losses.mean())
        return Score(
            loss=loss,
            se_mc=float(losses.mean(axis=1).std(ddof=1) / np.sqrt(passes)) if passes > 1 else 0.0,
            se_data=float(losses.mean(axis=0).std(ddof=1) / np.sqrt(n)) if n > 1 else 0.0,
            bits_per_byte=loss / np.log(2) / bytes_per_token if bytes_per_token else None,
        )
