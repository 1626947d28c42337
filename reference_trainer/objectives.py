"""Training objectives: what is hidden from the model, and what a wrong guess costs. All losses in nats per token.

==============  =============================================================================================
objective       loss of a sequence of T tokens
==============  =============================================================================================
autoregressive  (1/T) Σ_i −log p(x_i | x_<i)
masked          E_k (1/k) Σ_{i masked} −log p(x_i | x_visible), k uniform on 1…T: an upper bound (ELBO), equal to
                the average over all orders of the chain rule
uniform         ∫ dt (−α'/α)/(V r_z) [KL(r‖r̂) + r_z/r̂_z − log(r_z/r̂_z) − 1], r = α·1_x + (1−α)/V: the ELBO of
                uniform-noise diffusion, minimised by the *leave-one-out* posterior p(x_i | z_≠i)
==============  =============================================================================================

Masking options of ``masked`` (the ablations of arXiv 2510.03280, Section 5, by name):

* ``sampler="exact-k"``: exactly k of T tokens, k stratified over the global batch with one random offset. By far the
  least noisy; unbiased at every length.
* ``"stratified-t"``, ``"iid-t"``: each token masked with probability 1 − α(t), weight −α'/(1 − α);
  ``schedule`` is ``linear`` (α = 1 − t), ``poly2`` (1 − t²) or ``cosine`` (1 − cos(π(1 − t)/2)).
* ``weighting="maskgit"``: no weight, mean over masked tokens: not a bound on anything.
* ``curriculum="moving-gaussian"``: t (or k/T) drawn from a Gaussian window that moves from clean to noisy.

Noise comes from counter-based generators keyed by (seed, step), for the whole global batch at once, so it depends
neither on the device nor on how many processes share the batch nor on where a run was interrupted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

OBJECTIVES = ("masked", "uniform", "autoregressive")
SAMPLERS = ("exact-k", "stratified-t", "iid-t")
SCHEDULES = ("linear", "poly2", "cosine")
WEIGHTINGS = ("elbo", "maskgit")
CURRICULA = ("none", "moving-gaussian")
WINDOW = 0.2  # standard deviation of the moving window, in t
T_MARGIN = 1e-4  # uniform diffusion: t is kept this far from 0 and 1


@dataclass(frozen=True)
class Noise:
    """Random numbers of one global batch, made on the CPU: ``level`` (rows,) in (0, 1], ``score`` (rows, T)."""

    level: NDArray[np.float64]
    score: NDArray[np.float64]
    token: NDArray[np.int64] | None = None


def draw_noise(
    rows: int, context: int, *, key: tuple[int, int], stratified: bool, vocabulary: int = 0, window: float | None = None
) -> Noise:
    """Noise of a global batch.

    Parameters
    ----------
    key : (int, int)
        Seed and step.
    stratified : bool
        Spread the levels evenly over (0, 1] with one random offset, in random order, instead of independently.
    vocabulary : int
        Also draw replacement tokens (uniform diffusion).
    window : float, optional
        Training progress in [0, 1]: move the levels into a Gaussian window centred there.
    """
    rng = np.random.Generator(np.random.Philox(key=np.array(key, dtype=np.uint64)))
    if stratified:
        level = (rng.permutation(rows) + rng.random()) / rows
    else:
        level = rng.random(rows)
    level = 1.0 - level  # (0, 1]
    if window is not None:
        from scipy.special import ndtr, ndtri

        low, high = ndtr((0.0 - window) / WINDOW), ndtr((1.0 - window) / WINDOW)
        level = np.clip(window + WINDOW * ndtri(low + level * (high - low)), 1e-3, 1.0)
    score = rng.random((rows, context))
    token = rng.integers(0, vocabulary, (rows, context)) if vocabulary else None
    return Noise(level, score, token)


def mask_exactly(noise: Noise) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Mask exactly k = ⌈level·T⌉ tokens a row, those of the lowest scores; weight 1/k per masked token."""
    k = np.ceil(noise.level * noise.score.shape[1]).astype(int)
    highest = np.take_along_axis(np.sort(noise.score, axis=1), k[:, None] - 1, axis=1)
    return noise.score <= highest, 1.0 / k


