"""`demo`, `fit` and `isoflops`: the answer first, then what to know, evidence, files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import FAST, ISOFLOP, run

import quokka_laws as ql


def test_a_folder_is_not_called_like_a_file(tmp_path: Path) -> None:
    for name in ("out.txt", "report.html", "runs.csv"):
        done = run("fit", ISOFLOP, *FAST, "-o", tmp_path / name)
        assert done.exit_code == 2
        assert "fit.json" in done.stderr
        assert not (tmp_path / name).exists()


def test_demo_is_the_main_job(tmp_path: Path) -> None:
    result = run("demo", "-C", "1e22", "--bootstrap", "100", "-o", tmp_path)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("At C = 1.1e+23: train ")
    for said in (
        "train 14.1B parameters",
        "2362.8",
        "paper (Eq. 13)",
        "N_opt = 0.02165·C^0.5138",
        "1e+22",
        "×110 beyond",
        "IsoFLOP profiles 15B",
    ):
        assert said in result.stdout
    figures = {"loss-against-compute.png", "isoflop-profiles.png", "loss-contours.png", "residuals.png"}
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


def test_the_prior_of_few_runs_is_said_and_can_be_left_out() -> None:
    few = ql.datasets.load_quokka_isoflops()[::9].to_csv(index=False)
    said, free = (run("fit", "-", *FAST, *flag, stdin=few).stdout for flag in ((), ("--no-prior",)))
    assert "prior: alpha 0.35 ± 0.1, beta 0.36 ± 0.1" in said
    assert "--no-prior" in said
    assert "prior" not in free


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


def test_a_choice_between_columns_is_said(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    rows = [f"{n}e7,{d}e9,{3 + 1 / n + 1 / d},{2.9 + 1 / n + 1 / d}" for n in (1, 2, 4) for d in (1, 3, 9)]
    path.write_text("params,tokens,eval/loss,train/loss\n" + "\n".join(rows))
    said = "loss was taken from 'eval/loss', not from train/loss"
    assert said in run("fit", path, "--bootstrap", 0).stderr
    assert run("check", path).output.count(said) == 1
