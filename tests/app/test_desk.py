"""The desk: names that are safe, a worker that works, can be stopped and is stopped, and nothing left behind."""

from __future__ import annotations

import gc
import os
import time
from multiprocessing import active_children
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from app_runs import csv, dropped

from quokka_laws.app.choices import Question, Reading
from quokka_laws.app.desk import LONGEST_NAME, Desk, Job, State, safe_name
from quokka_laws.app.limits import Limits

LONG = 600  # seconds; longer is a fault, however busy the machine


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("runs.csv", "runs.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a b.csv", "a b.csv"),
        ("-rf.csv", "_rf.csv"),
        ("..", "runs"),
        (".hidden.csv", "hidden.csv"),
        ("a\x1b[31m\n.csv", "a_[31m_.csv"),
        ("<img src=x>.csv", "_img src=x_.csv"),
        ("", "runs"),
    ],
)
def test_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_a_long_name_keeps_its_ending() -> None:
    found = safe_name("x" * 500 + ".csv.gz")
    assert len(found) == LONGEST_NAME
    assert found.endswith(".csv.gz")


def shipped(desk: Desk) -> Reading:
    return Reading((desk.keep("runs.csv", csv(dropped())),), columns=(("N", "weights_m:M"),))


def worker_of(desk: Desk) -> BaseProcess:
    pid = desk._pool.schedule(os.getpid).result(LONG)
    (worker,) = (p for p in active_children() if p.pid == pid)
    return worker


def at_work(job: Job) -> None:
    while job.future is None or not job.future.running():
        time.sleep(0.01)


def test_work_stop_and_limit() -> None:
    """In one test, since a worker takes seconds to start."""
    desk = Desk(Limits(bytes=1e5))
    (desk.folder / "json.py").write_text("raise SystemExit('a file of the user was imported')")
    choice = shipped(desk)
    job = desk.start("look", choice)
    assert job.ended.wait(LONG)
    assert job.state is State.DONE, job.said
    assert job.result.rows == len(dropped())
    worker = worker_of(desk)

    large = Reading((desk.keep("large.csv", b"N,D,loss\n" + b"1,2,3\n" * 20_000),))
    refused = desk.start("look", large)
    assert refused.ended.wait(LONG)
    assert "0.1 MB" in refused.result.refused

    no = desk.start("answer", choice, Question(law="quokka-repeated", refits=0))
    assert no.ended.wait(LONG)
    assert no.state is State.REFUSED

    wrong = desk.start("answer", choice, None)
    assert wrong.ended.wait(LONG)
    assert wrong.state is State.FAULT
    assert "Traceback" in wrong.said
    assert worker.is_alive()  # one worker did all of it

    forgotten = desk.start("look", choice)
    desk.forget(forgotten)
    job = desk.start("side_by_side", choice, (), Question(refits=10_000))
    at_work(job)
    waiting = desk.start("look", choice)
    desk.stop(waiting)
    assert worker.is_alive()
    desk.stop(job)
    assert (job.state, job.running) == (State.STOPPED, False)
    deadline = time.monotonic() + LONG  # pebble's thread waits for it too: who comes second learns of it a moment later
    while worker.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not worker.is_alive()

    folder = desk.folder
    del desk, job, refused, no, wrong, forgotten, waiting
    gc.collect()
    assert not folder.exists()


def test_what_takes_too_long_is_ended() -> None:
    desk = Desk(Limits(seconds=0.2))
    job = desk.start("side_by_side", shipped(desk), (), Question(refits=10_000))
    assert job.ended.wait(LONG)
    assert job.state is State.LATE
    assert "0.2 s" in job.said
    desk.close()


def test_a_worker_that_dies_is_said() -> None:
    desk = Desk()
    worker = worker_of(desk)
    job = desk.start("side_by_side", shipped(desk), (), Question(refits=10_000))
    at_work(job)
    worker.kill()
    assert job.ended.wait(LONG)
    assert job.state is State.FAULT
    assert "exit code -9" in job.said
    desk.close()


def test_two_desks_share_no_folder() -> None:
    first, second = Desk(), Desk()
    first.keep("runs.csv", b"secret")
    assert first.folder != second.folder
    assert not (second.folder / "runs.csv").exists()
    assert oct(first.folder.stat().st_mode)[-3:] == "700" or os.name == "nt"
    for desk in (first, second):
        desk.close()
        assert not Path(desk.folder).exists()
