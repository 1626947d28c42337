"""Contours: every line lies where the law has its loss, and every point of the chart tells the loss of its place."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from quokka_laws.app.charts import named_runs
from quokka_laws.app.contours import CELLS, loss_over_size_and_data
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.reporting.study import Study, study


@pytest.fixture(scope="module")
def done(quokka87: pd.DataFrame) -> Study:
    return study("chinchilla", quokka87, C=(1e22,), bootstrap=0)


@pytest.fixture(scope="module")
def layers(done: Study) -> list[dict[str, Any]]:
    chart = loss_over_size_and_data(done, named_runs(done.fit), compute_optimal(done.fit, 1e22, level=None))
    return list(chart.spec["layer"])


def test_lines_lie_at_their_loss(done: Study, layers: list[dict[str, Any]]) -> None:
    table = pd.DataFrame(layers[0]["data"]["values"])
    assert table["loss"].nunique() > 8
    assert done.fit(N=table["N"], D=table["D"]) == pytest.approx(table["loss"].to_numpy(), rel=2e-3)
    names = layers[1]["data"]["values"]
    assert done.fit(N=names[-1]["N"], D=names[-1]["D"]) == pytest.approx(float(names[-1]["name"]), abs=0.02)


def test_every_place_tells_its_loss(done: Study, layers: list[dict[str, Any]]) -> None:
    cells = layers[2]["data"]["values"]
    assert len(cells) == CELLS**2
    assert [tip["title"] for tip in layers[2]["encoding"]["tooltip"]] == ["predicted loss", "N", "D", "C"]
    corner = cells[0]
    assert done.fit(N=corner["left"], D=corner["low"]) > corner["loss"] > done.fit(N=corner["right"], D=corner["high"])


def test_the_answer_is_on_the_best_line(done: Study, layers: list[dict[str, Any]]) -> None:
    answer = layers[-1]["data"]["values"][0]
    assert answer["loss"] == pytest.approx(done.fit(N=answer["N"], D=answer["D"])) if "N" in answer else True
