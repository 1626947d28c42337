"""Arguments of plans: quantities as people write them become flat, broadcast arrays; every fault at once."""

from __future__ import annotations

import numpy as np
import pytest

from quokka_laws.exceptions import ArgumentError
from quokka_laws.plan.arguments import as_columns, one_positive, positive


def test_numbers_text_and_lists_are_flat_and_broadcast() -> None:
    C, N = positive(C="1e22, 3e22", N="7B")
    assert C.tolist() == [1e22, 3e22]
    assert N.tolist() == [7e9, 7e9]
    (grid,) = positive(D=np.ones((2, 3)))
    assert grid.shape == (6,)


@pytest.mark.parametrize("bad", [0, -1.0, np.nan, np.inf, "many", [1.0, -2.0], None])
def test_what_is_not_positive(bad: object) -> None:
    with pytest.raises(ArgumentError, match=r"^D"):
        positive(N=1e9, D=bad)


def test_every_fault_and_every_size_is_named() -> None:
    with pytest.raises(ArgumentError) as both:
        positive(N=-1, D="many")
    assert "N = -1" in str(both.value)
    assert "D: " in str(both.value)
    with pytest.raises(ArgumentError, match=r"2 of N, 3 of D"):
        positive(N=[1, 2], D=[1, 2, 3])


def test_one_number() -> None:
    assert one_positive(N="7B", D=1.4e12) == [7e9, 1.4e12]
    for several in ([1e9], "1e9, 2e9", np.array([1e9, 2e9])):
        with pytest.raises(ArgumentError):
            one_positive(N=several)


def test_columns_of_coefficients() -> None:
    found = as_columns({"E": 1.8, "A": [1.0, 2.0, 3.0]})
    assert {k: v.shape for k, v in found.items()} == {"E": (1, 1), "A": (3, 1)}
