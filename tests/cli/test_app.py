"""The command line as a hurried user meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import quokka_laws as ql
from quokka_laws.cli.app import main
from quokka_laws.progress import Progress

ISOFLOP = ql.datasets.data_folder() / "quokka2025" / "isoflop.csv"
FAST = ["--bootstrap", "20"]


def run(*arguments: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments], input=stdin)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "fit.json"
    path.write_text(run("fit", ISOFLOP, *FAST).stdout)
    return path


def test_demo_is_the_main_job(tmp_path: Path) -> None:
    result = run("demo", "-C", "1e22", "--bootstrap", "100", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    for said in (
        "2362.76",
        "paper (Eq. 13)",
        "N_opt = 0.02165·C^0.5138",
        "1.1e+23",
        "1e+22",
        "13 OF 87 RUNS HAVE D/N < 4",
        "×110 BEYOND THE LARGEST RUN",
        "14.2B by chinchilla",
    ):
        assert said in result.stdout
    assert {p.name for p in tmp_path.iterdir()} == {
        "fit.json",
        "isoflop-profiles.png",
        "loss-contours.png",
        "residuals.png",
    }
    assert ql.read_fit(tmp_path / "fit.json").objective_value == pytest.approx(8.153235350e-4, rel=1e-9)


def test_fit_pipes_into_allocate_and_predict() -> None:
    fit = run("fit", ISOFLOP, *FAST, "--seed", "0")
    assert fit.exit_code == 0
    assert "13 OF 87 RUNS" in fit.stderr
    plan = run("allocate", "-", "-C", "1e23", "-C", "1e24", "--format", "json", stdin=fit.stdout)
    rows = json.loads(plan.stdout)
    assert [r["C"] for r in rows] == [1e23, 1e24]
    assert rows[0]["N_lower"] < rows[0]["N"] < rows[0]["N_upper"]
    table = run("allocate", "-", "-C", "1e23", "--format", "table", stdin=fit.stdout)
    assert "×100" in table.stdout
    prediction = json.loads(run("predict", "-", "-N", "7B", "-D", "1.4T", stdin=fit.stdout).stdout)
    assert prediction[0]["loss_lower"] < prediction[0]["loss"] < prediction[0]["loss_upper"]


def test_same_seed_same_bytes() -> None:
    assert run("fit", ISOFLOP, *FAST).stdout == run("fit", ISOFLOP, *FAST).stdout


def test_runs_from_stdin_and_options(tmp_path: Path) -> None:
    text = ISOFLOP.read_text(encoding="utf-8").replace("N,D,loss", "size,toks,final")
    result = run(
        "fit",
        "-",
        *FAST,
        "--columns",
        "N=size,D=toks,loss=final",
        "--drop",
        "D / N < 4",
        "--tie",
        "beta=alpha",
        "--objective",
        "l2",
        "--state",
        "loss_split=training",
        "--format",
        "csv",
        "-C",
        "1e22",
        "--out",
        tmp_path / "x",
        stdin=text,
    )
    assert result.exit_code == 0, result.output
    assert "excluded: 13 rows" in result.stderr
    assert "= alpha" in result.stderr
    assert result.stdout.startswith("coefficient,value,stderr,lower,upper,at_bound")
    assert (tmp_path / "x" / "fit.json").exists()


def test_fixed_coefficients_and_other_laws() -> None:
    result = run("fit", ISOFLOP, "--bootstrap", 0, "--fix", "E=2.4", "--law", "skaling", "--format", "json")
    assert json.loads(result.stdout)["values"]["E"] == 2.4


def test_isoflops(tmp_path: Path) -> None:
    result = run("isoflops", ISOFLOP, *FAST, "--format", "json")
    assert len(json.loads(result.stdout)) == 9
    assert "C^0.5138" in result.stderr
    allocation = json.loads(run("isoflops", ISOFLOP, *FAST, "-C", "1.1e23", "--format", "json").stdout)
    assert allocation[0]["N"] == pytest.approx(1.5e10, rel=0.02)


def test_plot_writes_figures(fitted: Path, tmp_path: Path) -> None:
    result = run("plot", fitted, "-C", "1e22", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert {Path(line).name for line in result.stdout.split()} >= {"loss-contours.png", "residuals.png"}


def test_check_says_what_would_be_used(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text(
        "params,tokens,val_loss\n"
        + "".join(f"{n}M,{d}B,{3 + 1 / n + 1 / d}\n" for n in (10, 20, 40) for d in (1, 3, 9))
    )
    result = run("check", path, "--format", "csv")
    assert result.exit_code == 0, result.output
    assert "9 rows usable" in result.stderr
    assert "'val_loss' read as loss" in result.stderr
    assert "C derived as 6·N·D" in result.stderr
    assert "N,10000000.0,40000000.0" in result.stdout
    refused = run("check", path, "--drop", "D > 5e9")
    assert refused.exit_code == 1
    assert "not enough for chinchilla: 2 token counts (D = 1e+09, 3e+09)" in refused.stderr


def test_doubts_and_levels_go_with_whatever_is_asked_of_a_fit(fitted: Path, tmp_path: Path) -> None:
    asked = {
        "predict": ["-N", "1e9", "-D", "1e10"],
        "allocate": ["-C", "1e22"],
        "sensitivity": ["-C", "1e22"],
        "explore": ["-o", str(tmp_path / "page.html")],
        "plan": ["--flops", "1e22"],
        "overtrain": ["-C", "1e22", "--factor", "2"],
    }
    for command, options in asked.items():
        fit = ["--law", fitted] if command in ("plan", "overtrain") else [fitted]
        form = [] if command == "explore" else ["--format", "table"]
        done = run(command, *fit, *options, *form)
        assert done.exit_code == 0, done.output
        assert "! COUPLED: k = 1 is rejected" in done.stderr
        if command in ("predict", "allocate", "plan"):
            assert "95%" in done.stdout
            assert "95%" not in run(command, *fit, *options, "--format", "csv").stdout
    assert (
        "loss_upper 80%" in run("predict", fitted, *asked["predict"], "--interval", "0.8", "--format", "table").stdout
    )


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (
            "Name,model.n_params,Tokens Seen,eval/loss",
            'needs a column N; the table has Name, Tokens Seen, eval/loss, model.n_params. Say --columns "N=model.n_params"',
        ),
        ("Name,# Params,tok,loss", 'Say --columns "D=…"'),
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


def test_duplicates_can_be_dropped() -> None:
    text = (
        "params,tokens,loss\n"
        + "1e8,2e9,3.4\n" * 3
        + "".join(f"{n}e7,{d}e9,{3 + 1 / n + 1 / d}\n" for n in (1, 2, 4) for d in (1, 3, 9))
    )
    assert "Keep one of each, --drop 'duplicates'" in run("check", "-", stdin=text).stderr
    done = run("check", "-", "--drop", "duplicates", stdin=text)
    assert "10 rows usable, 2 excluded" in done.stderr
    assert "row 2 excluded: drop: duplicates" in done.stderr


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


def test_one_law_that_refuses_does_not_silence_the_others(fitted: Path) -> None:
    done = run("plan", "--flops", "1e22", "--law", fitted, "--law", "quokka-2025/repeated", "--format", "json")
    assert done.exit_code == 0
    assert len(json.loads(done.stdout)) == 1
    assert "! no row: quokka-2025/repeated is a law of repeated data" in done.stderr
    alone = run("plan", "--flops", "1e22", "--law", "quokka-2025/repeated")
    assert alone.exit_code == 2


def test_a_choice_between_columns_is_said(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    rows = [f"{n}e7,{d}e9,{3 + 1 / n + 1 / d},{2.9 + 1 / n + 1 / d}" for n in (1, 2, 4) for d in (1, 3, 9)]
    path.write_text("params,tokens,eval/loss,train/loss\n" + "\n".join(rows))
    said = "loss was taken from 'eval/loss', not from train/loss"
    assert said in run("fit", path, "--bootstrap", 0).stderr
    assert run("check", path).stderr.count(said) == 1


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "said"),
    [
        (["fit", "absent.csv"], None, 1, "absent.csv: no such file"),
        (["fit", "-"], "N,D,loss\n1e8,2e9,3\n", 1, "1 runs cannot determine"),
        (["fit", "-"], "a,b\n1,2\n", 1, "no column holds the loss"),
        (["fit", str(ISOFLOP), "--law", "chinchila"], None, 2, "did you mean 'chinchilla'"),
        (["fit", str(ISOFLOP), "--fix", "E=low"], None, 2, "--fix needs numbers"),
        (["fit", str(ISOFLOP), "--fix", "gamma=1"], None, 2, "no coefficient gamma"),
        (["fit", str(ISOFLOP), "--columns", "N"], None, 2, "write name=value"),
        (["fit", str(ISOFLOP), "--state", "los=val"], None, 2, "no option los"),
        (["fit", str(ISOFLOP), "--flops", "six"], None, 1, "FLOP rule 'six'"),
        (["fit", str(ISOFLOP), "--strict", "--bootstrap", "0"], None, 3, "COUPLED"),
        (["fit", str(ISOFLOP), "-C", "lots"], None, 2, "is not a number such as"),
        (["allocate", "-", "-C", "1e23"], "{}", 3, "not a fit written by quokka-laws"),
        (["allocate", "-", "-C", "1e23"], "", 3, "not a fit"),
        (["allocate", "nofit.json", "-C", "1e23"], None, 3, "cannot be read"),
        (["predict", "-", "-N", "1e9"], None, 2, "missing: D"),
        (["predict", "-", "-N", "1e9", "-D", "-5"], None, 2, "must be positive"),
        (["allocate", "-", "-C", "-1"], None, 2, "expected positive numbers"),
        (["demo", "--out", "/proc/none"], None, 1, "/proc/none"),
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
            if isinstance(option, click.Option) and option.name not in ("form",):
                assert option.help or option.name in ("objective",), f"{name} --{option.name}"


def test_verbose_logs_and_version() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(ql.__file__).parents[1])}
    command = [sys.executable, "-m", "quokka_laws", "-v", "fit", str(ISOFLOP), "--bootstrap", "0"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert "10 starts" in done.stderr
    assert ql.__version__ in run("--version").stdout


def test_no_bars_where_stderr_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with Progress("starts", 10, enabled=True) as bar:
        time.sleep(2.1)  # bars wait for two seconds
        bar.update(5)
    assert capfd.readouterr().err == ""


def test_library_calls_are_silent(capfd: pytest.CaptureFixture[str], quokka87: object) -> None:
    ql.fit(ql.laws.Chinchilla(), quokka87, bootstrap=50)  # type: ignore[arg-type]
    assert capfd.readouterr() == ("", "")
