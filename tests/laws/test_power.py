"""Power laws of one variable: by hand, with and without the floor, scale-free."""

from __future__ import annotations

import numpy as np
import pytest

from quokka_laws.exceptions import ArgumentError
from quokka_laws.laws import PowerLaw


@pytest.mark.parametrize("variable", ["N", "D", "C"])
@pytest.mark.parametrize("floor", [True, False])
def test_by_hand(variable: str, floor: bool) -> None:
    law = PowerLaw(variable, floor=floor)  # type: ignore[arg-type]
    x = np.array([1e6, 1e10, 1e21])
    values = {"K": 30.0, "kappa": 0.1, **({"E": 1.5} if floor else {})}
    np.testing.assert_allclose(law.loss(values, **{variable: x}), 1.5 * floor + 30.0 / x**0.1, rtol=1e-13)
    assert law.takes == (variable,)
    assert law.term_count == 1 + floor


def test_published_exponents() -> None:
    """Eq. 1.1 of Kaplan et al. 2020, (N_c/N)^0.076, as K = N_c^0.076."""
    values = {"K": 8.8e13**0.076, "kappa": 0.076}
    assert PowerLaw("N", floor=False).loss(values, N=8.8e13) == pytest.approx(1.0, rel=1e-12)


def test_doubling_compute_is_a_factor() -> None:
    loss = PowerLaw("C", floor=False).loss({"K": 30.0, "kappa": 0.05}, C=1e20 * 2.0 ** np.arange(5))
    np.testing.assert_allclose(loss[1:] / loss[:-1], 2**-0.05, rtol=1e-12)


def test_another_variable_is_refused() -> None:
    with pytest.raises(ArgumentError):
        PowerLaw("epochs")  # type: ignore[arg-type]
