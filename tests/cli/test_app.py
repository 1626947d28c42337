"""The command line as a hurried user meets it: the answer first, data when asked for, a sentence for every mistake."""

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
    ql.fit("chinchilla", ISOFLOP, bootstrap=20).save(path)
    return path


@pytest.fixture(scope="module")
def doubt(fitted: Path) -> str:
    """The beginning of what is said first about the fit."""
    return ql.read_fit(fitted).diagnostics[0].sentence()[:20]


def test_demo_is_the_main_job(tmp_path: Path) -> None:
    result = run("demo", "-C", "1e22", "--bootstrap", "100", "-o", tmp_path)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("At C = 1.1e+23: train ")
    for said in (
        "train 14.2B parameters",
        "2362.8",
        "paper (Eq. 13)",
        "N_opt = 0.02165·C^0.5138",
        "1e+22",
        "×110 beyond",
        "IsoFLOP profiles 15B",
    ):
        assert said in result.stdout
    figures = {"isoflop-profiles.png", "loss-contours.png", "residuals.png"}
    assert {p.name for p in tmp_path.iterdir()} == {"fit.json", *figures}
    assert ql.read_fit(tmp_path / "fit.json").law.name == "skaling"


def test_the_answer_comes_before_what_to_know_before_the_evidence_before_the_files(tmp_path: Path, doubt: str) -> None:
    done = run("fit", ISOFLOP, "--law", "chinchilla", *FAST, "-C", "1e22", "-o", tmp_path / "fit.json")
    assert done.exit_code == 0, done.output
    order = ["At C = 1e+22: train", "Before you rely on it", doubt, "87 rows fitted"]
    places = [done.stdout.index(said) for said in order]
    assert places == sorted(places)
    assert places[0] == 0
    assert done.stderr.splitlines()[-1].startswith("written: ")


def test_fit_of_a_small_table_answers_in_its_first_two_lines() -> None:
    few = ql.datasets.load_quokka_isoflops()[::9].to_csv(index=False)
    first, second, *_ = run("fit", "-", *FAST, stdin=few).stdout.splitlines()
    assert first.startswith("At C = 1e+22, ten times your largest run: train ")
    assert "loss" in first + second


def test_a_suffix_is_a_file_and_no_suffix_a_folder(tmp_path: Path) -> None:
    assert run("fit", ISOFLOP, "--bootstrap", 0, "-o", tmp_path / "a.json").exit_code == 0
    assert (tmp_path / "a.json").is_file()
    assert run("fit", ISOFLOP, "--bootstrap", 0, "-o", tmp_path / "b").exit_code == 0
    assert (tmp_path / "b" / "fit.json").is_file()
    assert (tmp_path / "b" / "residuals.png").is_file()


def test_fit_pipes_into_allocate_and_predict(doubt: str) -> None:
    fit = run("fit", ISOFLOP, "--law", "chinchilla", *FAST, "--seed", "0", "-o", "-")
    assert fit.exit_code == 0
    assert doubt in fit.stderr
    plan = run("allocate", "-", "-C", "1e23,1e24", "--json", stdin=fit.stdout)
    rows = json.loads(plan.stdout)
    assert [r["C"] for r in rows] == [1e23, 1e24]
    assert rows[0]["N_lower"] < rows[0]["N"] < rows[0]["N_upper"]
    assert rows[0]["level"] == 0.95
    assert "×100" in run("allocate", "-", "-C", "1e23", stdin=fit.stdout).stdout
    prediction = json.loads(run("predict", "-", "-N", "7B", "-D", "1.4T", "--json", stdin=fit.stdout).stdout)
    assert prediction[0]["loss_lower"] < prediction[0]["loss"] < prediction[0]["loss_upper"]


def test_numbers_for_programs_read_back_with_no_digit_too_many(fitted: Path) -> None:
    text = run("allocate", fitted, "-C", "1e23", "--json").stdout
    N = json.loads(text)[0]["N"]
    assert ql.plan.compute_optimal(ql.read_fit(fitted), 1e23)["N"].iloc[0] == N
    assert repr(N) in text


