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

Noise comes from counter-based generators keyed by (seed, block of steps), for the whole global batches of a block at
once, so it depends neither on the device nor on how many processes share a batch nor on where a run was interrupted.
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
    """Random numbers of the global batches of consecutive steps, made on the CPU.

    ``level`` (steps, rows) in (0, 1]; ``score`` (steps, rows, T) uniform over 0 … 2^32 − 1 and different within a row;
    ``token`` (steps, rows, T) or None.
    """

    level: NDArray[np.float64]
    score: NDArray[np.uint32]
    token: NDArray[np.unsignedinteger] | None = None


NO_NOISE = Noise(np.empty(0), np.empty(0, dtype=np.uint32))  # for autoregression, which hides nothing at random


def draw_noise(
    size: tuple[int, int, int],
    *,
    key: tuple[int, int],
    stratified: bool,
    vocabulary: int = 0,
    window: NDArray[np.float64] | None = None,
) -> Noise:
    """Noise of consecutive global batches.

    Parameters
    ----------
    size : (int, int, int)
        Steps, rows of a global batch, tokens of a row.
    key : (int, int)
        Seed, and number of the block of steps.
    stratified : bool
        Spread the levels of each step evenly over (0, 1] with one random offset, in random order, instead of
        independently.
    vocabulary : int
        Also draw replacement tokens (uniform diffusion).
    window : array (steps,), optional
        Training progress in [0, 1]: move the levels of a step into a Gaussian window centred there.
    """
    steps, rows, context = size
    rng = np.random.Generator(np.random.Philox(key=np.array(key, dtype=np.uint64)))
    level = rng.random((steps, rows))
    if stratified:
        level = (level.argsort(axis=1) + rng.random((steps, 1))) / rows
    level = 1.0 - level  # (0, 1]
    if window is not None:
        from scipy.special import ndtr, ndtri

        centre = window[:, None]
        low, high = ndtr((0.0 - centre) / WINDOW), ndtr((1.0 - centre) / WINDOW)
        level = np.clip(centre + WINDOW * ndtri(low + level * (high - low)), 1e-3, 1.0)
    # One 64-bit draw makes two scores. Their low bits are the position: no two of a row are equal, which exact-k needs.
    drawn = rng.bit_generator.random_raw((steps * rows * context + 1) // 2).view(np.uint32)[: steps * rows * context]
    bits = (context - 1).bit_length()
    score = drawn.reshape(size)
    score &= np.uint32(2**32 - 2**bits)
    score |= np.arange(context, dtype=np.uint32)
    token = rng.integers(0, vocabulary, size, dtype=np.min_scalar_type(vocabulary)) if vocabulary else None
    return Noise(level, score, token)


def mask_exactly(noise: Noise) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Mask exactly k = ⌈level·T⌉ tokens a row, those of the lowest scores; weight 1/k per masked token."""
    k = np.ceil(noise.level * noise.score.shape[-1]).astype(int)
    highest = np.take_along_axis(np.sort(noise.score, axis=-1), k[..., None] - 1, axis=-1)
    return noise.score <= highest, 1.0 / k


def mask_bernoulli(noise: Noise, schedule: str) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Mask each token with probability 1 − α(t); weight −α'(t)/(1 − α(t))/T per masked token."""
    t, context = noise.level, noise.score.shape[-1]
    if schedule == "linear":
        probability, weight = t, 1.0 / t
    elif schedule == "poly2":
        probability, weight = t**2, 2.0 / t
    elif schedule == "cosine":
        angle = 0.5 * np.pi * (1.0 - t)
        probability, weight = np.cos(angle), 0.5 * np.pi * np.tan(angle)
    else:
        raise ValueError(f"schedule {schedule!r}; known: {', '.join(SCHEDULES)}")
    return noise.score < probability[..., None] * 2.0**32, weight / context


@dataclass(frozen=True)
class Batch:
    """What one model sees in consecutive steps, or in one pass of a validation.

    The loss of a row is ``weight · Σ cost`` over its scored positions (the masked ones, or all), that of a batch the
    mean over its rows. ``t`` is the noise level of each row (uniform diffusion only). Tokens are in the smallest type
    that torch computes with: they are what travels to a GPU.
    """

    inputs: NDArray[np.integer]
    targets: NDArray[np.integer]
    weight: NDArray[np.float32]
    t: NDArray[np.float32]


def token_type(mask_token: int) -> type[np.integer]:
    """Smallest integer type, of those that torch computes with, for ids up to that of the mask."""
    return np.uint8 if mask_token < 2**8 else np.int16 if mask_token < 2**15 else np.int32


def prepare(
    tokens: NDArray[np.integer],
    noise: Noise,
    *,
    objective: str,
    mask_token: int,
    sampler: str = "exact-k",
    schedule: str = "linear",
    weighting: str = "elbo",
) -> Batch:
    """Hide part of global batches of clean tokens (steps, rows, T) and say what each guess costs."""
    rows, context = tokens.shape[-2:]
    targets = tokens.astype(token_type(mask_token), copy=False)
    t, weight = np.zeros(tokens.shape[:-1]), np.full(tokens.shape[:-1], 1.0 / context)
    if objective == "autoregressive":
        inputs = np.empty_like(targets)
        inputs[..., 0], inputs[..., 1:] = mask_token, targets[..., :-1]
    elif objective == "uniform":
        inputs, t = corrupt_uniformly(noise, targets)
    else:
        masked, weight = mask_exactly(noise) if sampler == "exact-k" else mask_bernoulli(noise, schedule)
        inputs = choose(masked, targets.dtype.type(mask_token), targets)
        if weighting == "maskgit":
            weight = np.repeat(rows / np.maximum(1, masked.sum(axis=(-2, -1)))[..., None], rows, axis=-1)
    return Batch(inputs, targets, weight.astype(np.float32), t.astype(np.float32))


def row_losses(
    logits: Tensor, targets: Tensor, weight: Tensor, inputs: Tensor, t: Tensor, objective: str, mask_token: int
) -> Tensor:
    """Loss of each row, (models, rows), of logits (models, rows, T, vocabulary) and a stacked :class:`Batch`."""
    if objective == "uniform":
        cost = uniform_costs(logits, targets, inputs, t)
    else:
        cost = F.cross_entropy(logits.float().flatten(0, -2), targets.reshape(-1), reduction="none").view(targets.shape)
    if objective == "masked":
        cost = cost * (inputs == mask_token)
    return cost.sum(dim=2) * weight


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


def corrupt_uniformly(noise: Noise, tokens: NDArray[np.integer]) -> tuple[NDArray[np.integer], NDArray[np.float64]]:
    """Replace each token, with probability t, by a uniformly drawn one; returns noisy tokens and t."""
    t = np.clip(noise.level, T_MARGIN, 1.0 - T_MARGIN)
    assert noise.token is not None
    replaced = noise.score < t[..., None] * 2.0**32
    return choose(replaced, noise.token.astype(tokens.dtype, copy=False), tokens), t


def choose(
    condition: NDArray[np.bool_], yes: NDArray[np.integer] | np.integer, no: NDArray[np.integer]
) -> NDArray[np.integer]:
    """``np.where`` of integers of one type without a branch an element, which random masks make twenty times as slow."""
    chosen: NDArray[np.integer] = no ^ ((yes ^ no) * condition)
    return chosen
