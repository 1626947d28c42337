"""Time and memory of importing a large TensorBoard tree: 5,000 runs of 200 logged steps and three scalars.

    python benchmarks/import_speed.py

The tree is written by tensorboard's own writer into a temporary folder (88 MB). The import runs in a process
of its own, so that its peak memory is its own; its progress bar is passed through on stderr.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

import quokka_laws as ql

TOKENS_PER_STEP = 2**19
IMPORT = """
import json, resource, sys, time
import quokka_laws as ql
start, cpu = time.perf_counter(), time.process_time()
runs = ql.import_runs(sys.argv[1], name="{N:M}_{}", progress=True)
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"runs": len(runs), "ok": int((runs["status"] == "ok").sum()), "seconds": time.perf_counter() - start,
    "processor": time.process_time() - cpu, "peak_MB": usage.ru_maxrss / 1024}))
"""


def make_tree(root: Path, runs: int, steps: int) -> int:
    """Write event files; returns their size in bytes."""
    law = ql.published["besiroglu-2024"]
    assert isinstance(law, ql.FittedLaw)
    rng = np.random.default_rng(0)
    size = 0
    at = np.arange(1, steps + 1) * 100
    for i in range(runs):
        N = float(np.round(np.exp(rng.uniform(np.log(1e7), np.log(1e10))) / 1e6, 3))
        folder = root / f"group-{i // 100:02d}" / f"{N:g}_{i}"
        folder.mkdir(parents=True)
        loss = law.predict(N=N * 1e6, D=at * float(TOKENS_PER_STEP))["loss"].to_numpy()
        path = folder / "events.out.tfevents.0.host"
        with path.open("wb") as file:
            writer = RecordWriter(file)
            for step, value in zip(at, loss, strict=True):
                scalars = {"train/loss": value, "tokens": step * TOKENS_PER_STEP, "train/grad_norm": 1.0}
                values = [Summary.Value(tag=tag, simple_value=v) for tag, v in scalars.items()]
                event = Event(step=int(step), wall_time=1.7e9 + step, summary=Summary(value=values))
                writer.write(event.SerializeToString())
        size += path.stat().st_size
    return size


def main() -> None:
    """Make the tree, import it, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5000)
    parser.add_argument("--steps", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        size = make_tree(Path(folder), given.runs, given.steps)
        print(
            f"tree: {given.runs} runs × {given.steps} steps × 3 scalars, {size / 1e6:.0f} MB, {time.perf_counter() - start:.0f} s"
        )
        done = subprocess.run([sys.executable, "-c", IMPORT, folder], stdout=subprocess.PIPE, check=True, text=True)
    took = json.loads(done.stdout)
    print(
        f"import: {took['runs']} runs ({took['ok']} usable) in {took['seconds']:.0f} s ({took['processor']:.0f} s "
        f"processor), peak {took['peak_MB']:.0f} MB"
    )


if __name__ == "__main__":
    main()
