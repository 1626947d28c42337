"""A sweep that is killed again and again, on a disk that fills, ends with the table of one that was left alone."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from reference_trainer.records import append_rows, read_rows
from reference_trainer.spec import RunSpec
from reference_trainer.sweep import sweep

KILLS, FULL = 20, (5, 12)  # the starts on which no file may grow


def numbers(out: Path) -> dict[str, dict]:
    return {row["row_id"]: {k: v for k, v in row.items() if k != "seconds"} for row in read_rows(out / "runs.jsonl")}


# A shell in which files may not grow beyond 1 kB, which looks like a full disk to whoever writes them.
NO_ROOM = ["sh", "-c", 'ulimit -f 2; exec "$@"', "sh"]


def trains(child: subprocess.Popen[str], out: Path) -> bool:
    """Wait until a worker has begun; False if the sweep is over before."""
    began = time.time()
    while child.poll() is None:
        news = [*(out / "checkpoints").glob("*.progress")] if out.exists() else []
        with contextlib.suppress(FileNotFoundError):
            if any(path.stat().st_mtime > began for path in news):
                return True
        time.sleep(0.02)
    return False


@pytest.mark.slow
def test_killed_twenty_times_with_a_disk_that_fills_twice(
    text_file: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    base = RunSpec(
        corpus=str(text_file), width=8, depth=1, context=32, batch=8, tokens=8 * 32 * 4000, eval_sequences=16,
        cooled_at=(8 * 32 * 2000, 8 * 32 * 4000), eval_passes=2, warmup=10,
    )  # fmt: skip
    specs = [replace(base, width=w, seed=s) for w in (8, 16) for s in (0, 1, 2)]
    fields = [{k: v for k, v in s.to_dict().items() if k != "evaluated_at"} for s in specs]
    table = pd.DataFrame(fields).assign(cooled_at=[";".join(map(str, s.cooled_at)) for s in specs])
    table.to_csv(tmp_path / "sweep.csv", index=False)
    assert sweep(specs, tmp_path / "alone", workers=2, progress=False) == {"skipped": 0, "ok": len(specs)}

    out, chance = tmp_path / "killed", random.Random(0)
    command = [sys.executable, "-m", "reference_trainer", "sweep", str(tmp_path / "sweep.csv"), "--out", str(out)]
    command += ["--corpus", base.corpus, "--workers", "2", "--save-every", "0.5"]
    kills = refused = 0
    for start in range(10 * KILLS):
        full = start in FULL
        child = subprocess.Popen(
            NO_ROOM + command if full else command,
            env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        if not full and kills < KILLS and trains(child, out):
            time.sleep(chance.uniform(0.0, 2.0))
            if child.poll() is None:
                os.kill(child.pid, signal.SIGKILL) if chance.random() < 0.5 else os.killpg(child.pid, signal.SIGKILL)
                child.communicate()
                kills += 1
                continue
        _, said = child.communicate(timeout=300)
        if full:
            refused += "no room to write" in said and "Traceback" not in said
        elif child.returncode == 0 and len(numbers(out)) == 2 * len(specs):
            if kills < KILLS and start < 10 * KILLS - 1:
                # Finished before it was killed often enough: take the last rows away, as if they had not been written.
                kept = list(read_rows(out / "runs.jsonl"))[: len(specs)]
                (out / "runs.jsonl").write_text("")
                append_rows(kept, out / "runs.jsonl")
                continue
            break
        time.sleep(0.1)
    assert (kills, refused) == (KILLS, len(FULL))
    assert numbers(out) == numbers(tmp_path / "alone")
    assert len(list(read_rows(out / "runs.jsonl"))) == 2 * len(specs)  # none twice
    assert not [p for p in (out / "checkpoints").iterdir() if p.suffix in (".pt", ".progress", ".tmp")]