def test_same_seed_same_bytes() -> None:
    assert run("fit", ISOFLOP, *FAST, "--json").stdout == run("fit", ISOFLOP, *FAST, "--json").stdout


def test_runs_from_stdin_and_options(tmp_path: Path) -> None:
    text = ISOFLOP.read_text(encoding="utf-8").replace("N,D,loss", "size,toks,final")
    reading = ["--columns", "N=size,D=toks,loss=final", "--drop", "D / N < 4", "--state", "loss_split=training"]
    fitting = ["--law", "chinchilla", "--tie", "beta=alpha", "--objective", "l2", "-C", "1e22"]
    result = run("fit", "-", *FAST, *reading, *fitting, "-o", tmp_path / "x", stdin=text)
    assert result.exit_code == 0, result.output
    assert "excluded: 13 rows" in result.stdout
    assert "= alpha" in result.stdout
    assert (tmp_path / "x" / "fit.json").exists()


def test_fixed_coefficients_and_other_laws() -> None:
    result = run("fit", ISOFLOP, "--bootstrap", 0, "--fix", "E=2.4", "--law", "skaling", "--json")
    assert json.loads(result.stdout)["values"]["E"] == 2.4


def test_isoflops() -> None:
    result = run("isoflops", ISOFLOP, *FAST, "--json")
    assert len(json.loads(result.stdout)) == 9
    assert "C^0.5138" in result.stderr
    allocation = json.loads(run("isoflops", ISOFLOP, *FAST, "-C", "1.1e23", "--json").stdout)
    assert allocation[0]["N"] == pytest.approx(1.5e10, rel=0.02)


def test_plot_writes_figures(fitted: Path, tmp_path: Path) -> None:
    result = run("plot", fitted, "-C", "1e22", "-o", tmp_path)
    assert result.exit_code == 0, result.output
    assert {Path(line).name for line in result.stdout.split()} >= {"loss-contours.png", "residuals.png"}
    one = run("plot", fitted, "-o", tmp_path / "one.svg", "--kind", "residuals")
    assert one.exit_code == 0, one.output
    assert (tmp_path / "one.svg").is_file()


