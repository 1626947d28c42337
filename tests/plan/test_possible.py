"""Plans at budgets that lack their exponent."""

from __future__ import annotations

import pytest

import quokka_laws as ql
from quokka_laws.plan.possible import possible


def test_a_loss_that_no_model_has_is_refused() -> None:
    fit = ql.published["besiroglu-2024"]
    fine = ql.plan.compute_optimal(fit, 1e22)
    assert possible(fit, fine) is fine
    with pytest.raises(ql.FitError, match=r"no model has \(C = 22, N = .*a unit missing"):
        possible(fit, ql.plan.compute_optimal(fit, [1e22, 22]))
    isoflop = ql.published["chinchilla-2022/isoflop"]
    assert len(possible(isoflop, ql.plan.compute_optimal(isoflop, 22)))
