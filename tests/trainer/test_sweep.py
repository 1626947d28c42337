"""Sweeps: skip, resume, survive; one clear error for every mistake; every launcher gives the same rows."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from reference_trainer import jobs, locks, sweep
from reference_trainer.errors import TrainerError
from reference_trainer.records import append_rows, read_rows
from reference_trainer.spec import RunSpec


@pytest.fixture
def spec(text_file: Path) -> RunSpec:
    return RunSpec(
        corpus=str(text_file), width=8, depth=1, context=32, batch=8, tokens=8 * 32 * 20, eval_sequences=16,
        eval_passes=2,
    )  # fmt: skip


def train_one(spec: RunSpec, out: Path, **options: object) -> str:
    """How a job of one run ended."""
    ended = jobs.train_job(jobs.Job([spec.to_dict()], str(out), **options))  # type: ignore[arg-type]
    return ended[spec.run_id]


def test_finished_runs_are_skipped(spec: RunSpec, tmp_path: Path) -> None:
    for expected in ("ok", "ok"):
        assert train_one(spec, tmp_path) == expected
    assert len(list(read_rows(tmp_path / "runs.jsonl"))) == 1
    assert sweep.sweep([spec, spec], tmp_path, progress=False) == {"skipped": 1}


def test_time_budget_stops_and_the_next_sweep_continues(spec: RunSpec, tmp_path: Path) -> None:
    assert train_one(spec, tmp_path, deadline=time.time() - 1) == "stopped"
    assert (tmp_path / "checkpoints" / f"{spec.run_id}.pt").is_file()
    assert train_one(spec, tmp_path) == "ok"
    assert not list((tmp_path / "checkpoints").iterdir())  # neither checkpoint nor lock is left


def test_a_run_someone_else_trains_is_left_to_them(spec: RunSpec, tmp_path: Path) -> None:
    with locks.claim(tmp_path, spec.run_id):
        assert train_one(spec, tmp_path) == "taken"


def test_crash_is_a_row(spec: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs.Trainer, "run", lambda self: 1 / 0)
    assert train_one(spec, tmp_path) == "crash"
    (row,) = read_rows(tmp_path / "runs.jsonl")
    assert row["status"] == "crash"
    assert "ZeroDivisionError" in row["error"]
    assert "loss" not in row
    monkeypatch.undo()
    assert sweep.sweep([spec], tmp_path, workers=1, progress=False) == {"skipped": 0, "ok": 1}  # tried again


def processes_of(session: int) -> list[int]:
    """Living processes of a session, by /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, own = stat.read_text().rpartition(")")[2].split()[:4]
            if int(own) == session and state != "Z":
                found.append(int(stat.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize("how", [pytest.param("SIGTERM", marks=pytest.mark.slow), "SIGKILL"])
def test_sweep_that_is_ended_takes_its_workers_along_and_continues(
    spec: RunSpec, tmp_path: Path, environment: dict[str, str], how: str
) -> None:
    """Two workers, of which one has no work any more when the sweep's own process is ended; nothing else is told."""
    long, short = replace(spec, tokens=8 * 32 * 1500, cooled_at=()), replace(spec, tokens=8 * 32 * 4, cooled_at=())
    table = [{k: v for k, v in s.to_dict().items() if k not in ("cooled_at", "evaluated_at")} for s in (long, short)]
    pd.DataFrame(table).to_csv(tmp_path / "sweep.csv", index=False)
    command = [sys.executable, "-m", "reference_trainer", "sweep", str(tmp_path / "sweep.csv"), "--out", str(tmp_path)]
    command += ["--corpus", spec.corpus, "--workers", "2"]
    child = subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.DEVNULL)
    begun, deadline = tmp_path / "checkpoints" / f"{long.run_id}.progress", time.monotonic() + 600
    while time.monotonic() < deadline and child.poll() is None:
        if begun.exists() and len(list(read_rows(tmp_path / "runs.jsonl"))) == 1:
            break
        time.sleep(0.05)
    assert child.poll() is None
    os.kill(child.pid, getattr(signal, how))
    child.wait(timeout=600)
    while processes_of(child.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not processes_of(child.pid)
    assert (tmp_path / "checkpoints" / f"{long.run_id}.pt").is_file()
    assert [row["run_id"] for row in read_rows(tmp_path / "runs.jsonl")] == [short.run_id]
    assert train_one(long, tmp_path) == "ok"


def test_packs_hold_runs_of_one_plan() -> None:
    a, b = RunSpec(width=8), RunSpec(width=16)
    specs = [a, b, replace(a, seed=1), replace(a, lr=0.5), replace(b, tokens=100_000), replace(a, unique_tokens=5_000)]
    packed = sweep.packs(specs, 3)
    assert packed == [[a, specs[2], specs[3]], [specs[5]], [b], [specs[4]]]


def test_packed_sweep_gives_the_rows_of_separate_runs(spec: RunSpec, tmp_path: Path) -> None:
    """One of three is finished before and one diverges: neither changes what the third becomes."""
    specs = [spec, replace(spec, seed=1), replace(spec, seed=2, lr=1e30)]
    train_one(specs[0], tmp_path / "packed")
    ended = sweep.sweep(specs, tmp_path / "packed", pack=3, workers=1, progress=False)
    assert ended == {"skipped": 1, "ok": 1, "nan": 1}
    for one in specs:
        train_one(one, tmp_path / "separate")
    packed, separate = (
        {row["run_id"]: row for row in read_rows(tmp_path / n / "runs.jsonl")} for n in ("packed", "separate")
    )
    assert {i: row["status"] for i, row in packed.items()} == {i: row["status"] for i, row in separate.items()}
    assert packed[specs[1].run_id]["loss"] == pytest.approx(separate[specs[1].run_id]["loss"], rel=1e-5)
    assert not list((tmp_path / "packed" / "checkpoints").iterdir())


def test_pack_of_which_another_trains_a_run_trains_the_rest(spec: RunSpec, tmp_path: Path) -> None:
    other = replace(spec, seed=1)
    with locks.claim(tmp_path, spec.run_id):
        ended = jobs.train_job(jobs.Job([spec.to_dict(), other.to_dict()], str(tmp_path)))
    assert ended == {spec.run_id: "taken", other.run_id: "ok"}


def test_a_pack_that_is_just_let_go_stays_whole(spec: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ending process lets go of one run after another; a part of its pack would not continue its checkpoint."""
    pair = [spec, replace(spec, seed=1)]
    job = jobs.Job([one.to_dict() for one in pair], str(tmp_path))
    assert set(jobs.train_job(replace(job, deadline=time.time() - 1)).values()) == {"stopped"}
    (checkpoint,) = (tmp_path / "checkpoints").glob("*.pt")
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with locks.claim(tmp_path, spec.run_id):
            held.set()
            let_go.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    monkeypatch.setattr(time, "sleep", lambda seconds: (let_go.set(), holder.join()))  # while the job waits
    assert set(jobs.train_job(job).values()) == {"ok"}
    holder.join()
    assert not checkpoint.exists()


def test_what_was_left_by_a_process_killed_after_its_rows_goes(spec: RunSpec, tmp_path: Path) -> None:
    """The next sweep of the folder removes the checkpoint, lock and news of the finished run, and no others."""
    other, folder = replace(spec, seed=1), tmp_path / "checkpoints"
    for one in (spec, other):
        assert train_one(one, tmp_path, deadline=time.time() - 1) == "stopped"
    (folder / f"{spec.run_id}.progress").touch()
    append_rows([{"run_id": spec.run_id, "status": "ok"}], tmp_path / "runs.jsonl")
    with locks.claim(tmp_path, other.run_id):  # where somebody trains, nothing is touched
        sweep.sweep([spec], tmp_path, progress=False)
        assert (folder / f"{spec.run_id}.pt").exists()
    assert sweep.sweep([spec], tmp_path, progress=False) == {"skipped": 1}
    assert not list(folder.glob(f"{spec.run_id}.*"))
    assert (folder / f"{other.run_id}.pt").exists()


def test_orphans_are_removed_unless_someone_may_be_writing_them(spec: RunSpec, tmp_path: Path) -> None:
    orphan = tmp_path / "checkpoints" / "aaa.pt.tmp"
    orphan.parent.mkdir()
    orphan.touch()
    with locks.claim(tmp_path, "bbb"):
        sweep.sweep([], tmp_path, progress=False)
        sweep._prepare(tmp_path, set())
        assert orphan.exists()
    sweep._prepare(tmp_path, set())
    assert not orphan.exists()


def test_table_of_several_objectives_is_kept_apart(spec: RunSpec, tmp_path: Path) -> None:
    pair = [spec, replace(spec, objective="autoregressive")]
    for expected in ({"skipped": 0, "ok": 2}, {"skipped": 2}):
        assert sweep.sweep(pair, tmp_path, by_objective=True, workers=1, progress=False) == expected
    for one in pair:
        (row,) = read_rows(tmp_path / one.objective / "runs.jsonl")
        assert row["objective"] == one.objective


def losses(out: Path) -> dict[str, float]:
    return {row["row_id"]: row["loss"] for row in read_rows(out / "runs.jsonl")}


@pytest.fixture
def pair(spec: RunSpec) -> list[RunSpec]:
    return [replace(spec, seed=s) for s in (1, 2)]


def test_submitit_local_executor_gives_the_same_rows(
    pair: list[RunSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    pytest.importorskip("submitit", reason="needs the submitit extra")
    monkeypatch.setenv("PYTHONPATH", environment["PYTHONPATH"])
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    for one in pair:
        train_one(one, tmp_path / "here")
    ended = sweep.sweep(pair, tmp_path / "there", launcher="submitit", pack=1, progress=False)
    assert ended == {"skipped": 0, "ok": 2}
    assert losses(tmp_path / "there") == losses(tmp_path / "here")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # ray warns about its own dependencies while it starts
def test_ray_cluster_survives_a_killed_worker(pair: list[RunSpec], tmp_path: Path, environment: dict[str, str]) -> None:
    pytest.importorskip("ray", reason="needs the ray extra")
    script = Path(__file__).with_name("ray_kill.py")
    specs = [replace(one, tokens=8 * 32 * 1500, cooled_at=()).to_dict() for one in pair]
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), json.dumps(specs)],
        env=environment, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["killed"] == 1
    assert report["ended"] == {"skipped": 0, "ok": 2}
    assert len(report["pids"]) == 2
    for one in specs:
        train_one(RunSpec.from_dict(one), tmp_path / "here")
    assert losses(tmp_path) == losses(tmp_path / "here")


def test_unknown_launcher_is_named(spec: RunSpec, tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="launcher 'kubernetes' is not one of local, ray, submitit"):
        sweep.sweep([spec], tmp_path, launcher="kubernetes")
