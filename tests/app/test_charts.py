"""Charts: the numbers of the fit in them, names only as data, and no more points than a page can bear."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from app_runs import SCRIPTS
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql
from quokka_laws.app import charts
from quokka_laws.app.shown import Chart
from quokka_laws.reporting.study import Study, study


@pytest.fixture(scope="module")
def done(quokka87: pd.DataFrame) -> Study:
    names = [SCRIPTS[i % len(SCRIPTS)] + str(i) for i in range(len(quokka87))]
    runs = quokka87.assign(run_id=names)
    runs.attrs = quokka87.attrs
    return study("chinchilla", runs, C=(1e22,), bootstrap=40)


@pytest.fixture(scope="module")
def drawn(done: Study) -> dict[str, Chart]:
    return {chart.title: chart for chart in charts.of_study(done)}


def layers(chart: Chart) -> list[dict[str, Any]]:
    return list(chart.spec["layer"])


def test_the_first_is_loss_against_compute_with_the_optimum(done: Study, drawn: dict[str, Chart]) -> None:
    assert next(iter(drawn)) == "Loss against compute"
    runs, *_, star = layers(drawn["Loss against compute"])
    assert [row["loss"] for row in runs["data"]["values"]] == list(done.fit.runs["loss"])
    plan = ql.plan.compute_optimal(done.fit, 1e22).iloc[0]
    assert star["data"]["values"][0]["loss"] == pytest.approx(plan["loss"])
    (bar,) = [one for one in layers(drawn["Loss against compute"]) if one["mark"]["type"] == "rule"]
    assert bar["data"]["values"][0]["loss_lower"] == pytest.approx(plan["loss_lower"])


def test_profiles_and_residuals(done: Study, drawn: dict[str, Chart]) -> None:
    *_, minima = layers(drawn["IsoFLOP profiles"])
    assert done.iso is not None
    assert [row["N"] for row in minima["data"]["values"]] == pytest.approx(list(done.iso.optima["N"]))
    *_, dots = layers(drawn["What the law misses"])
    residuals = [row["residual"] for row in dots["data"]["values"]]
    assert residuals == pytest.approx(list(100 * done.fit.log_residuals()))


def test_rows_are_picked_by_their_number_and_those_left_out_stay_as_rings(quokka87: pd.DataFrame) -> None:
    runs = ql.read_runs(quokka87, drop="row in [1, 87]")
    fit = ql.fit("chinchilla", runs)
    (chart,) = [one for one in charts.of_study(Study(fit, None, "", (1e22,)), by_hand=(1, 87)) if one.picks]
    _, dots = layers(chart)
    rows = {row["row"]: row for row in dots["data"]["values"]}
    assert sorted(rows) == list(range(1, 88))
    assert [number for number, row in rows.items() if not row["kept"]] == [1, 87]
    for number, row in rows.items():
        own = quokka87.iloc[number - 1]
        expected = 100 * np.log(fit(N=own["N"], D=own["D"]) / own["loss"])
        assert row["residual"] == pytest.approx(float(expected))
    assert chart.spec["params"][0]["select"]["fields"] == ["row"]


def test_rows_are_not_picked_where_a_column_has_that_name(quokka87: pd.DataFrame) -> None:
    fit = ql.fit("chinchilla", quokka87.assign(row=1.0))
    assert not any(chart.picks for chart in charts.of_study(Study(fit, None, "", (1e22,))))


def test_names_are_data_only(drawn: dict[str, Chart]) -> None:
    def strings(spec: Any) -> list[str]:
        if isinstance(spec, dict):
            return [s for k, v in spec.items() if k != "values" for s in strings(v)]
        return (
            [s for v in spec for s in strings(v)] if isinstance(spec, list) else [spec] if isinstance(spec, str) else []
        )

    for chart in drawn.values():
        said = " ".join([chart.title, chart.caption, *strings(chart.spec)])
        assert not any(script in said for script in SCRIPTS)
        json.dumps(chart.spec, allow_nan=False)


def test_many_rows_are_thinned() -> None:
    runs = sweep(ql.laws.Chinchilla(), TRUE_CHINCHILLA, runs=3000, noise=0.01)
    fit = ql.fit("chinchilla", runs)
    assert len(charts.named_runs(fit)) <= 1001


def test_laws_of_other_variables_are_drawn() -> None:
    rng = np.random.default_rng(0)
    width = np.exp(rng.uniform(3, 8, 40))
    table = pd.DataFrame({"width": width, "loss": 1.5 + 3 / width**0.4})
    done = study("E + A/width^a", ql.read_runs(table), bootstrap=0)
    (only,) = charts.of_study(done)
    assert only.spec["layer"][-1]["encoding"]["x"]["field"] == "width"


def test_side_by_side(quokka87: pd.DataFrame) -> None:
    found = ql.compare(["chinchilla", "skaling"], quokka87, bootstrap=0)
    held_out, missed = charts.of_comparison(found, quokka87)
    assert {row["law"] for row in held_out.spec["data"]["values"]} == {"chinchilla", "skaling"}
    assert len(missed.spec["data"]["values"]) == 2 * len(quokka87)


def test_repetition_is_drawn_over_epochs() -> None:
    runs = ql.datasets.load_reuse2026("dolma", least_U_per_N=5)
    done = study("effective-data", runs, U_D=1e9, C=1e20, bootstrap=0)
    titles = [chart.title for chart in charts.of_study(done)]
    assert "Loss over epochs" in titles
