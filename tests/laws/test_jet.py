"""Jets against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from quokka_laws.laws import jet
from quokka_laws.laws.jet import Jet, variables


@pytest.mark.parametrize(
    ("function", "value", "first", "second"),
    [
        (jet.exp, np.exp(0.7), np.exp(0.7), np.exp(0.7)),
        (jet.log, np.log(0.7), 1 / 0.7, -1 / 0.49),
        (jet.log1p, np.log(1.7), 1 / 1.7, -1 / 1.7**2),
        (jet.expm1, np.expm1(0.7), np.exp(0.7), np.exp(0.7)),
        (jet.reciprocal, 1 / 0.7, -1 / 0.49, 2 / 0.343),
    ],
)
def test_functions(function: object, value: float, first: float, second: float) -> None:
    (x,) = variables(np.array([[0.7]]))
    y = function(x)  # type: ignore[operator]
    assert (y.value.item(), y.grad[0].item(), y.hess[0, 0].item()) == pytest.approx((value, first, second))
    assert function(0.7) == pytest.approx(value)  # type: ignore[operator]


def test_product_and_quotient_rules() -> None:
    x, y = variables(np.array([[2.0, 3.0]]))
    f = x * x * y / (1.0 + y)
    assert f.value.item() == pytest.approx(3.0)
    assert [f.grad[0].item(), f.grad[1].item()] == pytest.approx([2 * 2 * 3 / 4, 4 / 16])
    assert [f.hess[0, 0].item(), f.hess[0, 1].item(), f.hess[1, 1].item()] == pytest.approx([1.5, 4 / 16, -8 / 64])


def test_softplus_and_logaddexp_do_not_overflow() -> None:
    (x,) = variables(np.array([[-800.0], [0.0], [800.0]]))
    y = jet.softplus(x)
    assert y.value[:, 0] == pytest.approx([0.0, np.log(2), 800.0])
    assert y.grad[0][:, 0] == pytest.approx([0.0, 0.5, 1.0])
    assert jet.logaddexp(x, 0.0).value == pytest.approx(y.value)


def test_either_part_of_a_sum_may_be_nothing() -> None:
    (x,) = variables(np.array([[3.0]]))
    for found in (jet.logaddexp(x, np.array([[-np.inf, 3.0]])), jet.logaddexp(np.array([[-np.inf, 3.0]]), x)):
        assert found.value[0] == pytest.approx([3.0, 3.0 + np.log(2)])
        assert found.grad[0][0] == pytest.approx([1.0, 0.5])
    assert jet.logaddexp(-np.inf, 3.0) == 3.0
    assert jet.logaddexp(-np.inf, -np.inf) == -np.inf


def test_shared_derivatives_keep_their_shape() -> None:
    (alpha,) = variables(np.array([[0.1], [0.2]]))
    term = 3.0 - alpha * np.array([1.0, 2.0, 3.0])
    assert term.value.shape == (2, 3)
    assert term.grad[0].shape == (3,)
    assert not term.hess


def test_where_masks_value_and_derivatives() -> None:
    (x,) = variables(np.array([[2.0]]))
    y = jet.where(np.array([True, False]), x * np.array([1.0, 5.0]), 0.0)
    assert y.value.tolist() == [[2.0, 0.0]]
    assert y.grad[0].tolist() == [1.0, 0.0]
    assert jet.where(np.array([True, False]), np.array([2.0, 3.0]), -1.0).tolist() == [2.0, -1.0]


def test_order_zero_carries_no_derivatives() -> None:
    (x,) = variables(np.array([[2.0]]), order=0)
    y = jet.exp(x * x) + Jet(1.0)
    assert (y.grad, y.hess) == ({}, {})
