"""The model's operations: written out by hand they are the library's, values and gradients."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

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
@pytest.mark.parametrize("name", ["norm", "swiglu", "queries_keys_values", "product", "causal", "attention"])
def test_by_hand_is_the_library(name: str, models: int, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = {
        "product": [numbers(models, 7, 8), numbers(models, 8, 5, seed=1)],
        **{kind: [numbers(models, HEADS, T, SIZE, seed=i) for i in range(3)] for kind in ("attention", "causal")},
        "norm": [numbers(models, 7, 8), numbers(models, 8, seed=1)],
        "swiglu": [numbers(models, 7, 8)],
        "queries_keys_values": [numbers(models, B, T, 3, HEADS, SIZE), numbers(models, 2, SIZE, seed=1)],
    }[name]
    function = {
        "queries_keys_values": partial(kernels.queries_keys_values, turn=TURN),
        "attention": partial(kernels.attention, causal=False),
        "causal": partial(kernels.attention, causal=True),
    }.get(name) or getattr(kernels, name)
    monkeypatch.setattr(kernels, "LARGE_PRODUCT", 0)
    by_hand = graph(function, inputs)
    monkeypatch.setattr(kernels, "_on_cpu", lambda x: False)
    torch.testing.assert_close(by_hand, graph(function, inputs), rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(not kernels.WIDE_VECTORS, reason="needs a CPU with AVX-512 and torch with oneDNN")
def test_products_are_made_by_onednn_where_they_are_large_and_in_float32() -> None:
    x, w = torch.ones(1, 300, 80), torch.ones(1, 80, 80)

    def maker(x: Tensor, w: Tensor) -> str:
        return type(kernels.product(x, w.requires_grad_()).grad_fn).__name__

    assert maker(x, w) == "_ProductBackward"
    assert maker(x[:, :200], w) != "_ProductBackward"
    with torch.autocast("cpu", torch.bfloat16):
        assert kernels.product(x, w).dtype == torch.bfloat16


@pytest.mark.parametrize("size", [(1, 1, 2048, 1024), (1, 2000, 1024, 1), (2, 4, 1024, 512)])
def test_products_of_any_shape(size: tuple[int, int, int, int]) -> None:
    models, rows, width, columns = size
    inputs = [numbers(models, rows, width), numbers(models, width, columns, seed=1)]
    torch.testing.assert_close(graph(kernels.product, inputs), graph(torch.bmm, inputs), rtol=1e-4, atol=1e-3)


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
