"""A published name will do wherever a fit does, and it is said which was taken."""

from __future__ import annotations

from pathlib import Path

from commands import run


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
