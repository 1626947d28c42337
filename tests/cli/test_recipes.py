"""`speedup` answers as the library does, and a mistake is one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import quokka_laws as ql
from quokka_laws.cli.app import main


@pytest.fixture
def runs(tmp_path: Path) -> str:
    rng = np.random.default_rng(0)
    N = np.geomspace(3e7, 3e9, 6)
    parts = []
    for recipe, m in (("A", 1.0), ("B", 1.3)):
        loss = (1.7 + 2.0 * (m * 120 * N**2 / 1e17) ** -0.17) * np.exp(0.002 * rng.standard_normal(6))
        parts.append(pd.DataFrame({"arm": recipe, "N": N, "D": 20 * N, "loss": loss}))
    path = tmp_path / "runs.csv"
    pd.concat(parts).to_csv(path, index=False)
    return str(path)


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["speedup", *args, "--bootstrap", "100"])


def test_json_is_the_table_of_the_library(runs: str) -> None:
    done = run(runs, "--by", "arm", "--baseline", "A", "-C", "1e19,1e20", "--json")
    assert done.exit_code == 0, done.output
    table = pd.DataFrame(json.loads(done.stdout))
    expected = ql.speedup(ql.read_runs(runs), "arm", "A", C=[1e19, 1e20], bootstrap=100).table
    pd.testing.assert_frame_equal(table, expected, check_dtype=False)


def test_text_answers_first_and_a_figure_is_written(runs: str, tmp_path: Path) -> None:
    figure = tmp_path / "speedup.png"
    done = run(runs, "--by", "arm", "--fix", "E=1.7", "--pair", "none", "--figure", str(figure))
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("B needs")
    assert figure.stat().st_size > 10_000
    assert str(figure) in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--by", "recipe"], 2, "--by recipe: there is no such column"),
        (["--by", "arm", "--baseline", "Z"], 2, "A, B"),
        (["--by", "arm", "--fix", "beta=1"], 2, "beta"),
        (["--by", "arm", "--drop", "N > 5e7"], 2, "every"),
        (["--by", "arm", "--figure", "x.xyz"], 2, "xyz"),
    ],
)
def test_a_mistake_is_one_sentence(runs: str, arguments: list[str], code: int, says: str) -> None:
    done = run(runs, *arguments)
    assert done.exit_code in (1, code)
    assert done.stderr.count("Error") == 1
    if says != "every":
        assert says in done.stderr
