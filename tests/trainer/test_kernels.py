"""The model's operations: written out by hand they are the library's, values and gradients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from reference_trainer import kernels

K, B, T, HEADS, SIZE = 2, 3, 5, 4, 6
TURN = kernels.turns(100.0, T, SIZE)


def numbers(*size: int, seed: int = 0) -> Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def graph(
    function: Callable[..., Tensor | tuple[Tensor, ...]], inputs: list[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """Values, and gradients of a fixed combination of them."""
    values = function(*inputs)
    values = list(values) if isinstance(values, tuple) else [values]
    total = sum((v * numbers(*v.shape, seed=7).detach()).sum() for v in values)
    return values, list(torch.autograd.grad(total, inputs))


@pytest.mark.parametrize("models", [1, K])
@pytest.mark.parametrize("name", ["norm", "swiglu", "queries_keys_values"])
def test_by_hand_is_the_library(name: str, models: int, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = {
        "norm": [numbers(models, 7, 8), numbers(models, 8, seed=1)],
        "swiglu": [numbers(models, 7, 8)],
        "queries_keys_values": [numbers(models, B, T, 3, HEADS, SIZE), numbers(models, 2, SIZE, seed=1)],
    }[name]
    function = getattr(kernels, name)
    arguments = (lambda *x: function(*x, TURN)) if name == "queries_keys_values" else function
    by_hand = graph(arguments, inputs)
    monkeypatch.setattr(kernels, "_by_hand", lambda x: False)
    torch.testing.assert_close(by_hand, graph(arguments, inputs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("models", [1, 3])
def test_embedding_by_product_is_a_lookup(models: int) -> None:
    table, weight = numbers(models, 11, 6), numbers(models, 40, 6, seed=1).detach()
    tokens = torch.randint(11, (models, 40), generator=torch.Generator().manual_seed(2))
    found = []
    for embed in (kernels.embed, kernels._EmbedByProduct.apply):
        rows = embed(table, tokens)
        found.append((rows, *torch.autograd.grad((rows * weight).sum(), table)))
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(found[0][0], table[torch.arange(models)[:, None], tokens])


def test_scores_depend_on_distance_only() -> None:
    """Rotary positions: moving queries and keys together changes no product of them."""
    q = numbers(1, 1, 1, 3, HEADS, SIZE).detach().expand(1, 1, T, 3, HEADS, SIZE)
    queries, keys, _ = kernels.queries_keys_values(q, torch.ones(1, 2, SIZE), TURN)
    scores = queries @ keys.transpose(-1, -2)
    torch.testing.assert_close(scores[..., 1:, 1:], scores[..., :-1, :-1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("models", [1, K])
def test_product(models: int) -> None:
    x, w = numbers(models, 5, 4), numbers(models, 4, 3)
    torch.testing.assert_close(kernels.product(x, w), torch.einsum("kna,kab->knb", x, w))
