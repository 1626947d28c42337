"""Proposed shapes have the parameters asked for, at the aspect ratio of open models, in sizes that hardware likes."""

from __future__ import annotations

import numpy as np
import pytest

from quokka_laws import architectures
from quokka_laws.exceptions import ArgumentError


@pytest.mark.parametrize("N", [2e7, 1e8, 1.3e9, 7e9, 7e10, 4e11])
@pytest.mark.parametrize("counts", ["total", "non-embedding"])
def test_close_to_the_parameters_asked_for(N: float, counts: str) -> None:
    shape = architectures.propose(N, counts=counts)
    found = architectures.count(shape)
    assert (found.total if counts == "total" else found.non_embedding) == pytest.approx(N, rel=0.015)
    assert shape.width % 64 == 0
    assert shape.heads * shape.head_size == shape.width
    assert abs(np.log(shape.width / shape.layers / min(64 * (N / 1e8) ** 0.15, 160))) < np.log(2.5)


def test_seven_billion_look_like_llamas() -> None:
    shape = architectures.propose(6.74e9, vocabulary=32000)
    assert shape.width == 4096
    assert shape.layers in (31, 32, 33)


def test_options_are_kept_to() -> None:
    shape = architectures.propose(3e9, aspect=40, kv_heads=4, tied=True)
    assert shape.kv_heads == 4
    assert shape.tied
    assert shape.width / shape.layers == pytest.approx(40, rel=0.25)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"N": 1e5}, "vocabulary"),
        ({"N": -1}, "positive"),
        ({"N": 1e9, "counts": "all"}, "counts"),
        ({"N": 1e9, "aspect": 0.0}, "aspect"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        architectures.propose(**settings)  # type: ignore[arg-type]
