"""Text for people, data when asked for; files by their ending; colour, quiet and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from commands import ISOFLOP, run

import quokka_laws as ql
from quokka_laws.cli.app import main


def test_a_suffix_is_a_file_and_no_suffix_a_folder(tmp_path: Path) -> None:
    assert run("fit", ISOFLOP, "--bootstrap", 0, "-o", tmp_path / "a.json").exit_code == 0
    assert (tmp_path / "a.json").is_file()
    assert run("fit", ISOFLOP, "--bootstrap", 0, "-o", tmp_path / "b").exit_code == 0
    assert (tmp_path / "b" / "fit.json").is_file()
    assert (tmp_path / "b" / "residuals.png").is_file()


def test_numbers_for_programs_read_back_with_no_digit_too_many(fitted: Path) -> None:
    text = run("allocate", fitted, "-C", "1e23", "--json").stdout
    N = json.loads(text)[0]["N"]
    assert ql.plan.compute_optimal(ql.read_fit(fitted), 1e23)["N"].iloc[0] == N
    assert repr(N) in text


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
