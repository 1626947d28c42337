"""Formulas on the command line alone: fit, predict, best."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from quokka_laws.cli.app import main


def run(*arguments: str):
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("formulas")
    rng = np.random.default_rng(0)
    N = 10 ** rng.uniform(7.5, 9.5, 80)
    table = pd.DataFrame({"num_params": N, "parallel_size": rng.choice([1, 2, 4, 8], 80)})
    table["loss"] = 1.3 + 200 / (N * (1 + 0.35 * np.log(table["parallel_size"]))) ** 0.25
    table.to_csv(where / "runs.csv", index=False)
    C = np.geomspace(1e17, 1e21, 12)
    pd.DataFrame({"C": C, "loss": 1.69 + 90 / C**0.09}).to_csv(where / "compute.csv", index=False)
    return where


def test_a_law_of_other_columns(folder):
    fit = str(folder / "fit.json")
    formula = "E + A/(num_params*(1 + k*log(parallel_size)))^alpha"
    done = run("fit", str(folder / "runs.csv"), "--law", formula, "--bootstrap", "20", "-o", fit)
    assert done.exit_code == 0, done.output
    values = json.loads(Path(fit).read_text(encoding="utf-8"))["values"]
    assert values == pytest.approx({"E": 1.3, "A": 200.0, "k": 0.35, "alpha": 0.25}, rel=1e-6)
    row = json.loads(run("predict", fit, "-N", "1B", "--at", "parallel_size=4", "--json").stdout)[0]
    assert row["loss"] == pytest.approx(1.3 + 200 / (1e9 * (1 + 0.35 * np.log(4))) ** 0.25, rel=1e-6)
    best = run(
        "best",
        fit,
        "--over",
        "N,parallel_size",
        "--choices",
        "parallel_size=1:2:4:8",
        "--cost",
        "N*parallel_size^0.3",
        "-C",
        "1B",
        "--json",
    )
    assert best.exit_code == 0, best.output
    found = json.loads(best.stdout)[0]
    sizes = np.array([1, 2, 4, 8])
    score = 1e9 / sizes**0.3 * (1 + 0.35 * np.log(sizes))
    assert found["parallel_size"] == sizes[score.argmax()]
    assert found["N"] == pytest.approx(1e9 / found["parallel_size"] ** 0.3, rel=1e-9)


def test_a_table_of_compute_and_loss_alone(folder):
    fit = str(folder / "c.json")
    done = run(
        "fit", str(folder / "compute.csv"), "--law", "E + K/C^kappa", "--fix", "E=1.69", "--bootstrap", "0", "-o", fit
    )
    assert done.exit_code == 0, done.output
    assert json.loads(Path(fit).read_text(encoding="utf-8"))["values"]["K"] == pytest.approx(90.0, rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--law", "E + lg(num_params)"], "there is no function 'lg'"),
        (["--law", "E + A/num_param^alpha"], "did you mean num_params"),
        (["--law", "E + A/num_params^alpha", "--start", "alpha=x"], "--start"),
        (["--law", "E + A/num_params^alpha", "--bounds", "alpha=2"], "--bounds"),
        (["--law", "E + A/num_params^alpha", "--fix", "bta=1"], "no coefficient 'bta'"),
        (["--law", "chinchilla", "--variables", "N"], "--variables"),
    ],
)
def test_mistakes(folder, arguments, said):
    done = run("fit", str(folder / "runs.csv"), *arguments)
    assert done.exit_code in (1, 2)
    assert said in done.output
    assert "Traceback" not in done.output
    assert "fault of quokka-laws" not in done.output
