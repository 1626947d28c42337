"""Low precision: published numbers, the limit of many bits, one product of all parts."""

from __future__ import annotations

import numpy as np
import pytest

import quokka_laws as ql
from quokka_laws.exceptions import ArgumentError
from quokka_laws.laws import Chinchilla, LowPrecision
from quokka_laws.laws.precision import post_training_penalty

KUMAR = ql.published["kumar-2024/4-bit"].values


def test_precision() -> None:
    assert post_training_penalty(1e9, 1e12, 4) == pytest.approx(0.0664233836, rel=1e-7)
    full, low = (ql.plan.compute_optimal(ql.published[f"kumar-2024/{b}"], 1e21).iloc[0] for b in ("16-bit", "4-bit"))
    assert low["N"] > full["N"]  # parameters are worth less, so more of them
    with pytest.raises(ValueError, match="bits = 0"):
        LowPrecision(0)


def test_the_effective_parameters_by_hand() -> None:
    parts = [1 - np.exp(-4.0 / KUMAR[f"g_{x}"] + KUMAR[f"n_{x}"]) for x in ("w", "i", "kv")]
    plain = {k: KUMAR[k] for k in Chinchilla().names}
    N, D = np.array([1e8, 1e9]), np.array([1e10, 3e10])
    expected = Chinchilla().loss(plain, N=N * np.prod(parts), D=D)
    np.testing.assert_allclose(LowPrecision(4.0).loss(KUMAR, N=N, D=D), expected, rtol=1e-12)


def test_more_bits_never_hurt_and_many_are_full_precision() -> None:
    losses = [float(LowPrecision(float(bits)).loss(KUMAR, N=2e8, D=2e10)) for bits in (3, 4, 6, 8, 16, 64, 400)]
    assert losses == sorted(losses, reverse=True)
    plain = {k: KUMAR[k] for k in Chinchilla().names}
    assert losses[-1] == pytest.approx(float(Chinchilla().loss(plain, N=2e8, D=2e10)), rel=1e-12)


def test_quantising_costs_more_the_longer_a_model_was_trained() -> None:
    costs = post_training_penalty(1e8, np.array([1e10, 1e11, 1e12]), 4)
    assert costs[1:] / costs[:-1] == pytest.approx([10**0.5068] * 2, rel=1e-12)
    assert post_training_penalty(1e8, 1e11, 16) < 1e-8
    with pytest.raises(ArgumentError):
        LowPrecision(-4.0)