def mask_bernoulli(noise: Noise, schedule: str) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Mask each token with probability 1 − α(t); weight −α'(t)/(1 − α(t))/T per masked token."""
    t, context = noise.level, noise.score.shape[1]
    if schedule == "linear":
        probability, weight = t, 1.0 / t
    elif schedule == "poly2":
        probability, weight = t**2, 2.0 / t
    elif schedule == "cosine":
        angle = 0.5 * np.pi * (1.0 - t)
        probability, weight = np.cos(angle), 0.5 * np.pi * np.tan(angle)
    else:
        raise ValueError(f"schedule {schedule!r}; known: {', '.join(SCHEDULES)}")
    return noise.score < probability[:, None], weight / context


@dataclass(frozen=True)
class Batch:
    """What one model sees in one step, or in one pass of a validation.

    The loss of a row is ``Σ weight · cost`` over its positions, that of a batch the mean over its rows. ``t`` is the
    noise level of each row (uniform diffusion only).
    """

    inputs: NDArray[np.int64]
    targets: NDArray[np.int64]
    weight: NDArray[np.float32]
    t: NDArray[np.float32]

    def rows(self, part: slice) -> Batch:
        """Some of the rows."""
        return Batch(self.inputs[part], self.targets[part], self.weight[part], self.t[part])


def prepare(
    tokens: NDArray[np.int64],
    noise: Noise,
    *,
    objective: str,
    mask_token: int,
    sampler: str = "exact-k",
    schedule: str = "linear",
    weighting: str = "elbo",
) -> Batch:
    """Hide part of a global batch of clean tokens (rows, T) and say what each guess costs."""
    B, T = tokens.shape
    t, weight = np.zeros(B), np.full((B, T), 1.0 / T)
    if objective == "autoregressive":
        inputs = np.concatenate([np.full((B, 1), mask_token), tokens[:, :-1]], axis=1)
    elif objective == "uniform":
        inputs, t = corrupt_uniformly(noise, tokens)
    else:
        masked, per_token = mask_exactly(noise) if sampler == "exact-k" else mask_bernoulli(noise, schedule)
        inputs = np.where(masked, mask_token, tokens)
        weight = masked * (B / max(1, masked.sum()) if weighting == "maskgit" else per_token[:, None])
    return Batch(inputs, tokens, weight.astype(np.float32), t.astype(np.float32))


def row_losses(logits: Tensor, targets: Tensor, weight: Tensor, inputs: Tensor, t: Tensor, objective: str) -> Tensor:
    """Loss of each row, (models, rows), of logits (models, rows, T, vocabulary) and a stacked :class:`Batch`."""
    if objective == "uniform":
        cost = uniform_costs(logits, targets, inputs, t)
    else:
        cost = F.cross_entropy(logits.float().flatten(0, -2), targets.reshape(-1), reduction="none").view(targets.shape)
    return (cost * weight).sum(dim=2)


def uniform_costs(logits: Tensor, tokens: Tensor, noisy: Tensor, t: Tensor) -> Tensor:
    """Integrand of the uniform-diffusion ELBO at linear schedule α = 1 − t, (models, rows, T); ``t`` is (models, rows).

    The softmax of the logits stands for the leave-one-out posterior x̂; ``r̂ = α·x̂ + (1 − α)/V``.
    """
    V = logits.shape[-1]
    alpha = (1.0 - t).unsqueeze(-1)
    guess = alpha.unsqueeze(-1) * logits.float().softmax(dim=-1) + ((1.0 - alpha) / V).unsqueeze(-1)
    log_guess = guess.log()
    high, low = alpha + (1.0 - alpha) / V, (1.0 - alpha) / V  # r at the true token, and elsewhere
    log_at_truth = log_guess.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
    log_rest = log_guess.sum(dim=-1) - log_at_truth
    divergence = high * (high.log() - log_at_truth) + low * ((V - 1) * low.log() - log_rest)
    at_noisy = log_guess.gather(-1, noisy.unsqueeze(-1)).squeeze(-1)
    r_z = torch.where(noisy == tokens, high, low)
    ratio = r_z / at_noisy.exp()
    return (divergence + ratio - ratio.log() - 1.0) / (alpha * V * r_z)


def corrupt_uniformly(noise: Noise, tokens: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Replace each token, with probability t, by a uniformly drawn one; returns noisy tokens and t."""
    t = np.clip(noise.level, T_MARGIN, 1.0 - T_MARGIN)
    assert noise.token is not None
    return np.where(noise.score < t[:, None], noise.token, tokens), t
