"""Locks: one process a run, whatever happens to the others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from reference_trainer.locks import claim, forget

RACE = """
import sys, time
from pathlib import Path
from reference_trainer.locks import claim
for line in iter(sys.stdin.readline, ""):
    start, run = line.split()
    while time.time() < float(start):
        pass
    with claim(Path(sys.argv[1]), run) as mine:
        print(int(mine), flush=True)
        sys.stdin.readline()  # held until the other has tried too
"""


def test_two_processes_never_take_one_run(tmp_path: Path, environment: dict[str, str]) -> None:
    """20 rounds in which both try at one moment; an old lock file of a dead process lies there in half of them."""
    pair = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=environment,
        )
        for _ in range(2)
    ]  # fmt: skip
    (tmp_path / "checkpoints").mkdir()
    for round_ in range(20):
        if round_ % 2:
            (tmp_path / "checkpoints" / f"run{round_}.lock").write_text("host 12345")
        start = time.time() + (1.0 if round_ == 0 else 0.03)
        won = 0
        tell(pair, f"{start} run{round_}")
        for one in pair:
            assert one.stdout is not None
            won += int(one.stdout.readline())
        assert won == 1
        tell(pair, "done")
    for one in pair:
        one.communicate()


def tell(pair: list[subprocess.Popen[str]], line: str) -> None:
    for one in pair:
        assert one.stdin is not None
        one.stdin.write(f"{line}\n")
        one.stdin.flush()


def test_lock_of_a_killed_process_is_free_at_once(tmp_path: Path, environment: dict[str, str]) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom reference_trainer.locks import claim\n"
        "with claim(Path(sys.argv[1]), 'run'):\n    print('mine', flush=True)\n    time.sleep(60)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "mine\n"
    with claim(tmp_path, "run") as mine:
        assert not mine
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    with claim(tmp_path, "run") as mine:
        assert mine
    forget(tmp_path, "run")
    assert not list((tmp_path / "checkpoints").iterdir())
