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
from reference_trainer.corpus import Corpus
from reference_trainer.errors import TrainerError
from reference_trainer.model import Transformer

VALIDATION_SEED = 20251003
BATCH = 256


@dataclass(frozen=True)
class Score:
    """Validation loss of one model: nats/token, its two standard errors, and bits/byte."""

    loss: float
    se_mc: float
    se_data: float
    bits_per_byte: float


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


@torch.no_grad()
def evaluate(
    model: Transformer, objective: str, rows: np.ndarray, *, passes: int, bytes_per_token: float, batch: int = BATCH
) -> list[Score]:
    """Validation loss of each model of a pack.

    Parameters
    ----------
    rows : int array (sequences, T)
    passes : int
        Monte-Carlo passes R over the sequences; one suffices for the exact autoregressive loss.
    batch : int
        Sequences at once: memory, not numbers.
    """
    passes = 1 if objective == "autoregressive" else passes
    n, T = rows.shape
    device = model.flat.device
    noise = objectives.draw_noise(
        n * passes, T, key=(VALIDATION_SEED, 0), stratified=True, vocabulary=model.shape.vocabulary
    )
    K = model.flat.shape[0]
    losses = np.zeros((K, passes, n))
    for r in range(passes):
        for first in range(0, n, batch):
            part = slice(first, min(first + batch, n))
            clean = rows[part]
            mine = slice(r * n + part.start, r * n + part.stop)
            some = objectives.Noise(noise.level[mine], noise.score[mine], noise.token[mine])
            losses[:, r, part] = sequence_losses(model, objective, clean, some, device).double().cpu().numpy()
    scores = []
    for each in losses:
        loss = float(each.mean())
        scores.append(
            Score(
                loss=loss,
                se_mc=float(each.mean(axis=1).std(ddof=1) / np.sqrt(passes)) if passes > 1 else 0.0,
                se_data=float(each.mean(axis=0).std(ddof=1) / np.sqrt(n)) if n > 1 else 0.0,
                bits_per_byte=loss / np.log(2) / bytes_per_token,
            )
        )
    return scores


def sequence_losses(
    model: Transformer, objective: str, clean: np.ndarray, noise: objectives.Noise, device: torch.device
) -> torch.Tensor:
    """Unbiased estimate of the loss of each sequence, shape (models, sequences)."""
    tokens = torch.from_numpy(clean).to(device)
    K = model.flat.shape[0]
    if objective == "autoregressive":
        logits = model(objectives.shift_right(tokens, model.mask_token).expand(K, -1, -1))
        return objectives.token_costs(logits, tokens).mean(dim=2)
    if objective == "uniform":
        noisy, t = objectives.corrupt_uniformly(noise, clean)
        dirty = torch.from_numpy(noisy).to(device)
        logits = model(dirty.expand(K, -1, -1))
        return objectives.uniform_costs(logits, tokens, dirty, torch.from_numpy(t).float().to(device)).mean(dim=2)
    masked, weight = objectives.mask_exactly(noise)
    hidden = torch.from_numpy(masked).to(device)
    logits = model(tokens.masked_fill(hidden, model.mask_token).expand(K, -1, -1))
    cost = objectives.token_costs(logits, tokens) * hidden
    return cost.sum(dim=2) * torch.from_numpy(weight).float().to(device)
