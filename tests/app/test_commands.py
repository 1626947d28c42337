"""The command line and the Python of the page: run in a folder of its own, they give the page's answer."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from app_runs import csv, dropped
from click.testing import CliRunner

import quokka_laws as ql
from quokka_laws._spelling import on_command_line
from quokka_laws.app.choices import IMPORTED, File, Question, Reading
from quokka_laws.app.commands import command_line, python
from quokka_laws.app.tasks import answer
from quokka_laws.cli.app import main

NAME = "my runs; rm -rf $HOME 'x'.csv"


def test_they_reproduce_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(NAME).write_bytes(csv(dropped()))
    choice = Reading((File(NAME, ""),), columns=(("N", "weights_m:M"),)).without("tokens < 1e8")
    asked = Question(C="1e23, 3e23", refits=20, seed=3, outliers=True)
    with on_command_line():
        found = answer(choice, asked)
    values = ql.read_fit(json.loads(found.fit)).values

    first, _ = [shlex.split(line) for line in command_line(choice, asked).splitlines()]
    said = CliRunner().invoke(main, first[1:])
    assert said.exit_code == 0, said.output
    assert found.headline in said.output
    assert ql.read_fit("fit.json").values == values

    script = python(choice, asked, budgets=found.budgets, together=found.together)
    fitting, report_of_it = script.rsplit("ql.report(", 1)
    assert "report.html" in report_of_it  # written in the browser test
    Path("reproduce.py").write_text(fitting, encoding="utf-8")
    Path("fit.json").unlink()
    done = subprocess.run([sys.executable, "reproduce.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert ql.read_fit("fit.json").values == values


def test_every_choice_is_in_them() -> None:
    choice = Reading(
        (File("-a.csv", ""), File("b.csv", "")),
        flops="as given",
        drop=("D / N < 4",),
        keep="opt == 'adam'",
        best_of=("lr", "batch"),
        loss_unit="bits/byte",
        bytes_per_token=4.2,
    )
    asked = Question(law="E + A/N^a", objective="l2", refits=10, U_D="1B")
    first, report = [shlex.split(line) for line in command_line(choice, asked).splitlines()]
    assert first[:4] == ["quokka-laws", "fit", "./-a.csv", "b.csv"]
    options = dict(zip(first[4:-2:2], first[5:-2:2], strict=True))
    assert options == {
        "--flops": "as given",
        "--drop": "D / N < 4",
        "--keep": "opt == 'adam'",
        "--best-of": "lr,batch",
        "--bytes-per-token": "4.2",
        "--state": "loss_unit=bits/byte",
        "--law": "E + A/N^a",
        "--objective": "l2",
        "--bootstrap": "10",
        "-U": "1B",
    }
    assert report[:3] == ["quokka-laws", "report", "fit.json"]
    script = python(choice, asked, unique=(1e9,))
    compile(script, "reproduce.py", "exec")
    for text in (
        "as given",
        "D / N < 4",
        "opt == 'adam'",
        "bits/byte",
        "4.2",
        "E + A/N^a",
        "'l2'",
        "U_D=[1000000000.0]",
    ):
        assert text in script


def test_logs_are_imported_first() -> None:
    choice = Reading((File("logs.csv", ""),), tokens_per_step="batch * 2048", names="{N}")
    first, second, _ = command_line(choice, Question(), logs=True).splitlines()
    assert shlex.split(first)[1:3] == ["import", "logs.csv"]
    assert shlex.split(second)[1:3] == ["fit", IMPORTED]
    script = python(choice, Question(), logs=True)
    compile(script, "reproduce.py", "exec")
    assert "import_runs" in script
