"""Quantities as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quokka_laws.runs.quantities import parse_quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7B", 7e9),
        ("1.2T", 1.2e12),
        ("350M", 3.5e8),
        ("3e18", 3e18),
        ("1,500,000", 1.5e6),
        ("70 k", 7e4),
        ("2_000", 2e3),
        ("1e3M", 1e9),
        (" 5 ", 5.0),
        (".5b", 5e8),
        ("1P", 1e15),
        ("~7B", 7e9),
        ("≈ 1.5 million", 1.5e6),
        ("13 billion params", 1.3e10),
        ("2⋅10⁹", 2e9),
        ("2.5·10^9 tokens", 2.5e9),
        ("3*1e9", 3e9),
        ("10^9.5", 10**9.5),
        ("10**8", 1e8),
        ("3.41 (0.02)", 3.41),
        ("3.41(2)", 3.41),
        ("7B*", 7e9),
        ("3.41 nats", 3.41),
        ("3.41 nats/token", 3.41),
        ("[3.41]", 3.41),
        ("np.float64(3.41)", 3.41),
        ("tensor(3.41, device='cuda:0')", 3.41),
        ("3.41 [3.38, 3.44]", 3.41),
        ("3.41 (3.38; 3.44)", 3.41),
        ("3.41 [3.38–3.44]", 3.41),
        ("3.2†", 3.2),
        (3, 3.0),
        (2.5, 2.5),
    ],
)
def test_accepted(text: object, value: float) -> None:
    assert parse_quantity(text) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "seven",
        "1,5",
        "7BB",
        "B",
        "1.2.3",
        "e5",
        "1 2",
        "10^",
        "3.4 (new)",
        "<3.2",
        "5-6",
        True,
        None,
        "0x10",
    ],
)
def test_refused_with_examples(text: object) -> None:
    with pytest.raises(ValueError, match="is not a number such as 7e9, 7B"):
        parse_quantity(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_survive(value: float) -> None:
    assert parse_quantity(repr(value)) == value
