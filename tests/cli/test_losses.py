"""``fit --loss``: one column, several, patterns, a folder, JSON, and mistakes in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import quokka_laws as ql
from quokka_laws.cli.app import main
from tests.fitting.test_losses import table


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "runs.csv"
    table().assign(**{"eval/name": "x"}).to_csv(path, index=False)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


def test_a_pattern_gives_a_folder_of_fits_and_a_page(csv: Path, tmp_path: Path) -> None:
    found = run(
        "fit", csv, "--law", "chinchilla", "--loss", "eval/*", "-C", "1e22", "--bootstrap", 20, "-o", tmp_path / "out"
    )
    assert found.exit_code == 0, found.output
    assert found.stdout.count("eval/code") >= 3
    fits = ql.read_fits(tmp_path / "out")
    assert list(fits) == ["eval/c4", "eval/code", "eval/math"]
    assert "<svg" in (tmp_path / "out" / "report.html").read_text()


def test_json_holds_every_fit_and_what_was_left_out(csv: Path) -> None:
    found = run(
        "fit",
        csv,
        "--law",
        "chinchilla",
        "--loss",
        "eval/c4,eval/name",
        "--loss",
        "eval/code",
        "--bootstrap",
        0,
        "--json",
    )
    data = json.loads(found.stdout)
    assert list(data["losses"]) == ["eval/c4", "eval/code"]
    assert set(data["left_out"]) == {"eval/name"}
    assert (
        run("fit", csv, "--law", "chinchilla", "--loss", "eval/c4,eval/name", "--bootstrap", 0, "--strict").exit_code
        == 3
    )


def test_one_name_is_the_column_of_the_loss(csv: Path) -> None:
    one = run("fit", csv, "--law", "chinchilla", "--loss", "eval/code", "--bootstrap", 0, "--json")
    other = run("fit", csv, "--law", "chinchilla", "--columns", "loss=eval/code", "--bootstrap", 0, "--json")
    assert json.loads(one.stdout)["values"] == json.loads(other.stdout)["values"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--loss", "nope/*"], "nope/*"),
        (["--loss", "eval/cod"], "eval/code"),
        (["--loss", "eval/name"], "'x'"),
        (["--loss", "eval/*", "-o", "fit.json"], "folder"),
        (["--loss", "eval/*", "--columns", "loss=eval/c4"], "--loss"),
        (["--loss", "eval/*", "--drop", "outliers"], "outliers"),
        (["--loss", "eval/*", "--law", "E + K/C^kapa", "--fix", "kappa=1"], "kapa"),
    ],
)
def test_mistakes_are_one_sentence(csv: Path, options: list[str], said: str) -> None:
    law = [] if "--law" in options else ["--law", "chinchilla"]
    found = run("fit", csv, *law, "--bootstrap", 0, *options)
    assert found.exit_code not in (0, 70), found.output
    assert said in found.stderr
    assert "Traceback" not in found.stderr
