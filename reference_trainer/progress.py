"""What workers are doing, for those who watch: each writes a small file, the sweep shows a line of each.

Files, because a worker may be a process here, a task of Ray or a job of Slurm. They decide nothing: one that cannot be
written is done without.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

HEARTBEAT = 2.0  # seconds between looks
LOST = 30.0  # seconds without news after which a worker's line goes
BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
WORKER = "  {desc}: {percentage:3.0f}%|{bar:10}| {elapsed}<{remaining}{postfix}"


class Reporter:
    """A job's side.

    Parameters
    ----------
    path : Path
        The job's file.
    name : str
        What is trained, for people.
    runs : list of str
        Ids of the runs of the job.
    total : int
        Tokens that the job processes.
    """

    def __init__(self, path: Path, name: str, runs: list[str], total: int) -> None:
        self.path, self.name, self.runs, self.total = path, name, runs, total
        self.tokens, self.began, self._first = 0, time.monotonic(), True
        self._last = -math.inf

    def __call__(self, tokens: int, seen: dict[str, float], *, already: int = 0) -> None:
        """Add tokens; ``seen`` are the latest losses."""
        self.tokens += tokens
        now = time.monotonic()
        if now - self._last > HEARTBEAT:
            self._last = now
            rate = self.tokens / max(1e-9, now - self.began)
            news = {"name": self.name, "runs": self.runs, "total": self.total, "tokens": self.tokens, "rate": rate}
            with contextlib.suppress(OSError):
                temporary = self.path.with_name(self.path.name + ".tmp")
                temporary.write_text(json.dumps({**news, **seen}))
                os.replace(temporary, self.path)

    def close(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)


def postfix(seen: dict[str, Any]) -> str:
    """Losses and rate of a job's news, for a bar."""
    words = []
    for name, said in (("train_loss", "train"), ("trunk_loss", "val"), ("cooled_loss", "cooled val")):
        if isinstance(seen.get(name), float):
            words.append(f"{said} {seen[name]:.4f}")
    if seen.get("rate"):
        words.append(f"{tqdm.format_sizeof(seen['rate'])}tok/s")
    return ", ".join(words)


@contextlib.contextmanager
def watch(
    work: dict[str, tuple[float, int]], folders: list[Path], *, show: bool
) -> Iterator[Callable[[str, str], None]]:
    """A bar over the work of a sweep and a line for each job that is trained now; yields what to call when a run ends.

    Parameters
    ----------
    work : dict
        By run_id, the relative cost of a run and the tokens it processes.
    folders : list of Path
        Where jobs write their news (``*.progress``).
    """
    done, failed, ended, over = 0.0, 0.0, dict[str, int](), threading.Event()
    lines: dict[Path, tqdm[Any]] = {}
    with tqdm(total=sum(cost for cost, _ in work.values()), desc="sweep", disable=not show, bar_format=BAR) as bar:

        def look() -> None:
            while not over.wait(HEARTBEAT):
                news = {path: each for folder in folders for path, each in _news(folder)}
                _draw_lines(lines, news, show)
                shares = {run: each["tokens"] / each["total"] for each in news.values() for run in each["runs"]}
                under_way = sum(work[run][0] * min(1.0, share) for run, share in shares.items() if run in work)
                bar.n = max(bar.n, min(bar.total - failed, done + under_way))
                bar.refresh()

        def end(run_id: str, status: str) -> None:
            nonlocal done, failed
            cost, _ = work.pop(run_id)
            done, failed = (done + cost, failed) if status in FINISHED else (done, failed + cost)
            ended[status] = ended.get(status, 0) + 1
            bar.n = max(bar.n, done) if not failed else done
            bar.set_postfix_str(", ".join(f"{v} {k}" for k, v in ended.items()))

        watcher = threading.Thread(target=look, daemon=True)
        watcher.start()
        try:
            yield end
        finally:
            over.set()
            watcher.join()
            for line in lines.values():
                line.close()


FINISHED = ("ok", "early")  # what counts as done; a run that diverged, crashed, stopped or is another's does not


def _news(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(folder.glob("*.progress")):
        with contextlib.suppress(OSError, ValueError, KeyError):
            each = json.loads(path.read_text())
            if time.time() - path.stat().st_mtime < LOST and each["total"] > 0 and each["runs"]:
                yield path, each


def _draw_lines(lines: dict[Path, tqdm[Any]], news: dict[Path, dict[str, Any]], show: bool) -> None:
    for path in [path for path in lines if path not in news]:
        lines.pop(path).close()
    for path, each in news.items():
        if path not in lines:
            taken = {-line.pos for line in lines.values()}
            place = next(i for i in range(1, len(taken) + 2) if i not in taken)
            lines[path] = tqdm(
                total=each["total"], initial=each["tokens"], desc=each["name"], position=place, leave=False,
                disable=not show, bar_format=WORKER,
            )  # fmt: skip
        lines[path].n = min(each["tokens"], each["total"])
        lines[path].set_postfix_str(postfix(each))
