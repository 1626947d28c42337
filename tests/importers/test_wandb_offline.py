"""Runs that the real client wrote offline."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import quokka_laws as ql
from quokka_laws.importers import detect, import_runs

WRITE = """
import sys, wandb
for name, n, code in (("small", 1e7, 0), ("big", 4e7, 0), ("broken", 9e7, 1)):
    run = wandb.init(project="p", name=name, config={"model": {"n_params": n}, "lr": 1e-3}, dir=sys.argv[1])
    for step in range(10, 401, 10):
        loss = float("nan") if name == "broken" and step == 400 else 6 - step / 200
        run.log({"val/loss": loss, "tokens": step * 1000.0}, step=step)
    run.finish(exit_code=code)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder ``wandb`` with three offline runs; skips where the client cannot start its service."""
    root = tmp_path_factory.mktemp("offline")
    settings = {**os.environ, "WANDB_MODE": "offline", "WANDB_SILENT": "true", "HOME": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", WRITE, str(root)], env=settings, capture_output=True, text=True, timeout=600
    )
    files = [path for path in root.rglob("*.wandb") if path.stat().st_size]
    if done.returncode or len(files) < 3:
        pytest.skip(f"wandb wrote no offline runs: {done.stderr[-200:]}")
    return root / "wandb"


def test_offline_runs_are_read(folder: Path) -> None:
    assert detect(folder) == "wandb"
    runs = import_runs(folder).set_index("run_id")
    assert sorted(runs.index) == ["big", "broken", "small"]
    assert runs.loc["small", ["N", "D", "loss", "status"]].tolist() == [1e7, 4e5, 4.0, "ok"]
    assert runs.loc["broken", "status"] == "diverged"
    assert len(ql.read_runs(runs.reset_index())) == 2
    single = next(path for path in folder.rglob("*.wandb") if not path.parent.is_symlink())
    assert len(import_runs(single)) == 1


def test_a_file_that_was_cut_off_is_a_run_that_did_not_end(folder: Path, tmp_path: Path) -> None:
    for whole in folder.rglob("*.wandb"):
        if whole.parent.is_symlink():
            continue
        (tmp_path / whole.name).write_bytes(whole.read_bytes()[:-2500])
    runs = import_runs(tmp_path, accept=[])
    assert set(runs["status"]) <= {"stopped", "no loss"}


def test_what_is_no_file_of_wandb_names_itself(tmp_path: Path) -> None:
    (tmp_path / "run-1.wandb").write_bytes(b"something else")
    with pytest.raises(ql.RunsError, match=r"run-1\.wandb: not a file of W&B"):
        import_runs(tmp_path / "run-1.wandb")


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run-1.wandb").write_bytes(b":W&B")
    monkeypatch.setitem(sys.modules, "wandb.proto", None)
    with pytest.raises(ql.MissingDependencyError, match=r'pip install "quokka-laws\[wandb\]"'):
        import_runs(tmp_path)
