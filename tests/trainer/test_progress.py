"""Bars: they move while runs train, show losses, and do not call done what failed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from reference_trainer import progress
from reference_trainer.progress import Reporter, watch

LONG = 600  # seconds; longer is a fault, however busy the machine


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "HEARTBEAT", 0.02)


def test_bar_moves_while_a_run_trains_and_its_line_has_its_losses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two runs, one three times the other's work and two thirds done: half of the sweep."""
    with watch({"a": (3.0, 300), "b": (1.0, 100)}, [tmp_path], show=True) as end:
        report = Reporter(tmp_path / "a.progress", "masked 16×1", ["a"], 300)
        report(200, {"train_loss": 2.5, "trunk_loss": 2.75})
        shown, begun = "", time.monotonic()
        while " 50%" not in shown and time.monotonic() - begun < LONG:
            shown += capsys.readouterr().err
        report.close()
        end("a", "ok")
    shown += capsys.readouterr().err
    assert " 50%" in shown
    assert shown.index(" 50%") < shown.index("1 ok")
    lines = [line for line in shown.replace("\r", "\n").splitlines() if "masked 16×1" in line]
    assert any(all(word in line for word in ("67%", "train 2.5000", "val 2.7500", "tok/s")) for line in lines)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("status", ["nan", "stopped", "crash", "taken"])
def test_what_failed_is_not_shown_as_done(tmp_path: Path, capsys: pytest.CaptureFixture[str], status: str) -> None:
    with watch({"a": (1.0, 100)}, [tmp_path], show=True) as end:
        end("a", status)
    shown = capsys.readouterr().err
    assert f"1 {status}" in shown
    assert "100%" not in shown


def test_news_that_cannot_be_written_are_done_without(tmp_path: Path) -> None:
    Reporter(tmp_path / "nowhere" / "a.progress", "x", ["a"], 1)(1, {})
    assert not (tmp_path / "nowhere").exists()