def test_report_without_output_is_a_file_beside_the_fit(
    fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quokka_laws.reporting.page.figures", lambda *_: ())  # tests of the report draw them
    path = tmp_path / "fit.json"
    path.write_text(fitted.read_text())
    done = run("report", path)
    assert done.exit_code == 0, done.output
    assert "<html" in (tmp_path / "report.html").read_text()
    assert "<html" not in done.stdout
    assert done.stdout.startswith("Train ")
    assert "-U" not in done.output
    assert "-U is ignored" in run("report", path, "-U", "1B").stderr


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


def test_doubts_and_levels_go_with_whatever_is_asked_of_a_fit(fitted: Path, doubt: str, tmp_path: Path) -> None:
    asked = {
        "predict": ["-N", "1e9", "-D", "1e10"],
        "allocate": ["-C", "1e22"],
        "sensitivity": ["-C", "1e22"],
        "explore": ["-o", str(tmp_path / "page.html")],
        "plan": ["-C", "1e22"],
        "overtrain": ["-C", "1e22", "--factor", "2"],
    }
    for command, options in asked.items():
        fit = ["--law", fitted] if command in ("plan", "overtrain") else [fitted]
        done = run(command, *fit, *options)
        assert done.exit_code == 0, done.output
        assert doubt in done.stdout
        if command in ("predict", "allocate", "plan"):
            assert "95 %" in done.stdout
    assert "loss_upper 80 %" in run("predict", fitted, *asked["predict"], "--level", "0.8").stdout


@pytest.mark.parametrize(
    ("header", "said"),
    [
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
    assert "Keep one of each, --drop" in run("check", "-", stdin=text).stderr
    done = run("check", "-", "--drop", "duplicates", stdin=text)
    assert "10 rows usable, 2 excluded" in done.stdout
    assert "row 2 excluded: drop: duplicates" in done.stdout


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
    done = run("plan", "-C", "1e22", "--law", fitted, "--law", "quokka-2025/repeated", "--json")
    assert done.exit_code == 0
    assert len(json.loads(done.stdout)) == 1
    assert "No row: quokka-2025/repeated is a law of repeated data" in done.stderr
    alone = run("plan", "-C", "1e22", "--law", "quokka-2025/repeated")
    assert alone.exit_code == 2


def test_plan_ends_in_a_verdict_on_which_laws_apply() -> None:
    lines = run("plan", "-C", "1e22", "-U", "20B").stdout.splitlines()
    assert lines[0] == "At C = 1e+22 and 20B unique tokens:"
    assert "6.78B parameters" in lines[1]
    assert "muennighoff-2023" in lines[1]
    assert "diffusion: no answer; quokka-2025/repeated is asked ×144 outside its runs" in lines[2]


def test_a_published_name_will_do_wherever_a_fit_does() -> None:
    done = run("predict", "quokka-2025", "-N", "1B", "-D", "20B", "--json")
    assert done.exit_code == 0, done.output
    assert "law: quokka-2025/parametric, as published" in done.stderr
    repeated = run("epochs", "quokka-2025", "-N", "400M", "-U", "100M")
    assert "law: quokka-2025/repeated" in repeated.stderr
    assert "stop after" in repeated.stdout
    assert run("allocate", "llama3-2024", "-C", "1e24").exit_code == 0
    refused = run("sensitivity", "besiroglu-2024", "-C", "1e22")
    assert refused.exit_code == 1
    assert "comes without its runs" in refused.stderr


def test_a_choice_between_columns_is_said(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    rows = [f"{n}e7,{d}e9,{3 + 1 / n + 1 / d},{2.9 + 1 / n + 1 / d}" for n in (1, 2, 4) for d in (1, 3, 9)]
    path.write_text("params,tokens,eval/loss,train/loss\n" + "\n".join(rows))
    said = "loss was taken from 'eval/loss', not from train/loss"
    assert said in run("fit", path, "--bootstrap", 0).stderr
    assert run("check", path).output.count(said) == 1


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


def test_a_fit_that_was_cut_off_is_one_sentence(fitted: Path, tmp_path: Path) -> None:
    cut = tmp_path / "fit.json"
    cut.write_text(fitted.read_text()[:300])
    for command in (["report", cut], ["predict", cut, "-N", "1B", "-D", "20B"]):
        done = run(*command)
        assert done.exit_code == 1
        assert "not JSON" in done.stderr


def test_a_size_without_its_unit_is_asked_about(fitted: Path) -> None:
    refused = run("predict", fitted, "-N", "7", "-D", "1.4T")
    assert refused.exit_code == 1
    assert "is 7M or 7B meant?" in refused.stderr
    small = run("predict", fitted, "-N", "500k", "-D", "1B")
    assert small.exit_code == 0
    assert "below the smallest of the runs" in small.stdout


def test_quiet_leaves_the_answer_alone(fitted: Path) -> None:
    done = run("allocate", fitted, "-C", "1e22", "--quiet")
    assert done.stdout.startswith("At C = 1e+22: train")
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""
    piped = run("--quiet", "allocate", fitted, "-C", "1e22", "--json")
    assert json.loads(piped.stdout)
    assert piped.stderr == ""


def test_colour_is_for_terminals_and_not_with_no_color(fitted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = [str(fitted), "-C", "1e22"]
    coloured = CliRunner().invoke(main, ["allocate", *ask], color=True)
    assert "\x1b[" in coloured.stdout
    assert "\x1b[" not in CliRunner().invoke(main, ["allocate", *ask]).stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in CliRunner().invoke(main, ["allocate", *ask], color=True).stdout


def test_tables_go_to_files_in_the_form_of_their_ending(fitted: Path, tmp_path: Path) -> None:
    for name, start in (("plan.csv", "C,N,D"), ("plan.json", "[{"), ("plan.txt", "    C")):
        done = run("allocate", fitted, "-C", "1e22", "-o", tmp_path / name)
        assert done.exit_code == 0, done.output
        assert done.stdout.startswith("At C = 1e+22")
        assert (tmp_path / name).read_text().startswith(start)


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
