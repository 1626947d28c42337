"""`report`, `plot`: figures and pages go to files beside the fit."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from commands import run


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


def test_to_wandb_is_asked_for_before_the_work(fitted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.setattr("quokka_laws.reporting.page.page", lambda *_, **__: pytest.fail("worked before it looked"))
    done = run("report", fitted, "--to", "wandb")
    assert done.exit_code == 1
    assert "quokka-laws[wandb]" in done.stderr
    assert "--to wandb" in run("report", fitted, "--project", "x").stderr
