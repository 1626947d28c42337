"""A report logged to W&B without a network: the page, its tables and the answer are in the run's folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import quokka_laws as ql
from quokka_laws.reporting.page import Page
from quokka_laws.reporting.wandb_report import to_wandb

CODE = """
import sys, json, pandas as pd
import quokka_laws as ql
from quokka_laws.reporting.page import Page
from quokka_laws.reporting.wandb_report import to_wandb
fit = ql.read_fit(sys.argv[1])
numbers = {"coefficients": fit.summary.reset_index(), "residuals": fit.residuals}
print("at", to_wandb(Page("<h1>page</h1>", "Train 7B", ["far"], numbers), fit, project="quokka-test"))
"""


def test_offline(noisy_fit: ql.FitResult, tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason="needs the extra [wandb]")
    noisy_fit.save(tmp_path / "fit.json")
    settings = {"WANDB_MODE": "offline", "WANDB_DIR": str(tmp_path), "WANDB_SILENT": "true", "HOME": str(tmp_path)}
    command = [sys.executable, "-c", CODE, str(tmp_path / "fit.json")]
    done = subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=600, cwd=tmp_path
    )
    if done.returncode and "service" in done.stderr:
        pytest.skip(f"wandb could not start its service: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr[-1500:]
    (folder,) = tmp_path.glob("wandb/offline-run-*")
    (page,) = folder.rglob("*.html")
    assert "<h1>page</h1>" in page.read_text(encoding="utf-8")
    tables = {path.name.split("_")[0]: json.loads(path.read_text()) for path in folder.rglob("*.table.json")}
    assert set(tables) == {"coefficients", "residuals"}
    assert len(tables["residuals"]["data"]) == len(noisy_fit.runs)
    assert "at " in done.stdout


def test_without_wandb(noisy_fit: ql.FitResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ql.MissingDependencyError, match=r"quokka-laws\[wandb\]"):
        to_wandb(Page("", "", [], {}), noisy_fit, project="x")
