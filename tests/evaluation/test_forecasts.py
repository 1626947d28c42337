"""Forecasts read back as written, intervals hold what they promise, and what is no forecast is refused by field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import lognorm
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql
from quokka_laws.evaluation.forecasts import LEVELS, Forecast, StoredForecast
from quokka_laws.exceptions import ArgumentError, FitError, FitFileError, RunsError
from quokka_laws.results.storage import data_hash

LAW = ql.laws.Chinchilla()
NOISE = 0.005


def _runs(seed: int) -> pd.DataFrame:
    return sweep(LAW, TRUE_CHINCHILLA, noise=NOISE, seed=seed)


@pytest.fixture(scope="module")
def fit() -> ql.FitResult:
    return ql.fit(LAW, _runs(0), objective="auto", bootstrap=300)


@pytest.fixture
def made(fit: ql.FitResult) -> Forecast:
    return ql.forecast(fit, N="20B", D="400B", series="ladder")


def test_it_says_what_it_was_made_of(fit: ql.FitResult, made: Forecast) -> None:
    assert made.at == {"N": 20e9, "D": 400e9}
    assert made.data_sha256 == data_hash(fit.runs)
    assert made.runs == 60
    assert made.version == ql.__version__
    assert made.made.endswith("+00:00")
    assert made.conventions == fit.conventions.to_dict()
    assert made.coefficients == fit.values
    truth = float(LAW.loss(TRUE_CHINCHILLA, N=20e9, D=400e9)[()])
    assert made.median == pytest.approx(truth, rel=0.01)
    assert made.spread == pytest.approx(NOISE, rel=0.5)


def test_intervals_are_nested_and_those_of_predict(fit: ql.FitResult, made: Forecast) -> None:
    lower, upper = made.table["lower"].to_numpy(), made.table["upper"].to_numpy()
    assert (np.diff(lower) < 0).all()
    assert (np.diff(upper) > 0).all()
    assert made.table["level"].tolist() == list(LEVELS)
    table = fit.predict(N=20e9, D=400e9, kind="run", level=0.9)
    assert made.intervals["90"] == pytest.approx((table["loss_lower"][0], table["loss_upper"][0]))


def test_it_reads_back_as_it_was_written(made: Forecast, tmp_path: Path) -> None:
    made.to_json(tmp_path / "forecast.json")
    assert ql.read_forecast(tmp_path / "forecast.json") == made
    assert ql.read_forecast(made.to_json()) == made
    assert set(StoredForecast.model_fields) - {"kind", "schema_version"} == set(Forecast.__dataclass_fields__)


def test_a_loss_is_scored_by_its_density(made: Forecast) -> None:
    observed = made.median * 1.004
    row = ql.score(made, observed).table.iloc[0]
    assert row["error"] == pytest.approx(0.004)
    assert row["z"] == pytest.approx(np.log(1.004) / made.spread)
    assert row["log_score"] == pytest.approx(lognorm(made.spread, scale=made.median).logpdf(observed))
    assert row["within"] == min(float(k) / 100 for k, (low, high) in made.intervals.items() if low <= observed <= high)
    assert np.isnan(ql.score(made, 2 * made.median).table["within"][0])


def test_intervals_of_many_forecasts_hold_what_they_promise(fit: ql.FitResult) -> None:
    """Forecasts of one fit share its error, so the shares are those of several fits."""
    shares = []
    for seed in range(6):
        own = fit if seed == 0 else ql.fit(LAW, _runs(seed), objective="auto", bootstrap=300)
        new = sweep(LAW, TRUE_CHINCHILLA, runs=40, noise=NOISE, seed=seed + 100)
        scores = ql.score([ql.forecast(own, N=n, D=d) for n, d in zip(new["N"], new["D"], strict=True)], new)
        assert len(scores.scored) == 40
        assert "INTERVALS_OFF" not in {d.code for d in scores.diagnostics}
        shares.append(scores.coverage["share"])
    assert np.mean(shares, axis=0) == pytest.approx(LEVELS, abs=0.08)


def test_intervals_that_hold_too_little_are_found_out(fit: ql.FitResult) -> None:
    new = sweep(LAW, {**TRUE_CHINCHILLA, "E": 2.0}, runs=8, noise=NOISE, seed=5)
    scores = ql.score([ql.forecast(fit, N=n, D=d) for n, d in zip(new["N"], new["D"], strict=True)], new)
    (off,) = (d for d in scores.diagnostics if d.code == "INTERVALS_OFF")
    assert off.numbers["of"] == 8
    assert off.numbers["inside"] <= 2


def test_a_forecast_without_its_run_waits(fit: ql.FitResult, made: Forecast) -> None:
    scores = ql.score([made, ql.forecast(fit, N=1e9, D=2e10)], pd.DataFrame({"N": [1e9], "D": [2e10], "loss": [2.9]}))
    assert len(scores.table) == 2
    assert len(scores.scored) == 1
    assert [d.numbers["count"] for d in scores.diagnostics if d.code == "FORECASTS_PENDING"] == [1]


def test_two_runs_of_one_size_are_two_outcomes(made: Forecast) -> None:
    runs = pd.DataFrame({"N": [2e10, 2e10], "D": [4e11, 4e11], "loss": [2.1, 2.11], "seed": [0, 1]})
    assert len(ql.score(made, runs).scored) == 2


def test_other_conventions_are_said(fit: ql.FitResult, made: Forecast) -> None:
    other = Forecast(**{**made.__dict__, "conventions": {**made.conventions, "loss_split": "training"}})
    runs = ql.read_runs(pd.DataFrame({"N": [2e10], "D": [4e11], "loss": [2.1]}), loss_split="validation")
    (doubt,) = ql.score(other, runs).diagnostics
    assert doubt.code == "FORECAST_OF_OTHER_RUNS"
    assert doubt.numbers["apart"]["loss_split"] == ["training", "validation"]
    bytes_ = Forecast(**{**made.__dict__, "conventions": {**made.conventions, "loss_unit": "bits/byte"}})
    with pytest.raises(ArgumentError, match="bits/byte"):
        ql.score(bytes_, runs)


def test_a_run_that_was_not_forecast_is_named(made: Forecast) -> None:
    with pytest.raises(RunsError, match=r"20B.*21B"):
        ql.score(made, pd.DataFrame({"N": [2.1e10], "D": [4e11], "loss": [2.1]}))
    with pytest.raises(RunsError, match="no N, D"):
        ql.score(made, pd.DataFrame({"C": [1e22], "loss": [2.1]}))


def test_what_cannot_be_forecast_is_refused(fit: ql.FitResult) -> None:
    with pytest.raises(FitError, match="bootstrap"):
        ql.forecast(ql.fit(LAW, fit.runs), N=1e9, D=2e10)
    with pytest.raises(ArgumentError, match="fit"):
        ql.forecast(ql.published["besiroglu-2024"], N=1e9, D=2e10)
    with pytest.raises(ArgumentError, match="D"):
        ql.forecast(fit, N=1e9)


def test_one_loss_is_of_one_forecast(made: Forecast) -> None:
    with pytest.raises(ArgumentError, match="2 forecasts"):
        ql.score([made, made], 2.1)
    with pytest.raises(ArgumentError, match="no forecasts"):
        ql.score([], 2.1)
    with pytest.raises(ArgumentError, match="-1"):
        ql.score(made, -1.0)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"schema": "quokka-laws/fit"}, ["no forecast"]),
        ({"schema_version": 2}, ["schema_version", "1"]),
        ({"median": -1.0}, ["median"]),
        ({"spread": "wide"}, ["spread", "number"]),
        ({"at": {}}, ["at"]),
        ({"intervals": {"90": [2.0, 2.1]}}, ["intervals"]),
        ({"data_sha256": "abc"}, ["data_sha256"]),
        ({"median": -1.0, "runs": -3}, ["median", "runs"]),
    ],
)
def test_a_damaged_forecast_is_refused_by_field(made: Forecast, changed: dict[str, Any], says: list[str]) -> None:
    with pytest.raises(FitFileError) as caught:
        ql.read_forecast({**json.loads(made.to_json()), **changed})
    assert all(word in str(caught.value) for word in says), str(caught.value)


def test_crossed_bounds_are_refused(made: Forecast) -> None:
    data = json.loads(made.to_json())
    data["intervals"]["80"].reverse()
    with pytest.raises(FitFileError, match=r"intervals.80"):
        ql.read_forecast(data)


@pytest.mark.parametrize("content", [None, "", "[1]", "not json", '{"a": 1}', b"\xff\xfe\x00"])
def test_a_file_that_is_no_forecast_is_one_sentence(tmp_path: Path, content: str | bytes | None) -> None:
    path = tmp_path / "forecast.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(FitFileError, match=r"forecast\.json"):
        ql.score(path, 2.1)
