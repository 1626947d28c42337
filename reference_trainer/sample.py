"""Text from a trained model: left to right, by unmasking the most confident tokens first, or by denoising."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from reference_trainer.errors import TrainerError
from reference_trainer.model import Transformer
from reference_trainer.spec import RunSpec


def load_model(path: str | Path, *, device: str = "cpu") -> tuple[Transformer, RunSpec]:
    """Model 0 of a checkpoint, and its spec."""
    path = Path(path)
    if not path.is_file():
        raise TrainerError(f"{path}: no such checkpoint; `train --keep` leaves one under --out/checkpoints")
    try:
        saved = torch.load(path, map_location=device, weights_only=True)
        spec = RunSpec.from_dict(saved["specs"][0])
    except TrainerError:
        raise
    except Exception as error:  # torch raises half a dozen kinds for a file that is none of its own
        raise TrainerError(f"{path} is not a checkpoint of this trainer ({type(error).__name__})") from None
    model = Transformer(spec.shape(saved["vocabulary"]), [spec.seed], device)
    with torch.no_grad():
        model.flat.copy_(saved["flat"][:1])
    return model, spec


def sample(
    model: Transformer, objective: str, *, prompt: list[int], seed: int, temperature: float = 1.0, steps: int = 32
) -> Iterator[list[int]]:
    """Token ids of one context that begins with ``prompt``; yields every stage.

    A stage is one token more (autoregressive), the next most confident tokens unmasked (masked), or all tokens one step
    nearer to the text (uniform). ``steps`` is how many stages diffusion takes; ``temperature`` 0 takes the likeliest token.
    """
    sampler = {"autoregressive": _continue, "masked": _unmask, "uniform": _denoise}[objective]
    fixed = torch.tensor(prompt[: model.shape.context], dtype=torch.long)
    with torch.no_grad():
        for tokens in sampler(model, fixed, temperature, torch.Generator().manual_seed(seed), steps):
            yield tokens.tolist()


def _continue(
    model: Transformer, prompt: Tensor, temperature: float, generator: torch.Generator, steps: int
) -> Iterator[Tensor]:
    tokens = prompt
    for _ in range(len(prompt), model.shape.context):
        inputs = torch.cat([torch.tensor([model.mask_token]), tokens])
        probabilities = _probabilities(model(inputs[None, None])[0, 0, -1:], temperature)
        tokens = torch.cat([tokens, _draw(probabilities, generator)])
        yield tokens


def _unmask(
    model: Transformer, prompt: Tensor, temperature: float, generator: torch.Generator, steps: int
) -> Iterator[Tensor]:
    tokens = torch.full((model.shape.context,), model.mask_token)
    tokens[: len(prompt)] = prompt
    hidden = tokens == model.mask_token
    for left in range(steps, 0, -1):
        if not hidden.any():
            return
        logits = model(tokens[None, None])[0, 0]
        guess = _draw(_probabilities(logits, temperature), generator)
        confidence = logits.softmax(-1).gather(1, guess[:, None])[:, 0].masked_fill(~hidden, -1.0)
        reveal = confidence.topk(max(1, int(hidden.sum()) // left)).indices
        tokens[reveal] = guess[reveal]
        hidden[reveal] = False
        yield tokens


def _denoise(
    model: Transformer, prompt: Tensor, temperature: float, generator: torch.Generator, steps: int
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
        clean = _probabilities(model(tokens[None, None])[0, 0], temperature)
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
