"""Loss against compute: the frontier is the plan's, the optimum is marked where the plan puts it."""

from __future__ import annotations

import numpy as np
import pytest

import quokka_laws as ql
from quokka_laws import plot
from quokka_laws.exceptions import FitError


def lines_of(ax: object) -> dict[str, np.ndarray]:
    return {line.get_label(): line.get_xydata() for line in ax.lines if not line.get_label().startswith("_")}  # type: ignore[attr-defined]


def test_frontier_and_optimum_are_the_plans(noisy_fit: ql.FitResult) -> None:
    ax = plot.new_axes()
    assert plot.loss_against_compute(noisy_fit, C=[1e22, 1e23], ax=ax) is ax
    lines = lines_of(ax)
    largest = noisy_fit.runs["C"].max()
    assert lines["compute-optimal"][:, 0].max() <= largest < lines["beyond the runs"][:, 0].min()
    for C, loss in (lines["compute-optimal"][0], lines["beyond the runs"][-1]):
        assert loss == pytest.approx(ql.plan.compute_optimal(noisy_fit, C, level=None)["loss"].iloc[0])
    stars = [line.get_xydata()[0] for line in ax.lines if line.get_marker() == "*"]
    plan = ql.plan.compute_optimal(noisy_fit, [1e22, 1e23])
    np.testing.assert_allclose(stars, plan[["C", "loss"]])
    bars = [line.get_ydata() for line in ax.lines if line.get_marker() == "_"]
    np.testing.assert_allclose(bars, plan[["loss_lower", "loss_upper"]])
    (named,) = ax.texts
    for N in plan["N"]:
        assert f"{N / 1e9:.3g}B" in named.get_text()
    points = next(c for c in ax.collections if c.get_label() == "runs")
    np.testing.assert_allclose(points.get_offsets(), noisy_fit.runs[["C", "loss"]])
    np.testing.assert_allclose(points.get_array(), noisy_fit.runs["N"])


def test_ten_times_the_largest_run_by_default_and_no_interval_without_draws(quokka87: object) -> None:
    fit = ql.fit(ql.laws.Chinchilla(), quokka87)
    ax = fit.plot()
    (star,) = [line.get_xydata()[0] for line in ax.lines if line.get_marker() == "*"]
    assert star[0] == pytest.approx(10 * fit.runs["C"].max())
    assert not [line for line in ax.lines if line.get_marker() == "_"]


def test_a_law_without_an_optimum_is_drawn_without_a_frontier(noisy_fit: ql.FitResult) -> None:
    from dataclasses import replace

    flat = replace(noisy_fit, values={**noisy_fit.values, "A": 0.0}, draws=None)
    ax = plot.loss_against_compute(flat)
    assert "compute-optimal" not in lines_of(ax)
    assert len(ax.texts) == 1
    with pytest.raises(FitError):
        plot.loss_against_compute(ql.fit(ql.laws.PowerLaw("C"), noisy_fit.runs))
