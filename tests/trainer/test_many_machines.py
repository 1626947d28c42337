"""Many machines, many failures: no run is lost, none is done twice."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import fake_machines
import pytest

from reference_trainer.records import read_rows


@pytest.mark.parametrize(("runs", "machines", "seed"), [(80, 3, 1), pytest.param(1000, 6, 0, marks=pytest.mark.slow)])
def test_none_lost_none_twice(tmp_path: Path, runs: int, machines: int, seed: int) -> None:
    done = subprocess.run(
        [sys.executable, fake_machines.__file__, str(tmp_path / "out"), str(runs), str(machines), str(seed)],
        capture_output=True, text=True, timeout=1200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    happened = json.loads(done.stdout)
    rows = list(read_rows(tmp_path / "out" / "runs.jsonl"))
    finished = Counter(row["run_id"] for row in rows if row["status"] == "ok")
    assert len(finished) == runs
    assert set(finished.values()) == {1}
    assert "DOUBLE" not in happened
    assert happened["machines"] > machines
    if runs == 1000:
        for failure in (*fake_machines.FAILURES, "killed before rows", "killed after rows"):
            assert happened[failure] > 0
    assert not list((tmp_path / "out" / "checkpoints").glob("*.tmp"))
