"""Settings of coefficients: what passes unchanged, every fault at once, and parameters rebuilt from a stored fit."""

from __future__ import annotations

import numpy as np
import pytest

from quokka_laws.exceptions import ArgumentError
from quokka_laws.laws import Chinchilla
from quokka_laws.laws.parameters import checked, rebuilt

LAW = Chinchilla()


def test_settings_pass_as_they_are() -> None:
    found = checked(LAW.make_params(), {"E": 1.7, "alpha": {"min": 0.1, "max": 0.9, "start": (0.2, 0.4)}})
    assert found == {"E": {"value": 1.7}, "alpha": {"min": 0.1, "max": 0.9, "start": (0.2, 0.4)}}


def test_a_start_range_reaches_the_parameters() -> None:
    params = LAW.make_params(alpha={"start": (0.2, 0.4)}, beta=0.3)
    assert params["alpha"].user_data == (0.2, 0.4)
    assert params["beta"].user_data is None
    assert params["beta"].value == 0.3


def test_ties_are_evaluated_by_lmfit() -> None:
    params = LAW.make_params(alpha=0.2, beta={"expr": "2*alpha + 0.1"}, A=100.0, B={"expr": "sqrt(A)"})
    assert params["beta"].value == pytest.approx(0.5)
    assert params["B"].value == pytest.approx(10.0)
    params["alpha"].value = 0.3
    assert params["beta"].value == pytest.approx(0.7)


@pytest.mark.parametrize(
    "settings",
    [
        {"alpha": {"velue": 0.3}},
        {"alpha": "0.3"},
        {"alpha": True},
        {"alpha": np.nan},
        {"alpha": np.inf},
        {"alpha": 7.0},  # above the law's own bound of 5
        {"alpha": {"value": 0.3, "min": 0.4}},
        {"alpha": {"min": 0.5, "max": 0.5}},
        {"alpha": {"start": (0.4, 0.2)}},
        {"alpha": {"start": 0.4}},
        {"alpha": {"start": (0.1, np.inf)}},
        {"alpha": {"expr": "gamma"}},
        {"alpha": {"expr": "__import__('os')"}},
        {"alpha": {"expr": "beta"}, "beta": {"expr": "alpha"}},
    ],
    ids=str,
)
def test_what_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ArgumentError):
        checked(LAW.make_params(), settings)


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(ArgumentError) as caught:
        checked(LAW.make_params(), {"alpha": 7.0, "beta": -1.0, "E": "low"})
    assert all(name in str(caught.value) for name in ("alpha", "beta", "E:"))


def test_parameters_are_rebuilt_from_plain_entries() -> None:
    params = LAW.make_params(E={"value": 1.7, "vary": False}, alpha={"value": 0.3, "min": 0.1}, beta={"expr": "alpha"})
    entries = [
        {"name": p.name, "value": p.value, "vary": p.vary, "min": p.min, "max": p.max, "expr": p.expr}
        for p in params.values()
    ]
    again = rebuilt(entries[::-1])  # in any order: ties are added last
    assert again.valuesdict() == params.valuesdict()
    assert (again["E"].vary, again["alpha"].min, again["beta"].expr) == (False, 0.1, "alpha")
    with pytest.raises(ArgumentError):
        rebuilt([{**entries[0], "expr": "nothing + 1"}])
