"""``quokka-laws import``: rows on stdout, what was noticed on stderr, one line for every mistake."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from logs import RUNS, tensorboard
from synthetic import TRUE_CHINCHILLA

import quokka_laws as ql
from quokka_laws.cli.app import main


def call(*arguments: str | Path, input: str | None = None) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments], input=input)


def test_from_logs_to_a_fit(tmp_path: Path) -> None:
    tensorboard(tmp_path / "runs")
    done = call("import", tmp_path / "runs", "--name", "quokka")
    assert done.exit_code == 0
    assert done.stderr.splitlines()[0] == "16 rows of 16 runs, 16 usable"
    assert len(done.stdout.splitlines()) == len(RUNS)
    fitted = call("fit", "-", "--bootstrap", "0", "--json", input=done.stdout)
    assert fitted.exit_code == 0, fitted.output
    assert ql.read_fit(fitted.stdout).values == pytest.approx(TRUE_CHINCHILLA, rel=1e-3)


def test_what_is_left_out_is_listed_and_reaches_the_fit(tmp_path: Path) -> None:
    steps = np.arange(1, 201)
    for name, loss in {"1e8": 3 + 2 / steps, "2e8": np.where(steps > 150, 9.0, 5 - steps / 100)}.items():
        pd.DataFrame({"step": steps, "loss": loss}).to_csv(tmp_path / f"{name}.csv", index=False)
    done = call("import", tmp_path, "--name", "{N}", "--tokens-per-step", "1M", "--final", "smooth:31")
    assert "2 rows of 2 runs, 1 usable" in done.stderr
    assert "2e8: diverged: loss jumped from 3.5 to 9" in done.stderr
    assert "values are those of 3.78 steps before the end" in done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["status"] for row in rows] == ["ok", "diverged"]
    checked = call("check", "-", "--law", "power", input=done.stdout)
    assert "row 2 (2e8) excluded: status diverged: loss jumped from 3.5 to 9" in checked.stderr
    accepted = call("import", tmp_path, "--name", "{N}", "--tokens-per-step", "1M", "--accept", "diverged")
    assert "2 usable" in accepted.stderr
    assert "2e8: diverged (accepted)" in accepted.stderr


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    for name in ("1e8", "2e8"):
        pd.DataFrame({"step": range(1, 9), "loss": 3.0}).to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "bad.jsonl").write_text("{\nno json\n")
    done = call("import", tmp_path, "--name", "{N}", "--tokens-per-step", "1M", "-o", tmp_path / "runs.out.jsonl")
    assert done.exit_code == 1
    assert "bad.jsonl" in done.stdout
    assert "1 file could not be read" in done.stderr
    assert len((tmp_path / "runs.out.jsonl").read_text().splitlines()) == 2


def test_names_that_do_not_match_are_said(tmp_path: Path) -> None:
    for name in ("125M", "seed"):
        pd.DataFrame({"step": range(1, 9), "loss": 3.0}).to_csv(tmp_path / f"{name}.csv", index=False)
    done = call("import", tmp_path, "--name", "{N}", "--tokens-per-step", "1M", "--format", "csv")
    assert done.exit_code == 0
    assert "1 of 2 run names do not match '{N}': seed" in done.stderr
    assert "seed: incomplete: nothing says how many parameters run seed has" in done.stderr
    assert done.stdout.startswith("run_id,")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere"], 1, "nowhere: no such file or folder"),
        (["."], 1, "nothing to read in this folder"),
        ([".", "--name", "{size}"], 1, "has no field such as {N}"),
        ([".", "--final", "median"], 2, "use last:K"),
        ([".", "--from", "neptune"], 2, "Invalid value for '--from'"),
        ([], 2, "Missing argument"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call("import", *arguments)
    assert done.exit_code == code
    assert said in done.stderr
    assert "Traceback" not in done.output
    assert done.stdout == ""


def test_stdin(tmp_path: Path) -> None:
    text = "step,loss,tokens,n_params\n1,3,1e9,1e8\n2,2.9,2e9,1e8\n"
    done = call("import", "-", input=text)
    assert json.loads(done.stdout)["D"] == 2e9
