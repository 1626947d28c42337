"""What a result says beside the optimum follows from its runs and draws."""

from __future__ import annotations

import pytest

import quokka_laws as ql

LAW = ql.laws.Chinchilla()


def test_stderr_and_correlations_come_from_the_draws(noisy_fit: ql.FitResult) -> None:
    assert noisy_fit.draws is not None
    low, high = noisy_fit.draws["alpha"].quantile([0.5 - 0.6827 / 2, 0.5 + 0.6827 / 2])
    assert noisy_fit.params["alpha"].stderr == pytest.approx((high - low) / 2)
    assert noisy_fit.params["A"].correl["alpha"] == pytest.approx(noisy_fit.draws["A"].corr(noisy_fit.draws["alpha"]))
    assert ql.fit(LAW, noisy_fit.runs).params["alpha"].stderr is None
