"""Sampling: prompts are kept, masks disappear, and each sampler draws from the model's distribution."""

from __future__ import annotations

import pytest
import torch

from reference_trainer.model import Shape, Transformer
from reference_trainer.sample import sample

T, V = 4000, 5


class Independent:
    """Stands for a model of tokens that are independent draws from one distribution: it ignores what it sees."""

    shape = Shape(4, 1, vocabulary=V, context=T, head_size=2)
    mask_token = V
    probabilities = torch.tensor([0.4, 0.3, 0.15, 0.1, 0.05])

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.probabilities.log().expand(*tokens.shape, V)


def test_denoising_draws_from_the_distribution_at_any_number_of_steps() -> None:
    """Of independent tokens the leave-one-out posterior is the distribution itself: every step is exact."""
    for steps in (1, 3, 20):
        *_, tokens = sample(Independent(), "uniform", prompt=[], seed=steps, steps=steps)  # type: ignore[arg-type]
        found = torch.bincount(torch.tensor(tokens), minlength=V) / T
        error = (Independent.probabilities * (1 - Independent.probabilities) / T).sqrt()
        assert ((found - Independent.probabilities).abs() < 4 * error).all()


def test_half_way_the_tokens_are_half_noise() -> None:
    stages = list(sample(Independent(), "uniform", prompt=[], seed=0, steps=2))  # type: ignore[arg-type]
    found = torch.bincount(torch.tensor(stages[0]), minlength=V) / T
    expected = 0.5 * Independent.probabilities + 0.5 / V
    assert ((found - expected).abs() < 4 * (expected * (1 - expected) / T).sqrt()).all()


@pytest.mark.parametrize("objective", ["autoregressive", "masked", "uniform"])
def test_prompt_is_kept_and_the_context_filled(objective: str) -> None:
    model = Transformer(Shape(8, 1, vocabulary=V, context=12, causal=objective == "autoregressive"), [0])
    stages = list(sample(model, objective, prompt=[3, 1], seed=0, steps=4))
    assert all(stage[:2] == [3, 1] for stage in stages)
    assert len(stages[-1]) == 12
    assert max(stages[-1]) < V
    assert stages == list(sample(model, objective, prompt=[3, 1], seed=0, steps=4))
    coldest = [list(sample(model, objective, prompt=[3, 1], seed=s, temperature=0.0))[-1] for s in (0, 1)]
    assert objective == "uniform" or coldest[0] == coldest[1]  # uniform diffusion begins with noise
