"""The model: what a GPU does differently is the same function."""

from __future__ import annotations

import pytest
import torch

from reference_trainer import model as models
from reference_trainer.model import Shape, Transformer


@pytest.mark.parametrize("models_packed", [1, 3])
def test_embedding_by_product_has_the_gradient_of_indexing(models_packed: int) -> None:
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(models_packed, 11, 6, generator=generator)
    tokens = torch.randint(11, (models_packed, 40), generator=generator)
    weight = torch.randn(models_packed, 40, 6, generator=generator)
    found = []
    for embed in (models._embed, models._EmbedByProduct.apply):
        leaf = table.clone().requires_grad_()
        rows = embed(leaf, tokens)
        (rows * weight).sum().backward()
        found.append((rows.detach(), leaf.grad))
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize("seeds", [[0], [0, 1]])
@pytest.mark.filterwarnings("error")
def test_bfloat16_changes_little_and_warns_of_nothing(seeds: list[int]) -> None:
    """The autocast that a GPU trains under, here on the CPU."""
    model = Transformer(Shape(32, 2, vocabulary=20, context=16), seeds)
    tokens = torch.randint(20, (len(seeds), 4, 16), generator=torch.Generator().manual_seed(1))
    exact = model(tokens)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = model(tokens)
    assert (rounded - exact).abs().max() < 0.02 * exact.abs().max()
