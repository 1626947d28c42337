"""Conventions: FLOP rules as numbers, kinds of model, back from plain data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quokka_laws.exceptions import RunsError
from quokka_laws.runs.conventions import Conventions, flops_constant, training_flops


@pytest.mark.parametrize(
    ("rule", "k"),
    [("6ND", 6.0), ("2*N*D", 2.0), (" 7.5 N D ", 7.5), ("as given", 6.0), ("as given (8.4ND)", 8.4), ("1e2ND", 100.0)],
)
def test_rules_are_numbers(rule: str, k: float) -> None:
    assert flops_constant(rule) == k
    assert Conventions(flops=rule).flops_per_ND == k


@settings(max_examples=30, derandomize=True, deadline=None)
@given(st.floats(0.01, 1000))
def test_any_number_as_python_writes_it(k: float) -> None:
    assert flops_constant(f"{k!r}ND") == k


@pytest.mark.parametrize("rule", ["", "ND", "0ND", "-6ND", "6N", "six ND", "6ND + 1", "as given (6)"])
def test_what_is_no_rule(rule: str) -> None:
    with pytest.raises(RunsError):
        flops_constant(rule)


def test_compute_of_whole_numbers_does_not_overflow() -> None:
    found = training_flops(np.array([10**12]), np.array([10**13]))
    assert found.tolist() == [6e25]


@pytest.mark.parametrize(
    ("kind", "family"), [("exact NLL", "autoregressive"), ("ELBO bound", "diffusion"), ("unstated", "unstated")]
)
def test_the_kind_of_model(kind: str, family: str) -> None:
    assert Conventions(loss_kind=kind).family == family


def test_back_from_plain_data_of_a_newer_version() -> None:
    own = Conventions(flops="2ND", N_counts="active", corpus="c4")
    assert Conventions.from_dict({**own.to_dict(), "added_later": 1}) == own


def test_what_is_stated_is_described() -> None:
    said = Conventions(
        flops="as given (8.4ND)", N_counts="total", loss_split="validation", loss_kind="exact NLL"
    ).describe()
    assert all(part in said for part in ("8.4ND", "N counts total", "validation loss", "exact NLL", "nats/token"))
    assert Conventions().describe().count("unstated") == 2
