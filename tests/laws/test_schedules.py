"""Laws of the learning-rate schedule: published vectors, sums by hand."""

from __future__ import annotations

import numpy as np
import pytest

from quokka_laws import schedules
from quokka_laws.exceptions import ArgumentError


def test_annealing_sums_of_the_published_example() -> None:
    lr = np.append(schedules.cosine(20_000, peak=2e-4, warmup=500, warmup_at_peak=True), 0.0)  # steps 0 to 20,000
    S1, S2 = schedules.annealing_sums(lr)
    assert S1[-1] == pytest.approx(2.0501, rel=1e-6)
    assert S2[-1] == pytest.approx(0.197473838, rel=1e-6)
    loss = schedules.annealing_law(schedules.TISSUE_EXAMPLE, lr)
    assert loss[-1] == pytest.approx(2.8376071, rel=5e-3)
    with pytest.raises(ValueError, match="none negative"):
        schedules.annealing_sums([-1.0])


def test_multi_power_law() -> None:
    """Published vectors: 25M at a constant rate, 100M with a cosine to a tenth, 400M decayed to it, after a warm-up."""
    values = schedules.MULTI_POWER["25M"]
    rates = np.concatenate([3e-4 * np.arange(2160) / 2160, np.full(72_000 - 2160, 3e-4)])
    found = schedules.multi_power_law(values, rates, 71_936)
    assert found == pytest.approx(3.26026, rel=1e-5)
    slow = np.concatenate([rates[:50_000], np.linspace(3e-4, 3e-5, 22_000)])
    assert schedules.multi_power_law(values, slow, 71_936) < found
    cosine = schedules.cosine(72_000, peak=3e-4, final=3e-5, warmup=2160)
    assert schedules.multi_power_law(schedules.MULTI_POWER["100M"], cosine, 71_920) == pytest.approx(2.86176, rel=1e-5)
    decay = 3e-4 * 0.1 ** (np.arange(1, 4001) / 4000)  # warm-up, stable, exponential decay
    wsd = np.concatenate([rates[:20_000], decay])
    assert schedules.multi_power_law(schedules.MULTI_POWER["400M"], wsd, 23_936) == pytest.approx(2.70045, rel=1e-5)


def test_sums_by_hand() -> None:
    S1, S2 = schedules.annealing_sums([4.0, 4.0, 3.0, 1.0], decay=0.5)
    assert S1.tolist() == [4.0, 8.0, 11.0, 12.0]
    momentum = [0.0, 0.0, 1.0, 0.5 * 1.0 + 2.0]
    assert S2.tolist() == np.cumsum(momentum).tolist()


def test_a_constant_rate_anneals_nothing() -> None:
    values = {"L0": 2.0, "A": 0.5, "C": 0.4, "alpha": 0.5}
    loss = schedules.annealing_law(values, np.full(100, 1e-2))
    np.testing.assert_allclose(loss, 2.0 + 0.5 * (1e-2 * np.arange(1, 101)) ** -0.5, rtol=1e-12)
    constant = schedules.multi_power_law((2.0, 0.5, 0.5, 300.0, 2.0, 0.6, 0.6), np.full(100, 1e-2), 99)
    assert constant == pytest.approx(2.0 + 0.5, rel=1e-12)  # the rates sum to 1


def test_cosine() -> None:
    rates = schedules.cosine(1000, peak=3e-4, final=3e-5, warmup=100)
    assert rates[[0, 50, 100]] == pytest.approx([0.0, 1.5e-4, 3e-4])
    assert rates[550] == pytest.approx(0.5 * (3e-4 + 3e-5))
    assert (np.diff(rates[100:]) < 0).all()
    assert schedules.cosine(10, peak=1.0, warmup=3, warmup_at_peak=True)[:4].tolist() == [1.0] * 4


@pytest.mark.parametrize("lr", [[], [-1.0], [[1.0]], [np.nan]])
def test_rates_that_are_none(lr: list) -> None:
    with pytest.raises(ArgumentError):
        schedules.annealing_sums(lr)


def test_shapes_begin_at_the_peak_and_end_where_they_say() -> None:
    share = np.array([0.0, 0.5, 0.9, 1.0])
    for name, expected in (
        ("constant", [1, 1, 1, 1]),
        ("linear:0", [1, 0.5, 0.1, 0]),
        ("wsd", [1, 1, 0.5, 0]),
        ("wsd:0.5", [1, 1, 0.2, 0]),
        ("cosine:0", [1, 0.5, 0.5 + 0.5 * np.cos(0.9 * np.pi), 0]),
        ("cosine", [1, 0.55, 0.1 + 0.45 * (1 + np.cos(0.9 * np.pi)), 0.1]),
    ):
        assert schedules.relative_rate(name, share) == pytest.approx(expected), name
