"""What an architecture is made of: sizes that cannot be are refused, all at once."""

from __future__ import annotations

from typing import Any

import pytest

from quokka_laws.architectures.architecture import Architecture, Experts, whole
from quokka_laws.exceptions import ArgumentError

SMALL: dict[str, Any] = dict(layers=4, width=64, vocabulary=100, heads=8, kv_heads=2, head_size=8, feed_forward=256)


def test_a_plain_one_is_equal_by_value() -> None:
    assert Architecture(**SMALL) == Architecture(**SMALL)
    assert len({Architecture(**SMALL), Architecture(**SMALL)}) == 1


@pytest.mark.parametrize("name", list(SMALL))
@pytest.mark.parametrize("bad", [0, -1, 2.5, True, "8", None])
def test_sizes_are_positive_whole_numbers(name: str, bad: object) -> None:
    with pytest.raises(ArgumentError, match=name):
        Architecture(**{**SMALL, name: bad})
    assert not whole(bad)


@pytest.mark.parametrize(
    "changes",
    [
        {"kv_heads": 3},
        {"experts": Experts(4, 5, 64)},
        {"experts": Experts(0, 1, 64)},
        {"experts": Experts(4, 2, 64, dense_layers=5)},
        {"experts": Experts(4, 2, 64, dense_layers=-1)},
    ],
    ids=str,
)
def test_parts_that_do_not_fit(changes: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        Architecture(**{**SMALL, **changes})


def test_every_fault_at_once() -> None:
    with pytest.raises(ArgumentError) as caught:
        Architecture(**{**SMALL, "layers": 0, "width": -4, "experts": Experts(0, 1, 1)})
    assert all(part in str(caught.value) for part in ("layers = 0", "width = -4", "experts: count = 0"))
