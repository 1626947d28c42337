"""`plan`, `allocate`, `predict`: verdicts, and what makes them doubtful."""

from __future__ import annotations

import json
from pathlib import Path

from commands import FAST, ISOFLOP, run


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


def test_a_size_without_its_unit_is_asked_about(fitted: Path) -> None:
    refused = run("predict", fitted, "-N", "7", "-D", "1.4T")
    assert refused.exit_code == 1
    assert "is 7M or 7B meant?" in refused.stderr
    small = run("predict", fitted, "-N", "500k", "-D", "1B")
    assert small.exit_code == 0
    assert "below the smallest of the runs" in small.stdout


def test_a_law_that_was_chosen_says_what_all_methods_say(tmp_path: Path) -> None:
    fit, named = tmp_path / "fit.json", tmp_path / "named.json"
    answer = run("fit", ISOFLOP, "-C", "1e23", *FAST, "-o", fit).stdout
    joint = answer.split("train ")[1].split(" parameters")[0]
    said = " ".join(run("allocate", fit, "-C", "1e23").stdout.split())
    assert f"`quokka-laws fit` puts all methods together: {joint} (95 %:" in said
    assert run("fit", ISOFLOP, "--law", "chinchilla", *FAST, "-o", named).exit_code == 0
    assert "all methods" not in run("allocate", named, "-C", "1e23").stdout
