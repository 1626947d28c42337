"""Memory and rate of ``tokenize`` and then ``sweep`` on a large corpus: both must stay within 2 GiB.

    python benchmarks/large_corpus.py [--gigabytes 1] [--folder FOLDER]

Writes JSON lines of random words, some 2 kB a document, turns them into shards and trains three small runs on these, two
workers at once. Both are run as commands. Memory is the proportional set size of the command and all its workers, mapped
pages included, looked at ten times a second (Linux); the rate is by processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

WORDS, DOCUMENT = 5_000, 350  # words of the language, and of a document
LIMIT = 2 * 2**30
SWEEP = "objective,width,depth,tokens,seed\nmasked,16,2,500k,0\nmasked,32,2,500k,1\nautoregressive,16,2,500k,2\n"


def write_corpus(path: Path, size: int) -> None:
    """JSON lines of words drawn with Zipf frequencies."""
    rng = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlu"))
    words = np.array(["".join(rng.choice(letters, rng.integers(2, 11))) for _ in range(WORDS)])
    frequency = 1.0 / np.arange(1, WORDS + 1)
    with path.open("w") as file:
        while file.tell() < size:
            for text in rng.choice(words, (1000, DOCUMENT), p=frequency / frequency.sum()):
                file.write(json.dumps({"text": " ".join(text)}) + "\n")


def tree(root: int) -> list[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = [root]
    for process in found:
        found += children.get(process, [])
    return found


def memory(process: int) -> int:
    """Bytes of a process, shared pages divided by those who share them."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def measured(*words: str) -> tuple[int, float]:
    """Run a command of the trainer; peak bytes and seconds of processor time, its children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = subprocess.Popen([sys.executable, "-m", "reference_trainer", *words], stderr=subprocess.DEVNULL)
    peak = 0
    while child.poll() is None:
        peak = max(peak, sum(memory(process) for process in tree(child.pid)))
        time.sleep(0.1)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert child.returncode == 0, (words, child.returncode)
    return peak, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--folder", type=Path, help="where there is room for three times as much; default: temporary")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        corpus, shards, table = folder / "corpus.jsonl", folder / "shards", folder / "sweep.csv"
        write_corpus(corpus, int(options.gigabytes * 1e9))
        table.write_text(SWEEP)
        size = corpus.stat().st_size
        peak, seconds = measured("tokenize", str(corpus), "--out", str(shards))
        print(
            f"tokenize {size / 1e9:.2f} GB: {size / seconds / 1e6:.0f} MB per CPU second, peak {peak / 2**20:.0f} MiB"
        )
        trained, seconds = measured("sweep", str(table), "--corpus", str(shards), "--out", name, "--workers", "2")
        rows = sum(path.read_text().count('"status": "ok"') for path in folder.glob("*/runs.jsonl"))
        print(f"sweep: {rows} rows, {seconds:.0f} CPU seconds, peak {trained / 2**20:.0f} MiB of all processes")
    if max(peak, trained) > LIMIT:
        sys.exit(f"more than {LIMIT / 2**30:.0f} GiB")


if __name__ == "__main__":
    main()
