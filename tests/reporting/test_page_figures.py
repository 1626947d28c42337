"""Figures of a report: what is compared, thinned and refused."""

from __future__ import annotations

from typing import NoReturn

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.reporting import page_figures


def test_a_figure_that_the_law_refuses_does_not_take_the_page_with_it() -> None:
    def refuse() -> NoReturn:
        raise ql.FitError("it cannot rise")

    drawn = page_figures.Figure("Loss contours", "Loss over epochs.", refuse).drawn(True)
    assert drawn["svg"] == ""
    assert drawn["caption"] == "Not drawn: it cannot rise"


def test_held_out_figure_is_a_comparison_with_a_rival(quokka_fit: ql.FitResult, text: str) -> None:
    found = page_figures.comparison(quokka_fit)
    assert {"chinchilla", "skaling"} <= set(found.table["law"])
    rows = found.table[found.table["holdout"] == "×10"].set_index("law")
    assert f"| chinchilla | ×10 the largest fitted | 60 | 27 | {100 * rows.loc['chinchilla', 'error']:.2f} % |" in text


def test_fixed_coefficients_stay_fixed_where_the_largest_runs_are_held_out(quokka87: pd.DataFrame) -> None:
    law = ql.laws.Chinchilla()
    params = law.make_params(E={"value": 2.0, "vary": False}, beta={"expr": "alpha"})
    found = page_figures.comparison(ql.fit(law, quokka87, params=params))
    own = found.fits["chinchilla"].values
    assert own["E"] == 2.0
    assert own["beta"] == pytest.approx(own["alpha"], rel=1e-12)


def test_many_checkpoints_are_thinned_evenly() -> None:
    runs = pd.DataFrame({"run_id": np.repeat(["a", "b"], 5000), "epochs": np.tile(np.arange(5000), 2), "loss": 3.0})
    few = page_figures.thinned(runs)
    assert len(few) == page_figures.MOST_ROWS
    assert few.groupby("run_id")["epochs"].agg(["min", "max"]).to_numpy().tolist() == [[0, 4999]] * 2
    assert page_figures.thinned(few) is few
