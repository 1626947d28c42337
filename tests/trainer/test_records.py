"""Files that are whole or not there, also where the disk is full."""

from __future__ import annotations

import os
import pickle
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from reference_trainer import records
from reference_trainer.errors import DiskFull
from reference_trainer.records import append_rows, read_rows, remove_orphans, save_atomically


def test_torn_last_line_is_closed_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    append_rows([{"run_id": "a", "status": "ok"}], path)
    with path.open("a") as file:
        file.write('{"run_id": "b", "sta')
    append_rows([{"run_id": "c", "status": "ok"}], path)
    assert [row["run_id"] for row in read_rows(path)] == ["a", "c"]


FULL = """
import resource, sys, torch
from pathlib import Path
from reference_trainer.errors import DiskFull
from reference_trainer.records import append_rows, save_atomically
folder = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))  # a file that grows beyond it fails as on a full disk
for write in (
    lambda: save_atomically({"x": torch.zeros(100_000)}, folder / "a.pt"),
    lambda: append_rows([{"run_id": "b", "text": "x" * 100_000}], folder / "runs.jsonl"),
):
    try:
        write()
    except DiskFull as error:
        print(error)
"""


def test_full_disk_leaves_what_was_there(tmp_path: Path, environment: dict[str, str]) -> None:
    save_atomically({"x": torch.ones(2)}, tmp_path / "a.pt")
    append_rows([{"run_id": "a"}], tmp_path / "runs.jsonl")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], env=environment, capture_output=True, text=True, check=True
    )
    said = done.stdout.splitlines()
    assert [("a.pt" in line, "runs.jsonl" in line) for line in said] == [(True, False), (False, True)]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 60_000  # the limit was the child's


def test_other_errors_are_not_called_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        save_atomically({}, tmp_path / "nowhere" / "a.pt")
    with pytest.raises(DiskFull) as raised, records._room(tmp_path):
        raise OSError(28, "No space left on device")
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)  # as it comes back from a worker


def test_orphans_of_killed_processes_are_removed(tmp_path: Path) -> None:
    old, new = tmp_path / "a.pt.tmp", tmp_path / "b.pt.tmp"
    for path in (old, new):
        path.touch()
    os.utime(old, (0, 0))
    remove_orphans(tmp_path)
    assert list(tmp_path.iterdir()) == [new]
