"""Worker processes: what ends one of them ends the sweep in one sentence, and never hangs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from reference_trainer.records import read_rows
from reference_trainer.spec import RunSpec

SWEEP = """
import json, resource, sys
from reference_trainer.errors import TrainerError
from reference_trainer.spec import RunSpec
from reference_trainer.sweep import sweep
from reference_trainer.execution import Execution

if __name__ == "__main__":
    specs = [RunSpec.from_dict(each) for each in json.loads(sys.argv[1])]
    if sys.argv[3] == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    try:
        print(sweep(specs, sys.argv[2], workers=2, pack=1, progress=False, execution=Execution(save_every=0.2)))
    except TrainerError as error:
        print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize("what", ["full", "killed"])
def test_two_workers_of_which_one_fails(
    text_file: Path, tmp_path: Path, environment: dict[str, str], what: str
) -> None:
    spec = RunSpec(
        corpus=str(text_file), width=8, depth=1, context=32, batch=8, tokens=8 * 32 * 100_000, eval_sequences=16
    )
    (tmp_path / "sweep.py").write_text(SWEEP)
    specs = json.dumps([replace(spec, seed=s).to_dict() for s in range(3)])
    command = [sys.executable, str(tmp_path / "sweep.py"), specs, str(tmp_path / "out"), what]
    child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    if what == "killed":
        children = Path(f"/proc/{child.pid}/task/{child.pid}/children")
        deadline = time.monotonic() + 600
        while not list(tmp_path.glob("out/checkpoints/*.progress")) and time.monotonic() < deadline:
            time.sleep(0.05)
        if not children.exists():
            pytest.skip("reads /proc")
        workers = [
            int(pid)
            for pid in children.read_text().split()
            if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        os.kill(workers[0], signal.SIGKILL)
    said, _ = child.communicate(timeout=600)
    assert ("no room to write" if what == "full" else "a worker was killed") in said
    assert not list(read_rows(tmp_path / "out" / "runs.jsonl"))
