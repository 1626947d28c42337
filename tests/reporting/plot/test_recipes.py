"""Figures of recipes: on the axes given, with labels, also where there is no finite multiplier."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws import plot
from quokka_laws.reporting.plot.recipes import speedup_figure


@pytest.fixture(scope="module")
def found() -> ql.Speedup:
    rng = np.random.default_rng(0)
    C = np.geomspace(1e18, 1e21, 6)
    parts = [
        pd.DataFrame(
            {"recipe": name, "C": C, "loss": (E + 2.0 * (C / 1e17) ** -0.17) * np.exp(0.001 * rng.standard_normal(6))}
        )
        for name, E in (("A", 1.7), ("B", 1.5))
    ]
    return ql.speedup(pd.concat(parts), bootstrap=100)


def test_recipes_draw_on_the_axes_given(found: ql.Speedup, tmp_path: Path) -> None:
    for draw in (plot.recipe_losses, plot.recipe_multiplier):
        ax = plot.new_axes()
        assert draw(found, ax=ax) is ax
        assert "FLOPs" in ax.get_xlabel()
        assert ax.get_ylabel()
        assert [t.get_text() for t in ax.get_legend().get_texts()][-1] == "B"
    assert speedup_figure(found, tmp_path / "both.png").stat().st_size > 10_000


def test_the_gap_is_drawn_as_long_as_the_multiplier(found: ql.Speedup) -> None:
    ax = plot.recipe_losses(found, recipe="B", C=2e18)
    gap = next(line for line in ax.lines if line.get_marker() == "|")
    left, right = gap.get_xdata()
    assert right / left == pytest.approx(found.at(2e18)["multiplier"][0])
