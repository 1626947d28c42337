"""`forecast` writes what `score` reads."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql
from quokka_laws.cli.app import main

LAW = ql.laws.Chinchilla()


def run(*args: str) -> Result:
    return CliRunner().invoke(main, list(args))


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("fit") / "fit.json"
    ql.fit(LAW, sweep(LAW, TRUE_CHINCHILLA, noise=0.005), objective="auto", bootstrap=200).to_json(path)
    return str(path)


def test_a_forecast_is_written_and_scored(fit: str, tmp_path: Path) -> None:
    written = tmp_path / "forecast.json"
    done = run("forecast", fit, "-N", "20B", "-D", "400B", "--series", "ladder", "-o", str(written))
    assert done.exit_code == 0, done.output
    made = ql.read_forecast(written)
    assert made.at == {"N": 20e9, "D": 400e9}
    assert made.series == "ladder"
    assert f"{made.median:.3f}" in done.stdout
    result, figure = tmp_path / "result.csv", tmp_path / "scores.png"
    pd.DataFrame({"N": [20e9], "D": [400e9], "loss": [made.median]}).to_csv(result, index=False)
    scored = run("score", str(written), str(result), "--json", "--figure", str(figure))
    assert scored.exit_code == 0, scored.output
    (row,) = json.loads(scored.stdout)
    assert row["z"] == pytest.approx(0.0, abs=1e-9)
    assert row["within"] == 0.5
    assert figure.stat().st_size > 5_000
    alone = run("score", str(written), "--loss", str(made.median))
    assert alone.stdout.startswith("Observed")


def test_json_goes_to_stdout(fit: str) -> None:
    done = run("forecast", fit, "-N", "20B", "-D", "400B", "--json")
    assert ql.read_forecast(json.loads(done.stdout)).law == "chinchilla"


def test_a_mistake_is_one_sentence(fit: str, tmp_path: Path) -> None:
    broken = tmp_path / "forecast.json"
    broken.write_text("{")
    for arguments, code, says in (
        (["score", str(broken), "--loss", "2.3"], 1, "not JSON"),
        (["score", str(tmp_path / "none.json"), "--loss", "2.3"], 1, "none.json"),
        (["score", fit, "--loss", "2.3"], 1, "no forecast"),
        (["score", str(broken)], 2, "--loss"),
        (["forecast", "besiroglu-2024", "-N", "1B", "-D", "20B"], 1, "without its runs"),
        (["forecast", fit, "-N", "1B"], 2, "D"),
    ):
        done = run(*arguments)
        assert done.exit_code == code, done.output
        assert says in done.stderr
        assert "Traceback" not in done.stderr


def test_a_folder_holds_forecasts_and_other_files(tmp_path: Path) -> None:
    from quokka_laws.cli.pages import _forecast_files

    (tmp_path / "a.json").write_text('{"schema": "quokka-laws/forecast"}')
    (tmp_path / "fit.json").write_text('{"schema": "quokka-laws/fit"}')
    assert [p.name for p in _forecast_files(str(tmp_path))] == ["a.json"]
    assert _forecast_files("one.json") == [Path("one.json")]
