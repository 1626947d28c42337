"""A law with numbers: prediction by hand, how far outside, draws, and what cannot be asked."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.exceptions import ArgumentError, FarOutside, FitError
from quokka_laws.laws import Chinchilla, EffectiveData, PowerLaw

VALUES = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
RANGES = {"N": (1e8, 1e10), "D": (1e9, 1e12), "C": (1e18, 1e22)}


def fitted(**changes: object) -> ql.FittedLaw:
    return ql.FittedLaw(Chinchilla(), VALUES, **{"fitted_range": RANGES, **changes})  # type: ignore[arg-type]


DRAWS = pd.DataFrame({k: np.full(101, v) for k, v in VALUES.items()}).assign(E=np.linspace(1.7, 1.9, 101))


def test_prediction_is_the_law() -> None:
    by_hand = 1.8 + 480 / 7e9**0.35 + 2100 / 1.4e11**0.37
    table = fitted().predict(N="7B", D=["140B", "1.4e11"])
    assert table["loss"].tolist() == pytest.approx([by_hand] * 2, rel=1e-12)
    assert fitted()(N=7e9, D=1.4e11) == pytest.approx(by_hand, rel=1e-12)
    assert "loss_lower" not in table


def test_shapes() -> None:
    assert fitted()(N=np.ones((2, 1)) * 1e9, D=np.ones(3) * 1e10).shape == (2, 3)
    assert len(fitted().predict(N=np.ones((2, 1)) * 1e9, D=np.ones(3) * 1e10)) == 6


def test_intervals_are_quantiles_of_the_draws() -> None:
    row = fitted(draws=DRAWS).predict(N=1e9, D=1e11, level=0.9).iloc[0]
    rest = row["loss"] - 1.8
    assert (row["loss_lower"], row["loss_upper"]) == pytest.approx((1.71 + rest, 1.89 + rest))
    assert row["level"] == 0.9
    assert "loss_lower" not in fitted(draws=DRAWS).predict(N=1e9, D=1e11, level=None)


def test_draws_that_failed_are_left_out_and_none_is_an_error() -> None:
    half = DRAWS.copy()
    half.loc[:49, "A"] = np.nan
    assert len(fitted(draws=half).draw_values()["E"]) == 51
    assert fitted(draws=half).has_intervals
    for draws in (None, DRAWS * np.nan):
        assert not fitted(draws=draws).has_intervals
        with pytest.raises(FitError):
            fitted(draws=draws).draw_values()


def test_how_far_outside() -> None:
    law = fitted()
    assert law.extrapolation(N=1e9, D=1e11) == 1.0
    assert law.extrapolation(N=5e10, D=1e11) == pytest.approx(5.0)  # C = 3e22 is but three times outside
    assert law.extrapolation(N=1e8, D=1e8) == pytest.approx(1e18 / 6e16)  # by C, more than by D
    factors = law.extrapolations(N=5e10, D=1e11)
    assert {k: float(v) for k, v in factors.items()} == pytest.approx({"N": 5.0, "D": 1.0, "C": 3.0})
    assert law.outside(N=[1e9, 5e10], D=1e11) == [
        ("N", 5e10, 1e8, 1e10),
        ("C", pytest.approx(3e22), 1e18, 1e22),
    ]
    assert np.isnan(fitted(fitted_range={}).extrapolation(N=1e9, D=1e11))


def test_C_follows_the_rule_of_the_conventions() -> None:
    law = ql.FittedLaw(PowerLaw("C"), {"E": 1.8, "K": 30.0, "kappa": 0.1}, ql.Conventions(flops="2ND"))
    assert law(N=1e9, D=1e10) == law(C=2e19)


def test_laws_of_repeated_data_complete_their_data() -> None:
    law = ql.FittedLaw(EffectiveData(), VALUES | {"R_D": 15.0, "R_N": 5.0})
    assert law(N=1e9, U_D=1e9, epochs=4) == law(N=1e9, D=4e9, U_D=1e9) == law(N=1e9, D=4e9, epochs=4)


@pytest.mark.parametrize(
    "data",
    [
        {"N": -1.0, "D": 1e9},
        {"N": 1e9},
        {"N": "many", "D": 1e9},
        {"N": 1e9, "D": np.nan},
        {"N": 1e9, "D": 1e9, "epochs": 4},
        {"N": [1e9, 2e9], "D": [1e9, 2e9, 3e9]},
    ],
    ids=str,
)
def test_what_cannot_be_asked(data: dict[str, object]) -> None:
    with pytest.raises(ArgumentError):
        fitted().predict(**data)


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(ArgumentError) as caught:
        fitted().predict(N=-1.0, D="many", epochs=4)
    assert all(part in str(caught.value) for part in ("N = -1", "D: ", "epochs"))


def test_a_loss_that_no_model_has_is_refused_and_far_below_is_asked_about() -> None:
    with pytest.raises(FitError):
        fitted().predict(N=7, D=1e12)
    with pytest.warns(FarOutside):
        fitted().predict(N=5e6, D=1e12)
    with pytest.raises(FitError):
        fitted().predict(N=1e9, D=1e10, kind="run")
    with pytest.raises(ArgumentError):
        fitted().predict(N=1e9, D=1e10, level=95)


def test_equality_is_by_value() -> None:
    assert fitted() == fitted()
    assert len({fitted(), fitted()}) == 1
    assert fitted(draws=DRAWS) == fitted(draws=DRAWS.copy())
    assert fitted() != fitted(draws=DRAWS)
    assert fitted() != fitted(name="other")
    assert fitted() != VALUES


def test_a_missing_coefficient() -> None:
    with pytest.raises(ArgumentError, match="beta"):
        ql.FittedLaw(Chinchilla(), {k: v for k, v in VALUES.items() if k != "beta"})
