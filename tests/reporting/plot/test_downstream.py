"""The figure of accuracy against loss shows the runs, the curve within its band, and chance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from simulated_tasks import scored, scored_runs

from quokka_laws.reporting.plot import accuracy_over_loss
from quokka_laws.reporting.plot.downstream import downstream_figure


def test_runs_curve_and_chance() -> None:
    ax = accuracy_over_loss(scored(), "hellaswag")
    named = {line.get_label(): line for line in ax.get_lines()}
    assert set(named["chance"].get_ydata()) == {0.25}
    curve = [line for line in ax.get_lines() if len(line.get_xdata()) > 20]
    x, y = (np.concatenate([getattr(line, f"get_{c}data")() for line in curve]) for c in "xy")
    near = np.interp(scored_runs()["loss"], x[np.argsort(x)], y[np.argsort(x)])
    assert np.abs(near - scored_runs()["hellaswag"]).max() < 0.02
    left, right = ax.get_xlim()
    assert left > right  # the loss falls to the right
    assert right < scored_runs()["loss"].min()


def test_a_task_without_a_prediction_has_no_curve() -> None:
    ax = accuracy_over_loss(scored(), "piqa")
    assert "not predictable" in ax.get_title()
    assert max(len(line.get_xdata()) for line in ax.get_lines()) <= 15


def test_a_panel_for_each_task(tmp_path: Path) -> None:
    path = downstream_figure(scored(), tmp_path / "f.svg")
    text = path.read_text()
    assert text.count("hellaswag") >= 1
    assert text.count("piqa") >= 1
