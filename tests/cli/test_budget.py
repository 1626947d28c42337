"""Budgets of the command line: FLOPs however they are thought of, contradictions refused."""

from __future__ import annotations

from typing import Any

import click
import pytest

from quokka_laws.cli.budget import DEFAULT_MFU, budget_of

NOTHING: dict[str, Any] = dict.fromkeys(("C", "gpus", "days", "gpu_hours", "dollars", "price", "gpu", "peak", "mfu"))
H100 = 989e12


@pytest.mark.parametrize(
    ("given", "flops"),
    [
        ({"C": 1e22}, 1e22),
        ({"gpus": "64xH100", "days": 14.0}, 64 * 14 * 86400 * H100 * DEFAULT_MFU),
        ({"gpus": "8 × A", "days": 1.0, "peak": 1e15, "mfu": 0.5}, 8 * 86400 * 5e14),
        ({"gpu_hours": 1000.0, "gpu": "H100", "mfu": 0.3}, 3.6e6 * H100 * 0.3),
        ({"dollars": 500.0, "price": 2.5, "peak": 1e15}, 200 * 3600 * 1e15 * DEFAULT_MFU),
    ],
    ids=str,
)
def test_in_flops(given: dict[str, Any], flops: float) -> None:
    assert budget_of(**{**NOTHING, **given}) == pytest.approx(flops, rel=1e-12)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"C": 1e22, "gpu_hours": 3.0},
        {"C": 1e22, "mfu": 0.4},
        {"gpus": "64xH100"},
        {"gpus": "many", "days": 3.0},
        {"gpus": "64", "days": 3.0},
        {"gpu_hours": 3.0},
        {"gpu_hours": 3.0, "gpu": "H100", "peak": 1e15},
        {"dollars": 3.0, "gpu": "H100"},
        {"gpu_hours": 3.0, "gpu": "H100", "price": 2.0},
    ],
    ids=str,
)
def test_contradictions(given: dict[str, Any]) -> None:
    with pytest.raises(click.UsageError):
        budget_of(**{**NOTHING, **given})
