"""The process that works for one session: tasks come in on stdin, progress and results go out on stdout, both pickled.

A process of its own can be stopped at any time, ends with its session, and shares nothing with other sessions. It works in the
session's folder, so that messages name files as their owner does; it imports nothing from there (``python -P``).
"""

from __future__ import annotations

import os
import pickle
import queue
import sys
import threading
import time
import traceback
import warnings
from typing import IO, Any

IDLE = 900.0  # seconds after which a worker without a task ends
OFTEN = 0.1  # seconds between two reports of progress


def main() -> None:
    """Work until stdin ends or nothing has come for a quarter of an hour."""
    folder, limit = sys.argv[1], float(sys.argv[2])
    out = _own_stdout()
    tasks: queue.Queue[tuple[str, tuple[Any, ...]]] = queue.Queue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, tasks), daemon=True).start()
    os.chdir(folder)
    warnings.simplefilter("ignore")  # what is doubtful is in the results
    from quokka_laws._spelling import on_command_line
    from quokka_laws.app.tasks import TASKS
    from quokka_laws.progress import told_to
    from quokka_laws.runs.files import up_to

    while True:
        try:
            name, arguments = tasks.get(timeout=IDLE)
        except queue.Empty:
            return
        with on_command_line(), up_to(limit), told_to(_Teller(out)):  # words are those of the command line
            _send(out, _done(TASKS[name], arguments))


def _done(task: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The result; what the command line would say; or the details of a fault of ours."""
    from quokka_laws.cli.group import refusal
    from quokka_laws.exceptions import QuokkaError

    try:
        return "done", task(*arguments)
    except (QuokkaError, OSError, MemoryError) as error:
        return "refused", refusal(error)[0]
    except Exception as error:
        return "fault", "".join(traceback.format_exception(error))


class _Teller:
    """Tells of progress, but not more often than anyone can see."""

    def __init__(self, out: IO[bytes]) -> None:
        self.out, self.last = out, 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done == 0 or done >= total or now - self.last > OFTEN:
            self.last = now
            _send(self.out, ("progress", what, done, total))


def _own_stdout() -> IO[bytes]:
    """The pipe to the page; what anything prints goes to stderr instead."""
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return pipe


def _listen(source: IO[bytes], tasks: queue.Queue[tuple[str, tuple[Any, ...]]]) -> None:
    """Take tasks in; where the page is gone, so is whatever is being worked on."""
    while True:
        try:
            tasks.put(pickle.load(source))
        except EOFError:
            os._exit(0)


def _send(out: IO[bytes], message: tuple[Any, ...]) -> None:
    pickle.dump(message, out, protocol=pickle.HIGHEST_PROTOCOL)
    out.flush()


if __name__ == "__main__":
    main()
