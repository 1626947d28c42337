"""One break of a power law: exponents on both sides, recovery, the plain power law without a break."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic import sweep

import quokka_laws as ql
from quokka_laws.laws import BrokenPowerLaw, PowerLaw

BROKEN = {"E": 1.5, "K": 500.0, "c_0": 0.15, "c_1": 0.1, "d_1": 1e20, "f_1": 0.5}


def test_broken_power_law_limits_and_recovery() -> None:
    law = BrokenPowerLaw("C")
    far = np.array([1e12, 1e13]), np.array([1e28, 1e29])
    for C, slope in zip(far, (0.15, 0.25), strict=True):
        reducible = law.loss(BROKEN, C=C) - BROKEN["E"]
        assert -np.diff(np.log10(reducible))[0] == pytest.approx(slope, abs=1e-4)
    runs = sweep(law, BROKEN, runs=30)
    fit = ql.fit(law, runs, n_starts=16)
    assert fit.objective_value < 1e-9
    with pytest.raises(ValueError, match="N, D or C"):
        BrokenPowerLaw("epochs")  # type: ignore[arg-type]


def test_at_the_break() -> None:
    """There the bracket is 2, so the reducible loss is K·d_1^(−c_0)·2^(−c_1·f_1)."""
    reducible = BrokenPowerLaw("C").loss(BROKEN, C=1e20) - 1.5
    assert reducible == pytest.approx(500.0 * 1e20**-0.15 * 2 ** (-0.1 * 0.5), rel=1e-10)


@pytest.mark.parametrize("variable", ["N", "D", "C"])
def test_without_a_change_of_exponent_it_is_the_power_law(variable: str) -> None:
    x = {variable: np.geomspace(1e7, 1e24, 9)}
    found = BrokenPowerLaw(variable).loss({**BROKEN, "c_1": 0.0}, **x)  # type: ignore[arg-type]
    plain = PowerLaw(variable).loss({"E": 1.5, "K": 500.0, "kappa": 0.15}, **x)  # type: ignore[arg-type]
    np.testing.assert_allclose(found, plain, rtol=1e-13)


def test_the_sharper_the_turn_the_nearer_two_power_laws() -> None:
    sharp = BrokenPowerLaw("C").loss({**BROKEN, "f_1": 1e-3}, C=np.array([1e19, 1e21])) - 1.5
    expected = [500.0 * 1e19**-0.15, 500.0 * 1e21**-0.15 * 10.0**-0.1]
    np.testing.assert_allclose(sharp, expected, rtol=1e-10)
