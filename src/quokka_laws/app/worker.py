"""What the process of one session runs: a task, its progress told in a file, what came of it as a message.

A process of its own can be stopped at any time, ends with its session, and shares nothing with other sessions. It works in the
session's folder, so that messages name files as their owner does; nothing is imported from there.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

OFTEN = 0.1  # seconds between two reports of progress


def prepare(folder: str) -> None:
    """Once in a process: go to the session's folder, import what tasks need, and end where the page has ended."""
    os.chdir(folder)
    os.environ["MPLBACKEND"] = "agg"  # a server has no window to draw in
    warnings.simplefilter("ignore")  # what is doubtful is in the results
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import quokka_laws.app.tasks  # noqa: F401


def work(task: str, arguments: tuple[Any, ...], most_bytes: float, told: str) -> tuple[str, Any]:
    """The result; what the command line would say; or the details of a fault of ours."""
    from quokka_laws._spelling import on_command_line
    from quokka_laws.app.tasks import TASKS
    from quokka_laws.cli.group import refusal
    from quokka_laws.exceptions import QuokkaError
    from quokka_laws.progress import told_to
    from quokka_laws.runs.files import up_to

    try:
        with on_command_line(), up_to(most_bytes), told_to(Teller(Path(told))):
            return "done", TASKS[task](*arguments)
    except (QuokkaError, OSError, MemoryError) as error:
        return "refused", refusal(error)[0]
    except Exception as error:
        return "fault", "".join(traceback.format_exception(error))


class Teller:
    """Writes what is being done and the share of it that is done, but not more often than anyone can see."""

    def __init__(self, file: Path) -> None:
        self.file, self.last = file, 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done == 0 or done >= total or now - self.last > OFTEN:
            self.last = now
            new = self.file.with_suffix(".new")
            new.write_text(json.dumps([what, min(1.0, done / total) if total else 0.0]))
            new.replace(self.file)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
