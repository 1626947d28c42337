"""Text from a trained model: left to right, by unmasking the most confident tokens first, or by denoising."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from reference_trainer.model import Transformer


def sample(
    model: Transformer,
    objective: str,
    *,
    prompt: list[int],
    seed: int,
    temperature: float = 1.0,
    steps: int = 32,
    device: torch.device | str = "cpu",
) -> Iterator[list[int]]:
    """Token ids of one context that begins with ``prompt``; yields every stage.

    A stage is one token more (autoregressive), the next most confident tokens unmasked (masked), or all tokens one step
    nearer to the text (uniform). ``steps`` is how many stages diffusion takes; ``temperature`` 0 takes the likeliest token.
    """
    sampler = {"autoregressive": _continue, "masked": _unmask, "uniform": _denoise}[objective]
    fixed = torch.tensor(prompt[: model.shape.context], dtype=torch.long)
    with torch.no_grad():
        for tokens in sampler(model, fixed, temperature, torch.Generator().manual_seed(seed), steps, device):
            yield tokens.tolist()


def _logits(model: Transformer, tokens: Tensor, device: torch.device | str) -> Tensor:
    """Logits (T, vocabulary) of one sequence; drawn from on the CPU, so that a seed is the same text on any device."""
    return model(tokens[None, None].to(device))[0, 0].float().cpu()


def _continue(
    model: Transformer,
    prompt: Tensor,
    temperature: float,
    generator: torch.Generator,
    steps: int,
    device: torch.device | str,
) -> Iterator[Tensor]:
    tokens = prompt
    for _ in range(len(prompt), model.shape.context):
        inputs = torch.cat([torch.tensor([model.mask_token]), tokens])
        probabilities = _probabilities(_logits(model, inputs, device)[-1:], temperature)
        tokens = torch.cat([tokens, _draw(probabilities, generator)])
        yield tokens


def _unmask(
    model: Transformer,
    prompt: Tensor,
    temperature: float,
    generator: torch.Generator,
    steps: int,
    device: torch.device | str,
) -> Iterator[Tensor]:
    tokens = torch.full((model.shape.context,), model.mask_token)
    tokens[: len(prompt)] = prompt
    hidden = tokens == model.mask_token
    for left in range(steps, 0, -1):
        if not hidden.any():
            return
        logits = _logits(model, tokens, device)
        guess = _draw(_probabilities(logits, temperature), generator)
        confidence = logits.softmax(-1).gather(1, guess[:, None])[:, 0].masked_fill(~hidden, -1.0)
        reveal = confidence.topk(max(1, int(hidden.sum()) // left)).indices
        tokens[reveal] = guess[reveal]
        hidden[reveal] = False
        yield tokens


def _denoise(
    model: Transformer,
    prompt: Tensor,
    temperature: float,
    generator: torch.Generator,
    steps: int,
    device: torch.device | str,
) -> Iterator[Tensor]:
    """Ancestral sampling of uniform diffusion at linear schedule α = 1 − t.

    The model gives the leave-one-out posterior x̂, which has not seen its own position, so the position's noisy token z_t
    enters by Bayes' rule alone: p(z_s = j) ∝ [α_s·x̂_j + (1 − α_s)/V]·[(α_t/α_s)·1(j = z_t) + (1 − α_t/α_s)/V].
    """
    T, V = model.shape.context, model.shape.vocabulary
    tokens = torch.randint(V, (T,), generator=generator)
    tokens[: len(prompt)] = prompt
    for left in range(steps, 0, -1):
        now, then = 1.0 - left / steps, 1.0 - (left - 1) / steps  # α_t, α_s
        clean = _probabilities(_logits(model, tokens, device), temperature)
        kept = (1.0 - now / then) / V + now / then * F.one_hot(tokens, V)
        tokens = _draw((then * clean + (1.0 - then) / V) * kept, generator)
        tokens[: len(prompt)] = prompt
        yield tokens


def _probabilities(logits: Tensor, temperature: float) -> Tensor:
    if temperature <= 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).float()
    return (logits / temperature).softmax(-1)


def _draw(weights: Tensor, generator: torch.Generator) -> Tensor:
    return torch.multinomial(weights, 1, generator=generator)[:, 0]
