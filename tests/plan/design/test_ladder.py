"""A first sweep keeps its budget, its width and its centres, in every layout."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import quokka_laws as ql
from quokka_laws.plan.design.ladder import LAYOUTS, WIDE_RATIOS, ladder


@settings(deadline=None, max_examples=20)
@given(st.floats(1e12, 1e24), st.integers(2, 9), st.integers(3, 9), st.floats(1.5, 4.0))
def test_a_ladder_keeps_its_budget_its_width_and_its_centres(budget: float, slices: int, sizes: int, w: float) -> None:
    table = ladder(budget, slices=slices, sizes=sizes, width=w)
    assert len(table) == slices * sizes
    assert 0.99 * budget < table["C"].sum() <= budget
    assert (table["C"] == 6 * table["N"] * table["D"]).all()
    assert (table["D"] / table["N"]).min() > 3.99
    N = table["N"].to_numpy().reshape(slices, sizes)
    best = ql.plan.compute_optimal(ql.published["besiroglu-2024"], table["C"].to_numpy()[::sizes])["N"].to_numpy()
    assert np.sqrt(N[:, 0] * N[:, -1]) == pytest.approx(best, rel=0.01)
    assert (N[:, -1] / N[:, 0]).max() <= 1.01 * w**2


def test_a_ladder_is_centred_on_ones_own_isoflop_fit() -> None:
    iso = ql.fit_isoflops(ql.datasets.load_quokka_isoflops())
    table = ladder(1e21, around=iso)
    assert table["N"].to_numpy()[2::5] == pytest.approx(
        iso.allocate(table["C"].to_numpy()[2::5])["N"].to_numpy(), rel=0.01
    )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("budget", [1e12, 2e20, 3e24])
def test_every_layout_keeps_its_budget(layout: str, budget: float) -> None:
    table = ladder(budget, layout=layout)  # type: ignore[arg-type]
    assert 0.98 * budget < table["C"].sum() <= budget * (1 + 1e-9)
    assert (table["C"] == 6 * table["N"] * table["D"]).all()
    assert table["C"].is_monotonic_increasing or layout == "isoflop"
    assert (table["D"] / table["N"]).min() > 3.9


@pytest.mark.parametrize("layout", ["grid", "lshape"])
def test_ratios_are_spread(layout: str) -> None:
    table = ladder(2e20, layout=layout, width=1.5)  # type: ignore[arg-type]
    ratio = table["D"] / table["N"]
    assert ratio.max() / ratio.min() > 0.95 * WIDE_RATIOS


def test_an_l_has_nothing_that_is_large_in_both() -> None:
    grid, arms = ladder(2e20, layout="grid"), ladder(2e20, layout="lshape")
    assert len(grid) == 25
    assert len(arms) == 16
    ratio = arms["D"] / arms["N"]
    assert not ((arms["N"] > 0.4 * arms["N"].max()) & (ratio > 0.2 * ratio.max())).any()


def test_refusals_name_the_value() -> None:
    for call, words in (
        (lambda: ladder(0.0), "budget = 0.0"),
        (lambda: ladder(1e20, sizes=2), "sizes = 2"),
        (lambda: ladder(1e20, width=1.0), "width = 1"),
        (lambda: ladder(1e20, min_tokens_per_param=20.0), "min_tokens_per_param = 20"),
        (lambda: ladder(1e20, layout="cross"), "layout = 'cross'"),  # type: ignore[arg-type]
    ):
        with pytest.raises(ql.ArgumentError, match=words):
            call()
