"""A published name will do wherever a fit does, and it is said which was taken."""

from __future__ import annotations

from pathlib import Path

from commands import run
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql
from quokka_laws.cli.literature import told_apart


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


def test_a_fit_that_was_cut_off_is_one_sentence(fitted: Path, tmp_path: Path) -> None:
    cut = tmp_path / "fit.json"
    cut.write_text(fitted.read_text()[:300])
    for command in (["report", cut], ["predict", cut, "-N", "1B", "-D", "20B"]):
        done = run(*command)
        assert done.exit_code == 1
        assert "not JSON" in done.stderr


def test_fits_of_one_law_are_told_apart_by_their_files(tmp_path: Path) -> None:
    runs = sweep(ql.laws.Chinchilla(), TRUE_CHINCHILLA, runs=30)
    paths = [str(ql.fit("chinchilla", runs.iloc[k:]).save(tmp_path / f"{name}.json")) for k, name in enumerate("ab")]
    fits = [ql.read_fit(path) for path in paths]
    assert [law.label for law in told_apart(fits, paths)] == ["chinchilla (a)", "chinchilla (b)"]
    assert told_apart(fits[:1], paths[:1])[0].label == "chinchilla"
    asked = run("plan", "-C", "1e22", "--law", paths[0], "--law", paths[1])
    assert "chinchilla (a)" in asked.stdout
    assert "chinchilla (b)" in asked.stdout
