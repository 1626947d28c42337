"""Numbers as text: they read back, keep three digits and stand in columns."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quokka_laws.results.format import how_far, human, indent, left_aligned, right_aligned, times
from quokka_laws.runs.quantities import parse_quantity


@pytest.mark.parametrize("value", [1.2e12, 7.35e9, 999.6e6, 70e3, 3e18, 0.5])
def test_human_numbers_read_back(value: float) -> None:
    assert parse_quantity(human(value)) == pytest.approx(value, rel=6e-3)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.floats(1e-3, 1e22))
def test_every_number_reads_back_within_its_three_digits(value: float) -> None:
    assert parse_quantity(human(value)) == pytest.approx(value, rel=5.1e-3)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7.35e9, "7.35B"),
        (999.6e6, "1000M"),
        (1e15, "1P"),
        (1.1e23, "1.1e+23"),
        (0.05, "0.05"),
        (12.0, "12"),
        (float("nan"), "–"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert human(value) == text


@pytest.mark.parametrize(("factor", "text"), [(7.71, "×7.71"), (1234.5, "×1,234"), (999.6, "×1,000"), (3e8, "×3e+08")])
def test_factors(factor: float, text: str) -> None:
    assert times(factor) == text


def test_how_far_outside() -> None:
    assert [how_far(f) for f in (float("nan"), 1.0, 2.0)] == ["unknown", "inside", "×2"]
    assert how_far(2.0, below=True) == "×2 below"


def test_columns_are_aligned() -> None:
    table = pd.DataFrame({"N": ["7B", "134M"], "loss": [2.0, 2.123456]}, index=["one", "second"])
    assert right_aligned(table) == "   N   loss\n  7B      2\n134M  2.123"
    assert right_aligned(table, index=True) == "           N   loss\none       7B      2\nsecond  134M  2.123"
    assert left_aligned(table) == "        N     loss\none     7B    2\nsecond  134M  2.123"
    assert indent("a\nb") == "  a\n  b"
