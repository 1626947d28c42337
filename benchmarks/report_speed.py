"""Processor time and size of a report of the shipped 87 runs, plain and with the comparison, paired with another checkout.

    python benchmarks/report_speed.py [path of another checkout]

Each is the whole command in a process of its own, importing included, after one run that compiles. The rounds of both checkouts
alternate, and the median of each counts.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROUNDS = 5
FIT = """
import sys, quokka_laws as ql
ql.fit(ql.laws.Chinchilla(), ql.datasets.load_quokka_isoflops(), bootstrap=1000, seed=0).to_json(sys.argv[1])
"""


def timed(checkout: Path, *arguments: str) -> float:
    """Seconds of processor of a Python with a checkout's package."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    paths = {"PYTHONPATH": str(checkout / "src"), "PYTHONPYCACHEPREFIX": str(FOLDER / "compiled")}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], env={**kept, **threads, **paths}, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print a line for each kind of report."""
    checkouts = [ROOT, *map(Path, sys.argv[1:])]
    kinds = [(at, options) for at in checkouts for options in ((), ("--compare",))]
    for i, checkout in enumerate(checkouts):
        timed(checkout, "-c", FIT, str(FOLDER / f"{i}.json"))
    seconds: dict[tuple[Path, tuple[str, ...]], list[float]] = {}
    for _ in range(ROUNDS + 1):
        for checkout, options in kinds:
            fit, page = (str(FOLDER / f"{checkouts.index(checkout)}.{end}") for end in ("json", "html"))
            command = ("-m", "quokka_laws", "report", fit, *options, "-C", "1e23", "-o", page)
            seconds.setdefault((checkout, options), []).append(timed(checkout, *command))
            size = Path(page).stat().st_size
    middle = {kind: statistics.median(times[1:]) for kind, times in seconds.items()}
    for (checkout, options), taken in middle.items():
        apart = "" if checkout == ROOT else f", {taken / middle[ROOT, options]:.2f} times this one's"
        times = seconds[checkout, options][1:]
        print(
            f"{' '.join(('report', *options)):20} {taken:5.2f} s of processor ({min(times):.2f} to {max(times):.2f}{apart})   {checkout}"
        )
    print(f"last page {size / 1e3:.0f} kB")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        FOLDER = Path(folder)
        main()
