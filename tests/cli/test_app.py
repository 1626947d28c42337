"""The command line as a hurried user meets it: the answer first, data when asked for, a sentence for every mistake."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from commands import ISOFLOP, run

import quokka_laws as ql
from quokka_laws.cli.app import main
from quokka_laws.progress import Progress


def test_check_says_what_would_be_used(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text(
        "params,tokens,val_loss\n"
        + "".join(f"{n}M,{d}B,{3 + 1 / n + 1 / d}\n" for n in (10, 20, 40) for d in (1, 3, 9))
    )
    result = run("check", path)
    assert result.exit_code == 0, result.output
    for said in ("9 rows usable", "'val_loss' read as loss", "C derived as 6·N·D"):
        assert said in result.stdout
    assert "N,10000000.0,40000000.0" in run("check", path, "--format", "csv").stdout
    assert "not enough for chinchilla" in run("check", path, "--drop", "D > 5e9").stdout.splitlines()[0]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("Name,# Params,volume,loss", 'Say --columns "D=…"'),
        (
            "Name,# Params,tokens,c4",
            'no column holds the loss; the table has Name, # Params, tokens, c4. Say --columns "loss=…"',
        ),
    ],
)
def test_errors_speak_the_names_of_the_table_and_of_options(header: str, said: str) -> None:
    done = run("check", "-", stdin=f"{header}\na,1e8,1e9,3.0\n")
    assert done.exit_code == 1
    assert said in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["predict", "FIT", "-N", "1e9", "-D", "1e10", "--epochs", "4"], "knows nothing of epochs"),
        (
            ["report", "FIT", "--law", "kaplan", "--drop", "N < 1", "--bootstrap", "7"],
            "--law, --bootstrap, --drop: for a table",
        ),
        (["fit", str(ISOFLOP), "--objective", "l1", "--delta", "0.5"], "--delta is Huber's"),
    ],
)
def test_options_that_would_do_nothing_are_refused(arguments: list[str], said: str, fitted: Path) -> None:
    done = run(*(fitted if a == "FIT" else a for a in arguments))
    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "said"),
    [
        (["fit", "absent.csv"], None, 1, "absent.csv: no such file"),
        (["fit", "-"], "N,D,loss\n1e8,2e9,3\n", 1, "1 runs cannot determine"),
        (["fit", "-"], "a,b\n1,2\n", 1, "no column holds the loss"),
        (["fit", str(ISOFLOP), "--law", "chinchila"], None, 2, "did you mean 'chinchilla'"),
        (["fit", str(ISOFLOP), "--law", "chinchilla", "--fix", "E=low"], None, 2, "--fix E: 'low' is not"),
        (["fit", str(ISOFLOP), "--law", "chinchilla", "--fix", "gamma=1"], None, 2, "no coefficient gamma"),
        (["fit", str(ISOFLOP), "--columns", "N"], None, 2, "write name=value"),
        (["fit", str(ISOFLOP), "--state", "los=val"], None, 2, "no option los"),
        (["fit", str(ISOFLOP), "--flops", "six"], None, 1, "FLOP rule 'six'"),
        (["fit", str(ISOFLOP), "--strict", "--bootstrap", "0"], None, 3, "--strict"),
        (["fit", str(ISOFLOP), "-C", "lots"], None, 2, "is not a number such as"),
        (["allocate", "-", "-C", "1e23"], "{}", 1, "not a fit written by quokka-laws"),
        (["allocate", "-", "-C", "1e23"], "", 1, "not a fit"),
        (["allocate", "nofit.json", "-C", "1e23"], None, 1, "nofit.json"),
        (["allocate", "chinchila", "-C", "1e23"], None, 2, "did you mean"),
        (["predict", "-", "-N", "1e9"], None, 2, "missing: D"),
        (["predict", "-", "-N", "1e9", "-D", "-5"], None, 2, "D = -5"),
        (["allocate", "-", "-C", "-1"], None, 2, "C = -1"),
        (["demo", "-o", "/proc/none"], None, 1, "/proc/none"),
        (["predict", "-", "-N", "1e9", "-D", "1e10", "-o", "loss.xyz"], None, 2, "the ending says the form"),
        (["nonsense"], None, 2, "No such command"),
    ],
)
def test_mistakes_get_a_sentence_and_a_code(
    arguments: list[str], stdin: str | None, code: int, said: str, fitted: Path
) -> None:
    if stdin is None and "-" in arguments:
        stdin = fitted.read_text()
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == code, result.output
    assert said in result.output
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_every_command_and_option_has_help() -> None:
    for name, command in main.commands.items():
        assert command.help, name
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, f"{name} --{option.name}"


def test_exit_codes_and_headings_are_in_the_help() -> None:
    text = run("--help").stdout
    assert all(code in text for code in ("0 done", "1 refused", "2 wrong usage", "3 with", "--strict"))
    places = [text.index(f"{heading}:\n") for heading in ("Runs", "Fit", "Plan", "Trust", "Literature", "Pages")]
    assert places == sorted(places)


def test_verbose_logs_and_version() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(ql.__file__).parents[1])}
    command = [sys.executable, "-m", "quokka_laws", "-v", "fit", str(ISOFLOP), "--bootstrap", "0"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert "starts" in done.stderr
    assert ql.__version__ in run("--version").stdout


def test_no_bars_where_stderr_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with Progress("starts", 10, enabled=True) as bar:
        time.sleep(2.1)  # bars wait for two seconds
        bar.update(5)
    assert capfd.readouterr().err == ""


def test_library_calls_are_silent(capfd: pytest.CaptureFixture[str], quokka87: object) -> None:
    ql.fit(ql.laws.Chinchilla(), quokka87, bootstrap=50)
    assert capfd.readouterr() == ("", "")
