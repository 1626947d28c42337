"""One validation recipe, whatever the training options, so that every loss can be compared with every other.

Fixed sequences, fixed masks from a private generator on the CPU, k stratified over all passes and sequences,
float32 log-softmax, sums in float64. The number depends neither on the evaluation batch nor on the device (beyond
the rounding of matrix products). Two standard errors, of different things: Monte-Carlo (masks) and data (sequences).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch

from reference_trainer import objectives
from reference_trainer.batches import stack
from reference_trainer.corpus import Corpus
from reference_trainer.errors import TrainerError
from reference_trainer.model import Shape, Transformer

VALIDATION_SEED = 20251003
BATCH = 256
LOGITS_AT_ONCE = 2**28


@dataclass(frozen=True)
class Score:
    """Validation loss of one model: nats/token, its two standard errors, and bits/byte (None for a corpus of tokens of unknown text)."""

    loss: float
    se_mc: float
    se_data: float
    bits_per_byte: float | None


def validation_rows(corpus: Corpus, context: int, sequences: int) -> tuple[np.ndarray, str]:
    """The fixed validation sequences, evenly spaced over the held-out text, and their hash."""
    available = len(corpus.validation) // context
    if available < 1:
        raise TrainerError(
            f"the validation text has {len(corpus.validation)} tokens, fewer than one sequence of {context}"
        )
    pick = np.unique(np.linspace(0, available - 1, min(sequences, available)).astype(int))
    rows = corpus.validation[: available * context].reshape(available, context)[pick].astype(np.int64)
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
    """

    def __init__(self, rows: np.ndarray, objective: str, shape: Shape, *, passes: int) -> None:
        self.objective, self.passes = objective, 1 if objective == "autoregressive" else passes
        n, T = rows.shape
        noise = objectives.draw_noise(
            n * self.passes, T, key=(VALIDATION_SEED, 0), stratified=True, vocabulary=shape.vocabulary
        )
        clean = np.tile(rows, (self.passes, 1))
        batch = objectives.prepare(clean, noise, objective=objective, mask_token=shape.vocabulary)
        self._batch = stack([batch])

    @torch.no_grad()
    def losses(self, model: Transformer, *, batch: int = BATCH) -> np.ndarray:
        """Unbiased estimate of the loss of each sequence in each pass, (models, passes, sequences).

        ``batch`` sequences are seen at once, or fewer where their logits would fill the memory: the numbers do not
        depend on it.
        """
        K, device = model.flat.shape[0], model.flat.device
        _, rows, T = self._batch["inputs"].shape
        batch = max(1, min(batch, LOGITS_AT_ONCE // (K * T * model.shape.vocabulary)))
        found = []
        for first in range(0, rows, batch):
            part = {name: x[:, first : first + batch].to(device) for name, x in self._batch.items()}
            part = {name: x.expand(K, *x.shape[1:]) for name, x in part.items()}
            found.append(objectives.row_losses(model(part["inputs"]), **part, objective=self.objective).double().cpu())
        return torch.cat(found, dim=1).numpy().reshape(K, self.passes, -1)

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
